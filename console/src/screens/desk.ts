// What every screen has of the desk: what is live of it, and who is signed in.
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { useSignal, useSignalEffect, type ReadonlySignal } from "@preact/signals";
import type { Answer } from "../api/http.ts";
import type { Operation } from "../api/operation.ts";
import type { ViewerQuery } from "../api/operations.ts";
import type { LiveDesk } from "../live/desk.ts";

export interface Desk {
  readonly live: LiveDesk;
  readonly viewer: ViewerQuery["viewer"];
}

export const DeskContext = createContext<Desk | null>(null);

export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (desk === null) throw new Error("a screen was shown to a person who is not signed in");
  return desk;
}

export interface Asked<Data> {
  /** Null until the first answer; what was answered stays while it is asked again. */
  readonly answer: ReadonlySignal<Answer<Data> | null>;
  readonly again: () => void;
}

/** Ask once, and again whenever a signal changes that `variables` reads; an answer that is overtaken is dropped. */
export function useAnswer<Data, Variables>(operation: Operation<Data, Variables>, variables: () => Variables): Asked<Data> {
  const { session } = useDesk().live;
  const answer = useSignal<Answer<Data> | null>(null);
  const tries = useSignal(0);
  useSignalEffect(() => {
    void tries.value;
    const giveUp = new AbortController();
    void session.http.ask(operation, variables(), giveUp.signal).then((given) => {
      if (!giveUp.signal.aborted) answer.value = given;
    });
    return () => giveUp.abort();
  });
  return { answer, again: () => (tries.value += 1) };
}

/** Follow a stream as long as the component is on the page; null before it is. */
export function useFollowing<Followed extends { stop(): void }>(begin: (live: LiveDesk) => Followed): Followed | null {
  const { live } = useDesk();
  const [followed, setFollowed] = useState<Followed | null>(null);
  useEffect(() => {
    const begun = begin(live);
    setFollowed(begun);
    return () => begun.stop();
  }, [live]);
  return followed;
}
