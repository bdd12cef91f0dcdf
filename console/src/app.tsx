// The frame of every page: who is signed in, the navigation, the language, and the screen.
import { useSignal, useSignalEffect } from "@preact/signals";
import { ErrorBoundary } from "preact-iso/lazy";
import { LocationProvider, Route, Router, useLocation } from "preact-iso/router";
import { useEffect } from "preact/hooks";
import type { Answer } from "./api/http.ts";
import { ViewerDocument, type ViewerQuery } from "./api/operations.ts";
import { GoKeys } from "./go_keys.ts";
import { LiveDesk } from "./live/desk.ts";
import { browserPainter } from "./live/frames.ts";
import { ProblemNote } from "./parts/problem.tsx";
import { PLACES } from "./routes.ts";
import { DeskContext, type Desk } from "./screens/desk.ts";
import { goToLogin, loginUrlOf, signOut, token } from "./sign_in.ts";
import { choose, language, LANGUAGES, words, type Language } from "./words/words.ts";

export function App() {
  const live = useSignal<LiveDesk | null>(null);
  const answer = useSignal<Answer<ViewerQuery> | null>(null);
  useSignalEffect(() => {
    if (token.value === null) return;
    const opened = open();
    live.value = opened;
    const giveUp = new AbortController();
    void opened.session.http.ask(ViewerDocument, {}, giveUp.signal).then((given) => {
      if (!giveUp.signal.aborted) answer.value = given;
    });
    const hurry = () => document.hidden || opened.hurry();
    window.addEventListener("online", hurry);
    document.addEventListener("visibilitychange", hurry);
    return () => {
      window.removeEventListener("online", hurry);
      document.removeEventListener("visibilitychange", hurry);
      giveUp.abort();
      opened.close();
      live.value = null;
      answer.value = null;
    };
  });
  if (token.value === null) return <SignedOut />;
  if (live.value === null || answer.value === null) return <p aria-busy="true">{words.value.loading}</p>;
  if (!answer.value.ok) return <ProblemNote {...answer.value} again={() => location.reload()} />;
  return <SignedIn desk={{ live: live.value, viewer: answer.value.data.viewer }} />;
}

function open(): LiveDesk {
  return new LiveDesk({
    token,
    origin: location.origin,
    painter: browserPainter,
    signedOut: () => signOut(window),
    expiring: () => {},
  });
}

function SignedIn({ desk }: { desk: Desk }) {
  const say = words.value;
  return (
    <DeskContext.Provider value={desk}>
      <LocationProvider scope="/console/">
        <Keys />
        <a class="skip" href="#content">
          {say.skipToContent}
        </a>
        <header>
          <nav aria-label={say.pages}>
            <Links />
          </nav>
          <span class="space" />
          {desk.viewer.capabilities.includes("LIQUIDATE") || <span class="badge">{say.readOnly}</span>}
          <span>
            <bdi>{say.signedInAs(desk.viewer.subject)}</bdi>
          </span>
          <Languages />
          <button type="button" onClick={() => signOut(window)}>
            {say.signOut}
          </button>
        </header>
        <main id="content" tabIndex={-1}>
          <ErrorBoundary>
            <Router>
              {PLACES.map(({ path, screen }) => (
                <Route key={path} path={path} component={screen} />
              ))}
              <Route key="none" default component={NotFound} />
            </Router>
          </ErrorBoundary>
        </main>
      </LocationProvider>
    </DeskContext.Provider>
  );
}

function Links() {
  const { path } = useLocation();
  const say = words.value;
  return (
    <>
      {PLACES.map((place) =>
        place.title === null ? null : (
          <a key={place.path} href={place.path} aria-current={path === place.path.replace(/\/$/, "") ? "page" : undefined}>
            {say[place.title]}
          </a>
        ),
      )}
    </>
  );
}

const LETTERS = new Map(PLACES.flatMap(({ letter, path }) => (letter === null ? [] : [[letter, path] as const])));
const FIELDS = "input, textarea, select, dialog";

/** The keys that go to a page, before any list gets them. */
function Keys() {
  const { route } = useLocation();
  useEffect(() => {
    const keys = new GoKeys(LETTERS);
    const onKeyDown = (event: KeyboardEvent) => {
      if ((event.target as Element).closest(FIELDS) || document.querySelector("dialog[open]")) return;
      const gone = keys.press(event, event.timeStamp);
      if (gone === null) return;
      event.preventDefault();
      event.stopPropagation();
      if (gone.to === null) return;
      const isThere = location.pathname === gone.to;
      // A list that comes onto the page takes the focus from the content around it.
      document.querySelector<HTMLElement>(isThere ? "#content [role=grid]" : "#content")?.focus();
      if (!isThere) route(gone.to);
    };
    document.addEventListener("keydown", onKeyDown, true);
    return () => document.removeEventListener("keydown", onKeyDown, true);
  }, [route]);
  return null;
}

function Languages() {
  return (
    <select
      aria-label={words.value.language}
      value={language.value}
      onChange={(event) => void choose(window, event.currentTarget.value as Language)}
    >
      {Object.entries(LANGUAGES).map(([tag, name]) => (
        <option key={tag} value={tag} lang={tag}>
          {name}
        </option>
      ))}
    </select>
  );
}

function NotFound() {
  return <p class="empty">{words.value.notFound}</p>;
}

function SignedOut() {
  const say = words.value;
  const loginUrl = loginUrlOf(document);
  return (
    <main class="signed-out">
      <h1>{say.desk}</h1>
      {loginUrl === null ? (
        <p>{say.signedOut}</p>
      ) : (
        <button type="button" onClick={() => goToLogin(window, loginUrl)}>
          {say.signIn}
        </button>
      )}
      <Languages />
    </main>
  );
}
