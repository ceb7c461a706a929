import { expect, test } from "bun:test";
import { RateCounter } from "./rates.ts";

const START = Date.UTC(2026, 9, 1);
const DAY_MS = 86_400_000;
const BOUNDS = { earliestTime: Date.UTC(2000, 0, 1), latestAhead: 366 * DAY_MS };

/** A counter with a clock of its own; `wall` is set apart from it. */
function counted(startMs = 0) {
  const clock = { runningMs: startMs, wallMs: START };
  const rates = new RateCounter(() => clock.runningMs, BOUNDS);
  const pass = (seconds: number) => {
    clock.runningMs += seconds * 1_000;
    clock.wallMs += seconds * 1_000;
  };
  const deliver = (rows: number, ...lagsS: number[]) => {
    const times = Float64Array.from(lagsS, (lag) => clock.wallMs - lag * 1_000);
    rates.delivered("raw", { rows, bytes: rows * 10 }, times, clock.wallMs);
  };
  return { clock, rates, pass, deliver };
}

test("rates are those of the last minute, second by second", () => {
  const { rates, pass } = counted(123_000);
  for (let second = 0; second < 120; second++) {
    rates.committed(100, 2);
    pass(1);
  }
  expect(rates.read().readingsPerSecond).toBeCloseTo(100, 0);
  expect(rates.read().anomaliesPerMinute).toBeCloseTo(120, 0);
  pass(30);
  expect(rates.read().readingsPerSecond).toBeCloseTo(50, 0);
  pass(31);
  expect(rates.read()).toMatchObject({ readingsPerSecond: 0, anomaliesPerMinute: 0 });
});

test("in its first minute they are those since the start, and a burst at the start is not multiplied", () => {
  const { rates, pass } = counted();
  rates.committed(1_000, 0);
  expect(rates.read().readingsPerSecond).toBe(1_000);
  pass(10);
  expect(rates.read().readingsPerSecond).toBe(100);
});

test("rows and bytes are counted by stage, bytes of all stages together", () => {
  const { rates, pass, clock } = counted();
  rates.delivered("raw", { rows: 600, bytes: 6_000 }, Float64Array.of(START), clock.wallMs);
  rates.delivered("aggregated", { rows: 60, bytes: 1_200 }, Float64Array.of(START), clock.wallMs);
  pass(60);
  const read = rates.read();
  expect(read.stages.raw).toMatchObject({ rowsPerSecond: 10, bytesPerSecond: 100 });
  expect(read.stages.aggregated).toMatchObject({ rowsPerSecond: 1, bytesPerSecond: 20 });
  expect(read.bytesPerSecond).toBe(120);
});

test("a machine that slept, and a clock that jumped, count nothing twice", () => {
  const { rates, pass, clock } = counted();
  rates.committed(100, 0);
  pass(100_000);
  expect(rates.read().readingsPerSecond).toBe(0);
  clock.wallMs -= 365 * DAY_MS;
  rates.committed(60, 0);
  expect(rates.read().readingsPerSecond).toBeCloseTo(1, 0);
});

test("the lag is that of the last minute, of the last five where it had none, then unknown", () => {
  const { rates, pass, deliver } = counted();
  expect(rates.read().lagP95Ms).toBeNull();
  deliver(1_000, 10);
  pass(50);
  deliver(1_000, 1_000);
  const isAbout = (found: number | null, seconds: number) => {
    expect(found).toBeGreaterThan(seconds * 850);
    expect(found).toBeLessThan(seconds * 1_150);
  };
  isAbout(rates.read().stages.raw.lagP95Ms, 1_000);
  pass(60);
  deliver(1_000, 10);
  isAbout(rates.read().stages.raw.lagP95Ms, 10);
  pass(250);
  isAbout(rates.read().lagP95Ms, 10);
  pass(300);
  expect(rates.read().lagP95Ms).toBeNull();
});

test("95 of 100 rows are faster", () => {
  const { rates, deliver } = counted();
  deliver(94, 1);
  deliver(6, 100);
  expect(rates.read().lagP95Ms).toBeGreaterThan(50_000);
  deliver(100, 1);
  expect(rates.read().lagP95Ms).toBeLessThan(1_500);
});

test("the histogram since the start has each row once, in the bucket of its lag", () => {
  const { rates, deliver } = counted();
  deliver(10, 0.05, 0.2, 3);
  deliver(5, 30 * 86_400);
  const { buckets, rows, sumSeconds } = rates.lag("raw");
  expect(rows).toBe(15);
  expect(buckets[0]).toBe(3);
  expect(buckets[1]).toBe(3);
  expect(buckets[5]).toBe(4);
  expect(buckets.at(-1)).toBe(5);
  expect(sumSeconds).toBeCloseTo(3 * 0.05 + 3 * 0.2 + 4 * 3 + 5 * 30 * 86_400, 6);
});

test("a time ahead of the clock counts as no lag, an implausible one and a clock that is far behind not at all", () => {
  const { rates, clock, deliver } = counted();
  deliver(10, -3_600);
  expect(rates.lag("raw")).toMatchObject({ rows: 10, sumSeconds: 0 });
  deliver(10, clock.wallMs / 1_000);
  deliver(10, -3 * 366 * 86_400);
  clock.wallMs = Date.UTC(1970, 0, 2);
  deliver(10, 1);
  expect(rates.lag("raw").rows).toBe(10);
  expect(rates.read().stages.raw.rowsPerSecond).toBe(40);
});
