// The token of the person at the page: it comes in the fragment of the address, which no server receives.
//
// It is taken out of the address at once, and kept in memory and in the storage of this tab alone: another tab, and the
// same one after it was closed, know nothing of it. Where the desk names a login service, a token is taken only with
// the state that this tab has sent there; otherwise a link of another person could sign this one in as themselves.
import { signal } from "@preact/signals";

const TOKEN = "desk.token";
const STATE = "desk.login-state";
const STATE_BYTES = 16;

/** What the sign-in uses of a window; a test gives one of its own. */
export interface Page {
  readonly location: Pick<Location, "hash" | "pathname" | "search" | "origin" | "assign">;
  readonly history: Pick<History, "replaceState">;
  readonly sessionStorage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
}

/** The token, or null while none is signed in. */
export const token = signal<string | null>(null);

/** Take the token out of the address, or out of the storage of this tab. `loginUrl` is null where links sign in. */
export function takeToken(page: Page, loginUrl: string | null): void {
  const given = new URLSearchParams(page.location.hash.slice(1));
  const offered = given.get("token");
  if (offered !== null) {
    page.history.replaceState(null, "", page.location.pathname + page.location.search);
    const expected = page.sessionStorage.getItem(STATE);
    page.sessionStorage.removeItem(STATE);
    if (loginUrl === null || (expected !== null && given.get("state") === expected)) {
      page.sessionStorage.setItem(TOKEN, offered);
    }
  }
  token.value = page.sessionStorage.getItem(TOKEN);
}

/** Forget the token, here and in the storage of the tab. */
export function signOut(page: Page): void {
  page.sessionStorage.removeItem(TOKEN);
  token.value = null;
}

/** Go to the login service, which leads back to this page. */
export function goToLogin(page: Page, loginUrl: string): void {
  const state = Array.from(crypto.getRandomValues(new Uint8Array(STATE_BYTES)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  page.sessionStorage.setItem(STATE, state);
  const address = new URL(loginUrl);
  address.searchParams.set("state", state);
  address.searchParams.set("redirect_uri", page.location.origin + page.location.pathname);
  page.location.assign(address.href);
}

/** Where a person signs in, which the desk writes into the page; null where links sign in. */
export function loginUrlOf(document: Document): string | null {
  return document.querySelector<HTMLMetaElement>('meta[name="login-url"]')?.content || null;
}
