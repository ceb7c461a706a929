import { describe, expect, test } from "bun:test";
import type { RuleLimit, SeriesAnomaly } from "../../dashboard/wire.ts";
import {
  brokenWindows,
  drawn,
  gapMs,
  lastValue,
  limitLines,
  marksWithin,
  scaled,
  scaleOf,
  unscaled,
  usualStepMs,
  valueRange,
} from "./shape.ts";

const limit = (rule: string, more: Partial<RuleLimit>): RuleLimit => ({
  rule,
  severity: "warning",
  kind: "range",
  min: null,
  max: null,
  windowMs: null,
  windowReadings: null,
  ...more,
});
const mark = (atMs: number, value: number | null, rules: readonly string[]): SeriesAnomaly => ({
  atMs,
  value,
  seq: atMs,
  rules,
  reason: "",
});
const each = (count: number, stepMs: number) => Array.from({ length: count }, (_, index) => index * stepMs);

describe("the drawn points of a series", () => {
  test("are the points within the time, and one beyond each edge", () => {
    const atMs = each(100, 1000);
    const part = { atMs, values: atMs.map((at) => at / 1000), anomalies: [] };
    const { values } = drawn(part, { fromMs: 20_000, toMs: 30_000 }, 300);
    expect(values).toEqual([19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]);
  });

  test("are two a pixel at most, the peaks among them", () => {
    const atMs = each(50_000, 10);
    const part = { atMs, values: atMs.map((at) => (at === 123_450 ? 99 : Math.sin(at / 9000))), anomalies: [] };
    const { values } = drawn(part, { fromMs: 0, toMs: 500_000 }, 300);
    expect(values.length).toBeLessThanOrEqual(602);
    expect(values).toContain(99);
  });

  test("have a gap where readings are missing, and none for a little unevenness", () => {
    const atMs = [0, 1000, 2100, 3000, 5000, 6000, 60_000, 61_000, 62_000];
    const { values } = drawn({ atMs, values: atMs.map(() => 1), anomalies: [] }, { fromMs: 0, toMs: 62_000 }, 100);
    expect(values).toEqual([1, 1, 1, 1, 1, 1, null, 1, 1, 1]);
    expect(gapMs([0, 10])).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("the range of values", () => {
  test("takes in limits that are near, and leaves out those that would flatten the line", () => {
    const range = valueRange([20, 21, 22], [], [23, -40, 19.5])!;
    expect(range.min).toBeGreaterThan(18);
    expect(range.min).toBeLessThan(19.5);
    expect(range.max).toBeGreaterThan(23);
    expect(range.max).toBeLessThan(24);
  });

  test("takes in the marks, has some height for a flat line, and is not there without values", () => {
    expect(valueRange([1, null, 2], [mark(1, 50, ["a"])], [])!.max).toBeGreaterThan(50);
    const flat = valueRange([5, 5], [], [])!;
    expect(flat.max - flat.min).toBeGreaterThan(0.05);
    expect(valueRange([0, 0], [], [])!.max).toBeGreaterThan(0);
    expect(valueRange([null], [mark(1, null, [])], [3])).toBeNull();
  });
});

test("values near the largest number are drawn in a scale in which their range is a number", () => {
  const part = { atMs: [1, 2], values: [-1e308, 1e308], anomalies: [mark(2, 1.5e308, ["a"])] };
  const scale = scaleOf(part);
  const inScale = scaled({ part, limits: [limit("a", { max: 5e307 })] }, scale);
  const range = valueRange(inScale.part.values, inScale.part.anomalies, [inScale.limits[0]?.max ?? 0])!;
  expect([range.min, range.max].map((at) => Math.round(at * 10) / 10)).toEqual([-1.2, 1.7]);
  expect([unscaled(0.5, scale), unscaled(2, scale)]).toEqual([5e307, Number.MAX_VALUE]);
  expect(scaleOf({ ...part, values: [12_480], anomalies: [] })).toBe(1);
});

test("limits of several rules at one value are one line with the names of all", () => {
  const lines = limitLines([limit("a", { min: 1, max: 30 }), limit("b", { max: 30 }), limit("c", { windowMs: 5 })]);
  expect(lines).toEqual([
    { value: 1, side: "min", rules: ["a"] },
    { value: 30, side: "max", rules: ["a", "b"] },
  ]);
});

test("the windows of rules that remember reach back from each mark, and those that touch are one", () => {
  const limits = [limit("stuck", { kind: "stuck", windowMs: 100 }), limit("range", { max: 3 })];
  const marks = [
    mark(1000, 1, ["stuck"]),
    mark(1050, 1, ["stuck", "range"]),
    mark(1500, 1, ["range"]),
    mark(1600, 1, ["stuck"]),
  ];
  expect(brokenWindows(marks, limits, 10)).toEqual([
    { fromMs: 900, toMs: 1050 },
    { fromMs: 1500, toMs: 1600 },
  ]);
  const counted = [limit("stuck", { kind: "stuck", windowReadings: 8 })];
  expect(brokenWindows([mark(1000, 1, ["stuck"])], counted, 10)).toEqual([{ fromMs: 930, toMs: 1000 }]);
  expect(usualStepMs([0, 10, 20, 500, 510, 520])).toBe(10);
});

test("the last value is the newest that is one", () => {
  expect(lastValue({ atMs: [1, 2, 3], values: [5, 6, null], anomalies: [] })).toEqual({ atMs: 2, value: 6 });
  expect(lastValue({ atMs: [1], values: [null], anomalies: [] })).toBeNull();
});

test("the line is marked where a rule about it was broken; other anomalies of the same readings are kept apart", () => {
  const limits = [limit("too-hot", { max: 30 })];
  const anomalies = [mark(5, 1, ["too-hot"]), mark(6, 1, ["sensor-flag"]), mark(7, 1, ["sensor-flag", "too-hot"])];
  const { own, others } = marksWithin(anomalies, limits, { fromMs: 0, toMs: 10 });
  expect([own.map(({ atMs }) => atMs), others.map(({ atMs }) => atMs)]).toEqual([[5, 7], [6]]);
  expect(marksWithin(anomalies, limits, { fromMs: 6, toMs: 6 })).toEqual({
    own: [],
    others: [mark(6, 1, ["sensor-flag"])],
  });
});
