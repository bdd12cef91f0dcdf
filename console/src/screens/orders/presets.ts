// The lists of orders that a person chooses from.
import type { OrderFilter } from "../../api/operations.ts";

export const PRESETS = ["open", "today", "rejected", "unknown"] as const;
export type Preset = (typeof PRESETS)[number];

/** Of rejected orders: all that there ever were would not fit into a snapshot. */
export const REJECTED_DAYS = 7;

/** The list that the address names. */
export function presetOf(name: string | undefined): Preset {
  return PRESETS.find((preset) => preset === name) ?? "open";
}

/** `now` is in milliseconds since 1970. It is read once, so that a list goes on over midnight. */
export function filterOf(preset: Preset, now: number): OrderFilter {
  switch (preset) {
    case "open":
      return {
        status: ["PENDING_APPROVAL", "QUEUED", "PENDING_NEW", "NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", "UNKNOWN"],
      };
    case "today":
      return { createdAfter: midnight(now, 0) };
    case "rejected":
      return { status: ["REJECTED"], createdAfter: midnight(now, REJECTED_DAYS - 1) };
    case "unknown":
      return { status: ["UNKNOWN"] };
  }
}

/** The beginning of the day so many days before, in the zone of the person, who reads it beside the list. */
function midnight(now: number, daysBefore: number): string {
  const day = new Date(now);
  day.setHours(0, 0, 0, 0);
  day.setDate(day.getDate() - daysBefore);
  return day.toISOString();
}
