// The dialog of the browser: it keeps the focus within, makes the page behind it inert, and gives the focus back.
import type { ComponentChildren, TargetedEvent, TargetedKeyboardEvent } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import "../style/dialog.css";
import { isComposed } from "./composed.ts";

interface DialogProps {
  readonly title: string;
  readonly open: boolean;
  /** Esc was pressed. The buttons are those of the caller. */
  readonly onClose: () => void;
  /** An answer is on its way, so that Esc would hide it. */
  readonly busy?: boolean;
  /** The first field in it gets the focus; let the button that confirms be the last element. */
  readonly children: ComponentChildren;
}

export function Dialog({ open, ...shown }: DialogProps) {
  return open ? <Opened {...shown} /> : null;
}

function Opened({ title, onClose, busy = false, children }: Omit<DialogProps, "open">) {
  const box = useRef<HTMLDialogElement>(null);
  const leaving = useRef(false);
  const name = useId();
  useLayoutEffect(() => {
    const dialog = box.current!;
    const before = aroundFocus();
    dialog.showModal();
    return () => {
      leaving.current = true;
      dialog.close();
      giveBack(before);
    };
  }, []);
  // A second Esc closes the dialog of the browser whatever the page says.
  const onClosed = () => {
    if (leaving.current) return;
    if (busy) box.current?.showModal();
    else onClose();
  };
  const onCancel = (event: TargetedEvent<HTMLDialogElement>) => {
    event.preventDefault();
    if (!busy) onClose();
  };
  return (
    <dialog ref={box} aria-labelledby={name} onCancel={onCancel} onClose={onClosed} onKeyDown={guardKeys}>
      <h2 id={name}>{title}</h2>
      {children}
    </dialog>
  );
}

/** What has the focus, and the elements around it, from within outwards. */
function aroundFocus(): HTMLElement[] {
  const elements: HTMLElement[] = [];
  for (let each = document.activeElement; each instanceof HTMLElement; each = each.parentElement) elements.push(each);
  return elements;
}

/** To the innermost one that is still on the page: the button that opened the dialog may be gone by then. */
function giveBack(elements: readonly HTMLElement[]): void {
  for (const element of elements.filter(({ isConnected }) => isConnected)) {
    element.focus();
    if (document.activeElement === element) return;
  }
}

/** A held key presses no button, Enter in a field presses none either, and no key is one of the page behind. */
function guardKeys(event: TargetedKeyboardEvent<HTMLDialogElement>): void {
  event.stopPropagation();
  if (isComposed(event)) return;
  const target = event.target as Element;
  const isHeld = event.repeat && (event.key === "Enter" || event.key === " ") && target.closest("button, summary") !== null;
  const isEntered = event.key === "Enter" && target.matches("input");
  if (isHeld || isEntered) event.preventDefault();
}
