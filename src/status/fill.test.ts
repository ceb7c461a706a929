import { expect, test } from "bun:test";
import { fullInMs } from "./fill.ts";

const MINUTE = 60_000;
const samples = (...bytes: readonly number[]) => bytes.map((one, at) => ({ atMs: at * MINUTE, bytes: one }));

test("a buffer that fills evenly is full when the rest of its limit is used up", () => {
  expect(fullInMs(samples(100, 200, 300), 600)).toBeCloseTo(3 * MINUTE, 0);
  expect(fullInMs(samples(100, 200, 600), 600)).toBe(0);
  // What happened before the last minutes does not count.
  expect(fullInMs([{ atMs: -60 * MINUTE, bytes: 5_000 }, ...samples(100, 200)], 300)).toBeCloseTo(MINUTE, 0);
});

test("nothing is said of a buffer that does not fill, or that was not watched for a minute", () => {
  expect(fullInMs([], 600)).toBe(null);
  expect(fullInMs(samples(100), 600)).toBe(null);
  expect(fullInMs(samples(300, 300), 600)).toBe(null);
  expect(fullInMs(samples(300, 200), 600)).toBe(null);
  expect(fullInMs(samples(100, 101), 1e12)).toBe(null);
});
