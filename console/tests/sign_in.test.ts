import assert from "node:assert/strict";
import { test } from "node:test";
import { goToLogin, signOut, takeToken, token, type Page } from "../src/sign_in.ts";

const LOGIN = "https://login.example.com/start?desk=1";

interface OpenPage extends Page {
  readonly kept: Map<string, string>;
  address: string;
  left: string;
}

/** A tab at this address, with what it kept before. */
function opened(address: string, kept = new Map<string, string>()): OpenPage {
  const url = new URL(address, "https://desk.example.com");
  const page: OpenPage = {
    kept,
    address: url.href,
    left: "",
    location: {
      hash: url.hash,
      pathname: url.pathname,
      search: url.search,
      origin: url.origin,
      assign: (to: string | URL) => void (page.left = String(to)),
    },
    history: { replaceState: (_state, _unused, to) => void (page.address = new URL(String(to), url.origin).href) },
    sessionStorage: {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    },
  };
  return page;
}

test("a token is taken out of the address at once, and kept for this tab", () => {
  const page = opened("/console/orders?view=a#token=abc");
  takeToken(page, null);
  assert.equal(token.value, "abc");
  assert.equal(page.address, "https://desk.example.com/console/orders?view=a");
  takeToken(opened("/console/", page.kept), null);
  assert.equal(token.value, "abc");
  takeToken(opened("/console/"), null);
  assert.equal(token.value, null);
});

test("signing out leaves nothing in the tab", () => {
  const page = opened("/console/#token=abc");
  takeToken(page, null);
  signOut(page);
  assert.equal(token.value, null);
  assert.deepEqual([...page.kept], []);
});

test("the login service gets a state and the way back, and its answer signs in", () => {
  const page = opened("/console/orders");
  goToLogin(page, LOGIN);
  const sent = new URL(page.left).searchParams;
  assert.equal(sent.get("desk"), "1");
  assert.equal(sent.get("redirect_uri"), "https://desk.example.com/console/orders");
  assert.match(sent.get("state") ?? "", /^[0-9a-f]{32}$/);
  const back = opened(`/console/orders#token=abc&state=${sent.get("state")}`, page.kept);
  takeToken(back, LOGIN);
  assert.equal(token.value, "abc");
});

for (const fragment of ["token=abc", "token=abc&state=", "token=abc&state=0"]) {
  test(`beside a login service a link with ${fragment} signs in no one, and leaves the address`, () => {
    const page = opened("/console/");
    goToLogin(page, LOGIN);
    const back = opened(`/console/#${fragment}`, page.kept);
    takeToken(back, LOGIN);
    assert.equal(token.value, null);
    assert.equal(back.address, "https://desk.example.com/console/");
  });
}

test("a state is good for one answer", () => {
  const page = opened("/console/");
  goToLogin(page, LOGIN);
  const state = new URL(page.left).searchParams.get("state");
  takeToken(opened(`/console/#token=abc&state=${state}`, page.kept), LOGIN);
  signOut(page);
  takeToken(opened(`/console/#token=abc&state=${state}`, page.kept), LOGIN);
  assert.equal(token.value, null);
});
