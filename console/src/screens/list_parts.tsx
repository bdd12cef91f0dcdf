// What every live list has beside its rows.
import { computed, type ReadonlySignal } from "@preact/signals";
import { formatCount } from "../exact/format.ts";
import type { Copied } from "../grid/clipboard.ts";
import type { GridState } from "../grid/state.ts";
import type { Light } from "../live/light.ts";
import { language, words } from "../words/words.ts";

/** In CSS pixels, as `--row` of the style. */
export const ROW_HEIGHT = 32;

/** Whether the first snapshot of the list has come; it stays so while another one does, which comes at once. */
export function wholeOf(light: Light): ReadonlySignal<boolean> {
  let isWhole = false;
  return computed(() => (isWhole ||= !["connecting", "snapshot"].includes(light.state.value.is)));
}

/** What is selected, what the held order would change, and the button that changes it. */
export function WaitingLine<Row>({ state }: { state: GridState<Row> }) {
  const say = words.value;
  const { added, moved, left } = state.order.waiting.value;
  const chosen = state.selection.size.value;
  const count = (value: number) => formatCount(value, language.value);
  return (
    <p>
      {chosen > 0 && <span>{say.chosen(count(chosen))} </span>}
      {added + moved + left > 0 && (
        <button type="button" onClick={() => state.order.show()}>
          {say.waiting(count(added), count(moved), count(left))}
        </button>
      )}
    </p>
  );
}

/** A page without the right to the clipboard of HTML copies the text alone. */
export async function copy({ text, html }: Copied): Promise<void> {
  const item = { "text/plain": new Blob([text], { type: "text/plain" }), "text/html": new Blob([html], { type: "text/html" }) };
  try {
    await navigator.clipboard.write([new ClipboardItem(item)]);
  } catch {
    await navigator.clipboard.writeText(text);
  }
}
