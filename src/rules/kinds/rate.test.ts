import { expect, test } from "bun:test";
import { SPAN_PARTS } from "./rate.ts";
import {
  agreesWithNaive,
  broken,
  findingsOf,
  MINUTE,
  NaiveMemory,
  perSensor,
  type Sample,
  START,
} from "./stateful.suite.ts";

const rate = (fields: object) => ({ when: { rate: { measure: "m", ...fields } } });

test("the change from one reading to the next, as if it continued for `per`, must not be above max_change", () => {
  const rule = rate({ max_change: 60, per: "1h" });
  // One a minute is just allowed, up as well as down.
  expect(broken(rule, [0, 1, 2.1, 1.1, 0, 0])).toEqual([false, false, true, false, true, false]);
  expect(broken(rule, [0, 1, 2.1], 2 * MINUTE)).toEqual([false, false, false]);
  const samples = [0, 1.5].map((value, i) => ({ sensor: "a", time: START + i * MINUTE, value }));
  expect(findingsOf(rule, samples)[1]).toMatchObject({
    reason: "m rose from 0 to 1.5 in 1m: 90 in 1h, more than 60",
    observed: 90,
    limit: "at most 60 in 1h",
    window: { from: "2026-01-01T00:00:00.000Z", to: "2026-01-01T00:01:00.000Z", first: 0, last: 1.5 },
  });
});

test("an absent value is passed over: the next one is compared with the last that was there", () => {
  expect(broken(rate({ max_change: 1, per: "1m" }), [0, null, 2, null, 4.1])).toEqual([
    ...[false, false, false],
    ...[false, true],
  ]);
});

test("over a span, noise is averaged out, and nothing is judged before the span is there", () => {
  const rule = rate({ max_change: 1, per: "1m", over: "10m" });
  const noisy = Array.from({ length: 30 }, (_, i) => (i % 2) * 5);
  expect(broken(rule, noisy)).not.toContain(true);
  expect(broken(rate({ max_change: 1, per: "1m" }), noisy)).toContain(true);
  const steep = Array.from({ length: 13 }, (_, i) => i * 1.1);
  expect(broken(rule, steep).indexOf(true)).toBe(10);
});

test("a late reading is not judged and is not compared with; a clock that was set back starts again", () => {
  const at = (minutes: number, value: number): Sample => ({ sensor: "a", time: START + minutes * MINUTE, value });
  const rule = rate({ max_change: 1, per: "1m" });
  const late = [at(0, 0), at(1, 0), at(0.5, 50), at(1, 50), at(2, 0.5)];
  expect(findingsOf(rule, late).some((finding) => finding !== null)).toBe(false);
  const back = Array.from({ length: 10 }, (_, i) => at(10 + i, 70));
  const found = findingsOf(rule, [at(0, 0), at(9_000, 5), ...back, at(20, 70), at(21, 90)]);
  expect(found.map((finding) => finding !== null).indexOf(true)).toBe(13);
});

test("finds what a plain implementation finds, for any stream, cut anywhere, over restarts", () => {
  const naive = (maxPerMs: number, overMs: number) => () => {
    const of = perSensor(() => new NaiveMemory(() => ({ points: [] as { time: number; value: number }[] })));
    return (sample: Sample) => {
      const { time, value } = sample;
      if (value === null) return false;
      const memory = of(sample).step(time);
      if (memory === null) return false;
      const { points } = memory;
      const from = points.findLast((point) => time - point.time >= overMs);
      const newest = points.at(-1);
      if (newest === undefined || time - newest.time >= overMs / SPAN_PARTS) points.push({ time, value });
      return from !== undefined && Math.abs((value - from.value) / (time - from.time)) > maxPerMs;
    };
  };
  agreesWithNaive(rate({ max_change: 1.2345, per: "1m" }), naive(1.2345 / MINUTE, 0));
  agreesWithNaive(rate({ max_change: 3.0123, per: "10m", over: "10m" }), naive(3.0123 / (10 * MINUTE), 10 * MINUTE));
  // More readings than are kept.
  agreesWithNaive(rate({ max_change: 1.1234, per: "20m", over: "40m" }), naive(1.1234 / (20 * MINUTE), 40 * MINUTE), {
    length: 300,
    runs: 40,
  });
});
