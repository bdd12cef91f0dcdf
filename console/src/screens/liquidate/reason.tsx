// What a code means beside what it is about, and the way to the request that a second person decides.
import { actionWords, refusalWord } from "../../words/actions/words.ts";
import { liquidateWords } from "../../words/liquidate/words.ts";

/** A code that is newer than the page stands as it is. */
export function codeText(code: string): string {
  return refusalWord(code, actionWords.value);
}

/** Nothing if this person may not see it. */
export function RequestLink({ id }: { id: string | null }) {
  if (id === null) return null;
  return <a href={`/console/request/${encodeURIComponent(id)}`}>{liquidateWords.value.openRequest}</a>;
}
