import { useSignal, useSignalEffect } from "@preact/signals";
import { ask, type Answer } from "./api/http.ts";
import { ViewerDocument, type ViewerQuery } from "./api/operations.ts";
import { token } from "./sign_in.ts";
import { words } from "./words/words.ts";

export function App() {
  const answer = useSignal<Answer<ViewerQuery> | null>(null);
  useSignalEffect(() => {
    const held = token.value;
    if (held !== null) void ask(ViewerDocument, {}, held).then((given) => (answer.value = given));
  });
  const say = words.value;
  if (token.value === null) return <p>{say.signedOut}</p>;
  if (answer.value === null) return <p>{say.loading}</p>;
  if (!answer.value.ok) return <p role="alert">{`${answer.value.code}: ${answer.value.message}`}</p>;
  return <p>{say.signedInAs(answer.value.data.viewer.subject)}</p>;
}
