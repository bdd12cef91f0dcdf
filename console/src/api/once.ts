// One intention is one idempotency key, however often it is pressed or sent again (docs/api.md, "Idempotency").

/** What a dialog holds from its opening to its end. */
export interface Once {
  readonly key: string;
  /**
   * Send the intention. A press while it is on its way sends nothing and has the answer of the first one. After a lost
   * answer the next press sends the same key again.
   */
  send<Answer>(work: (key: string) => Promise<Answer>): Promise<Answer>;
}

/** A new key when a dialog opens. A dialog whose content changes after it was answered needs another. */
export function once(newKey: () => string = () => crypto.randomUUID()): Once {
  const key = newKey();
  let running: Promise<unknown> | null = null;
  return {
    key,
    send<Answer>(work: (key: string) => Promise<Answer>): Promise<Answer> {
      if (running) return running as Promise<Answer>;
      const answer = work(key).finally(() => (running = null));
      running = answer;
      return answer;
    },
  };
}
