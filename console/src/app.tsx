import { useSignal, useSignalEffect } from "@preact/signals";
import { ask, type Answer } from "./api/http.ts";
import { ViewerDocument, type ViewerQuery } from "./api/operations.ts";
import { goToLogin, loginUrlOf, token } from "./sign_in.ts";
import { words } from "./words/words.ts";

export function App() {
  const answer = useSignal<Answer<ViewerQuery> | null>(null);
  useSignalEffect(() => {
    const held = token.value;
    if (held !== null) void ask(ViewerDocument, {}, held).then((given) => (answer.value = given));
  });
  const say = words.value;
  if (token.value === null) return <SignedOut />;
  if (answer.value === null) return <p>{say.loading}</p>;
  if (!answer.value.ok) return <p role="alert">{`${answer.value.code}: ${answer.value.message}`}</p>;
  return <p>{say.signedInAs(answer.value.data.viewer.subject)}</p>;
}

function SignedOut() {
  const say = words.value;
  const loginUrl = loginUrlOf(document);
  if (loginUrl === null) return <p>{say.signedOut}</p>;
  return (
    <button type="button" onClick={() => goToLogin(window, loginUrl)}>
      {say.signIn}
    </button>
  );
}
