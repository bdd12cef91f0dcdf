import assert from "node:assert/strict";
import { test } from "node:test";
import { effect, signal } from "@preact/signals";
import { browserClock } from "../src/api/clock.ts";
import { Frames, HIDDEN_MS } from "../src/live/frames.ts";

/** A browser that draws when the test says so, or never, as one that is hidden. */
class Screen {
  works: (() => void)[] = [];
  readonly beforeFrame = (work: () => void) => {
    this.works.push(work);
    return () => (this.works = this.works.filter((each) => each !== work));
  };
  draw(): void {
    const works = this.works;
    this.works = [];
    for (const work of works) work();
  }
}

test("what many streams received is put onto the page in one batch", () => {
  const screen = new Screen();
  const frames = new Frames({ ...browserClock, after: () => () => {} }, screen);
  const [a, b] = [signal(0), signal(0)];
  const painted: number[] = [];
  effect(() => void painted.push(a.value + b.value));
  const flush = () => (a.value += 1);
  frames.schedule(flush);
  frames.schedule(flush);
  frames.schedule(() => (b.value += 10));
  assert.equal(screen.works.length, 1);
  screen.draw();
  assert.deepEqual(painted, [0, 11], "the same work is done once, and painted once");
});

test("a hidden page works by a timer, and once only", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const screen = new Screen();
  const frames = new Frames(browserClock, screen);
  let done = 0;
  frames.schedule(() => (done += 1));
  t.mock.timers.tick(HIDDEN_MS - 1);
  assert.equal(done, 0);
  t.mock.timers.tick(1);
  assert.equal(done, 1);
  screen.draw();
  assert.equal(done, 1);
});

test("a stream that fails keeps no other from the page", () => {
  const screen = new Screen();
  const frames = new Frames({ ...browserClock, after: () => () => {} }, screen);
  let done = 0;
  frames.schedule(() => {
    throw new Error("broken");
  });
  frames.schedule(() => (done += 1));
  assert.throws(() => screen.draw(), /broken/);
  assert.equal(done, 1);
  frames.schedule(() => (done += 1));
  screen.draw();
  assert.equal(done, 2);
});
