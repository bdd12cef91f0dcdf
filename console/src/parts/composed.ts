// Keys of input methods, in one place: Enter that accepts a word must not press anything.

const COMPOSING = 229;

/** Whether the key belongs to an input method, so that no handler of the page may act. */
export function isComposed({ isComposing, keyCode }: { readonly isComposing: boolean; readonly keyCode: number }): boolean {
  return isComposing || keyCode === COMPOSING;
}
