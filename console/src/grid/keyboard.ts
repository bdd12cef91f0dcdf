// What a key means in a grid. No key acts while an input method composes, and a held key acts only where repeating it
// does no harm.

import { isComposed } from "../parts/composed.ts";

export type Command =
  | { readonly is: "move"; readonly to: Move; readonly extend: boolean }
  | { readonly is: "open" | "select" | "select view" | "clear" | "show order" }
  | { readonly is: "copy"; readonly headers: boolean }
  | { readonly is: "move column" | "resize column" | "go to column"; readonly by: -1 | 1 }
  /** A letter of section "Keyboard" of docs/console.md, which the screen knows. */
  | { readonly is: "letter"; readonly letter: string };

export type Move = "up" | "down" | "page up" | "page down" | "first" | "last";

/** Of a KeyboardEvent. */
export interface Key {
  readonly key: string;
  readonly keyCode: number;
  readonly isComposing: boolean;
  readonly repeat: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

const MOVES: Readonly<Record<string, Move>> = {
  ArrowUp: "up",
  ArrowDown: "down",
  k: "up",
  j: "down",
  PageUp: "page up",
  PageDown: "page down",
  Home: "first",
  End: "last",
};

/** Null: the key is not the grid's. `letters` says whether single letters act, which a person can switch off. */
export function commandOf(key: Key, letters: boolean): Command | null {
  if (isComposed(key)) return null;
  const control = key.ctrlKey || key.metaKey;
  if (key.altKey) return control ? null : ofColumn(key);
  if (control) return withControl(key);
  const move = key.key.length === 1 && !letters ? undefined : MOVES[key.key];
  if (move) return { is: "move", to: move, extend: key.shiftKey };
  if (key.key === "ArrowLeft" || key.key === "ArrowRight") {
    return { is: "go to column", by: key.key === "ArrowLeft" ? -1 : 1 };
  }
  if (key.repeat) return null;
  if (key.key === "Enter") return { is: "open" };
  if (key.key === " ") return { is: "select" };
  if (key.key === "Escape") return { is: "clear" };
  if (!letters || key.key.length !== 1 || key.shiftKey) return null;
  return key.key === "." ? { is: "show order" } : /^[a-z]$/.test(key.key) ? { is: "letter", letter: key.key } : null;
}

function ofColumn({ key, shiftKey }: Key): Command | null {
  if (key !== "ArrowLeft" && key !== "ArrowRight") return null;
  return { is: shiftKey ? "resize column" : "move column", by: key === "ArrowLeft" ? -1 : 1 };
}

function withControl({ key, shiftKey, repeat }: Key): Command | null {
  if (repeat) return null;
  switch (key.toLowerCase()) {
    case "c":
      return { is: "copy", headers: shiftKey };
    case "a":
      return shiftKey ? null : { is: "select view" };
    case "home":
      return { is: "move", to: "first", extend: shiftKey };
    case "end":
      return { is: "move", to: "last", extend: shiftKey };
    default:
      return null;
  }
}

/** The place after a move among `count` rows, of which `page` fit on the screen; -1 if there are none. */
export function moved(place: number, to: Move, count: number, page: number): number {
  const last = count - 1;
  const within = (wanted: number) => Math.max(Math.min(wanted, last), Math.min(0, last));
  switch (to) {
    case "up":
      return within(place - 1);
    case "down":
      return within(place + 1);
    case "page up":
      return within(place - page);
    case "page down":
      return within(Math.max(place, 0) + page);
    case "first":
      return within(0);
    case "last":
      return within(last);
  }
}
