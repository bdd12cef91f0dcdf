// A refusal where the action was: its code in the language of the page, the desk's sentence, and the next step.
import { nextStep, type Refusal } from "../api/refusals.ts";
import { actionWords, refusalWord } from "../words/actions/words.ts";

export function RefusalNote({ code, message }: Refusal) {
  const say = actionWords.value;
  return (
    <span class="refusal">
      <strong title={code}>{refusalWord(code, say)}</strong> <code>{code}</code>
      <small lang="en">{message}</small>
      <small>{say.nextStep[nextStep(code)]}</small>
    </span>
  );
}
