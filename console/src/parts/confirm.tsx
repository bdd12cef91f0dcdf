// Confirming what a dialog shows. See arming.ts for what counts as a press.
import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useId, useLayoutEffect, useMemo } from "preact/hooks";
import { browserClock } from "../api/clock.ts";
import { actionWords } from "../words/actions/words.ts";
import { Arming, isDeliberate, isTyped } from "./arming.ts";

export interface Confirmed {
  /** A text that changes when a figure changes on which the person decides. */
  readonly figures: string;
  /** The word that has to be typed first, if there is one. */
  readonly typed?: string | undefined;
}

export interface Confirming {
  readonly armed: boolean;
  /** Whether the press counts; call it once for each click. Other figures are needed before another one counts. */
  readonly confirm: (event: Event) => boolean;
  /** What was typed so far. */
  readonly typed: Signal<string>;
}

export function useConfirm({ figures, typed = "" }: Confirmed): Confirming {
  const arming = useMemo(() => new Arming(browserClock), []);
  const text = useSignal("");
  useLayoutEffect(() => arming.show(figures), [arming, figures]);
  useEffect(() => () => arming.stop(), [arming]);
  const wordFits = () => isTyped(text.peek(), typed);
  return {
    armed: arming.armed.value && isTyped(text.value, typed),
    confirm: (event) => isDeliberate(event) && wordFits() && arming.press(),
    typed: text,
  };
}

interface ConfirmButtonProps {
  /** What it does, with the numbers of the request. */
  readonly label: string;
  readonly confirming: Confirming;
  readonly pressed: () => void;
}

/** It keeps the focus while it is not armed, which a disabled button would lose. */
export function ConfirmButton({ label, confirming, pressed }: ConfirmButtonProps) {
  const { armed, confirm } = confirming;
  return (
    <button
      type="button"
      class="confirm"
      aria-disabled={!armed}
      title={armed ? undefined : actionWords.value.justChanged}
      onClick={(event) => confirm(event) && pressed()}
    >
      {label}
    </button>
  );
}

/** Where the word is typed; put it before the buttons, so that the order of Tab ends on them. */
export function TypedWord({ word, typed }: { word: string; typed: Signal<string> }) {
  const name = useId();
  return (
    <p>
      <label for={name}>{actionWords.value.typeWord(word)}</label>{" "}
      <input id={name} autoComplete="off" value={typed} onInput={(event) => (typed.value = event.currentTarget.value)} />
    </p>
  );
}
