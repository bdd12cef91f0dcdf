// The token of the person at the page: it comes in the fragment of the address, which no server receives.
//
// It is taken out of the address at once, and kept in memory and in the storage of this tab alone: another tab, and the
// same one after it was closed, know nothing of it.
import { signal } from "@preact/signals";

const KEY = "desk.token";

/** The token, or null while none is signed in. */
export const token = signal<string | null>(null);

/** Take the token out of the address, or out of the storage of this tab. */
export function takeToken(page: Window): void {
  const given = new URLSearchParams(page.location.hash.slice(1)).get("token");
  if (given !== null) {
    page.history.replaceState(null, "", page.location.pathname + page.location.search);
    page.sessionStorage.setItem(KEY, given);
  }
  token.value = given ?? page.sessionStorage.getItem(KEY);
}

/** Forget the token, here and in the storage of the tab. */
export function signOut(page: Window): void {
  page.sessionStorage.removeItem(KEY);
  token.value = null;
}
