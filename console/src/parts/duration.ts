// Durations in whole days and hours, or in minutes below an hour: more would claim what a deadline does not know.
import type { Words } from "../words/en.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_H = 24;

/** Of this many milliseconds, 0 or more, rounded down. */
export function durationText(ms: number, say: Words): string {
  if (ms < HOUR_MS) return say.minutes(String(Math.floor(ms / MINUTE_MS)));
  const hours = Math.floor(ms / HOUR_MS);
  if (hours < DAY_H) return say.hours(String(hours));
  return `${say.days(String(Math.floor(hours / DAY_H)))} ${say.hours(String(hours % DAY_H))}`;
}
