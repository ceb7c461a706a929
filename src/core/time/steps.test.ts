/** Long work in small steps. */
import { expect, test } from "bun:test";
import { finished, inSlices } from "./steps.ts";

function* counting(to: number, each: () => void = () => undefined): Generator<void, number> {
  for (let i = 0; i < to; i++) {
    each();
    yield;
  }
  return to;
}

test("all steps at once, or in slices, end with the same value", async () => {
  const never = new AbortController().signal;
  expect(finished(counting(100))).toBe(100);
  expect(await inSlices(counting(100), { sliceMs: 0, share: 1 }, never)).toBe(100);
});

test("between two slices the rest of the process has its turn", async () => {
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  turn();
  let seen = 0;
  await inSlices(
    counting(50, () => {
      seen = turns;
    }),
    { sliceMs: 0, share: 1 },
    new AbortController().signal,
  );
  isOver = true;
  expect(seen).toBeGreaterThan(10);
});

test("an abort ends it before the next slice, also in a pause", async () => {
  const stop = new AbortController();
  let steps = 0;
  const work = inSlices(
    counting(1_000, () => {
      if (++steps === 3) stop.abort(new Error("the client is gone"));
    }),
    { sliceMs: 0, share: 1 },
    stop.signal,
  );
  expect(work).rejects.toThrow("the client is gone");
  await work.catch(() => undefined);
  expect(steps).toBe(3);
});
