import { expect, test } from "bun:test";
import { ReadingBlock } from "../../core/reading.ts";
import { MS_PER_HOUR } from "../../core/time/duration.ts";
import { sampleTimes } from "./lag.ts";

const HOUR = Date.UTC(2026, 9, 1, 12);
const FACTS = { ingestedAtMs: HOUR, rulesVersion: "", timeQuality: "ok", agentVersion: "1" } as const;

function stored(firstSeq: number, times: readonly number[]) {
  const block = new ReadingBlock(times.length);
  for (const time of times) block.add(0, time, 0);
  return { firstSeq, block, facts: FACTS };
}

test("the times of an object's readings: all of few, else some that are evenly spaced, with the first and the last", () => {
  const few = stored(1, [HOUR, HOUR + 1_000, HOUR + 2_000]);
  expect([...sampleTimes([few], { first: 1, last: 3, hourMs: HOUR })]).toEqual([HOUR, HOUR + 1_000, HOUR + 2_000]);
  const one = stored(
    5,
    Array.from({ length: 1_000 }, (_, i) => HOUR + i),
  );
  const two = stored(
    1_005,
    Array.from({ length: 500 }, (_, i) => HOUR + 1_000 + i),
  );
  const many = sampleTimes([one, two], { first: 5, last: 1_504, hourMs: HOUR });
  expect(many.length).toBe(64);
  expect([many[0], many.at(-1)]).toEqual([HOUR, HOUR + 1_499]);
  expect([...many].every((time, i) => i === 0 || Math.abs(time - many[i - 1]! - 1_499 / 63) <= 1)).toBe(true);
});

test("the range may begin inside a block, and end inside one", () => {
  const times = Array.from({ length: 100 }, (_, i) => HOUR + i);
  const found = sampleTimes([stored(1, times), stored(101, times)], { first: 51, last: 110, hourMs: HOUR });
  expect([found.length, found[0], found.at(-1)]).toEqual([60, HOUR + 50, HOUR + 9]);
});

test("only readings of the object's hour; where none of it is met, the middle of the hour", () => {
  const block = stored(1, [HOUR - 1, HOUR, HOUR + MS_PER_HOUR - 1, HOUR + MS_PER_HOUR]);
  const range = { first: 1, last: 4 };
  expect([...sampleTimes([block], { ...range, hourMs: HOUR })]).toEqual([HOUR, HOUR + MS_PER_HOUR - 1]);
  expect([...sampleTimes([block], { ...range, hourMs: HOUR + 5 * MS_PER_HOUR })]).toEqual([HOUR + 5.5 * MS_PER_HOUR]);
});
