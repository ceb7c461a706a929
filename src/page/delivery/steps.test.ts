import { expect, test } from "bun:test";
import type { DeliveryStep } from "../../dashboard/wire.ts";
import { barsOf, greatest, stretchesOf, wholeDownMs } from "./steps.ts";

const step = (atMs: number, more: Partial<DeliveryStep>): DeliveryStep => ({
  atMs,
  upShare: null,
  downMs: null,
  rows: null,
  objects: null,
  bytes: null,
  failures: null,
  bufferBytes: null,
  ...more,
});

test("bars are as high as their share of the greatest, and what is not known has none", () => {
  const steps = [step(0, {}), step(1, { rows: 0 }), step(2, { rows: 5 }), step(3, { rows: 10 })];
  expect(greatest(steps, "rows")).toBe(10);
  expect(barsOf(steps, "rows").map(({ value, height }) => [value, height])).toEqual([
    [null, 0],
    [0, 0],
    [5, 0.5],
    [10, 1],
  ]);
  expect(barsOf(steps, "rows", 20).at(-1)?.height).toBe(0.5);
  expect(barsOf(steps, "bytes").map(({ height }) => height)).toEqual([0, 0, 0, 0]);
});

test("steps of one state are one stretch; a step in which the link changed is a state of its own", () => {
  const steps = [null, 1, 1, 0.4, 0, 0, 1].map((upShare, at) =>
    step(at, { upShare, downMs: upShare === null ? null : (1 - upShare) * 500 }),
  );
  expect(stretchesOf(steps)).toEqual([
    { state: "unknown", first: 0, count: 1 },
    { state: "up", first: 1, count: 2 },
    { state: "partly", first: 3, count: 1 },
    { state: "down", first: 4, count: 2 },
    { state: "up", first: 6, count: 1 },
  ]);
  expect(wholeDownMs(steps)).toBe(1_300);
});
