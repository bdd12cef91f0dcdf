// Time and chance, given to whatever waits, so that a test decides about both.

export interface Clock {
  /** Milliseconds since 1970 by the browser's clock, which may be wrong: see live/server_clock.ts. */
  now(): number;
  /** Call `work` once after `ms`; the result cancels it. */
  after(ms: number, work: () => void): () => void;
  /** From 0 up to, not including, 1. */
  random(): number;
}

export const browserClock: Clock = {
  now: () => Date.now(),
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
