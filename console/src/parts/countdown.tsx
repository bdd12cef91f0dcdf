import type { ReadonlySignal } from "@preact/signals";
import { words } from "../words/words.ts";
import { durationText } from "./duration.ts";

/** How long it is until a time of the API, by a clock in milliseconds; beyond it, how long ago it was. */
export function Countdown({ iso, clock }: { iso: string; clock: ReadonlySignal<{ readonly now: number }> }) {
  const say = words.value;
  const left = Date.parse(iso) - clock.value.now;
  if (left >= 0) return <span>{say.remaining(durationText(left, say))}</span>;
  return <strong class="stale">{say.overdue(durationText(-left, say))}</strong>;
}
