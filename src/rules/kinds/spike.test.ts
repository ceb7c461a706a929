import { expect, test } from "bun:test";
import fc from "fast-check";
import { deviationOf, insertSorted, medianOf, placeOf, reorder } from "./median.ts";
import { leastKnown } from "./spike.ts";
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

const spike = (fields: object) => ({ when: { spike: { measure: "m", window: 8, threshold: 6, ...fields } } });
const noise = (n: number) => Array.from({ length: n }, (_, i) => 20 + (i % 3) * 0.1);

/** By sorting, as in a textbook. */
function plainMedian(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

test("a value far from the last readings, measured by their own noise, breaks the rule", () => {
  const found = broken(spike({}), [...noise(9), 21.5, ...noise(4), 18]);
  expect(found.flatMap((is, i) => (is ? [i] : []))).toEqual([9, 14]);
  const samples = [...noise(8), 22].map((value, i) => ({ sensor: "a", time: START + i * MINUTE, value }));
  expect(findingsOf(spike({}), samples)[8]).toMatchObject({
    reason: "m 22 is 1.9 from the median 20.1 of the last 8 readings, a robust z-score of 12.82",
    observed: 22,
    limit: "score ≤ 6",
    window: { to: "2026-01-01T00:07:00.000Z", readings: 8, score: 12.82 },
  });
});

test("nothing is judged before half the window, and at least five readings, are there", () => {
  expect(broken(spike({ window: 8 }), [20, 20.1, 20.2, 20, 99])).not.toContain(true);
  expect(broken(spike({ window: 8 }), [20, 20.1, 20.2, 20, 20.1, 99])[5]).toBe(true);
  expect(leastKnown(30)).toBe(15);
});

test("min_deviation: a quiet sensor may move a little; without it a window of equal values breaks nothing", () => {
  const quiet = [20, 20, 20, 20, 20, 20, 20.3];
  expect(broken(spike({}), quiet)).not.toContain(true);
  expect(broken(spike({ min_deviation: 0.5 }), quiet)).not.toContain(true);
  expect(broken(spike({ min_deviation: 0.2 }), quiet)[6]).toBe(true);
});

test("where most values are equal, the furthest of them is the measure: 900 after 20, 20, 20.5 breaks, one more step does not", () => {
  const steps = [20, 20, 20.5, 20, 20, 20.5, 20, 20];
  const judged = (value: number) => broken(spike({}), [...steps, value]).at(-1);
  expect([900, 24.5, -127].map(judged)).toEqual([true, true, true]);
  expect([20.5, 21, 24, 19.5].map(judged)).toEqual([false, false, false, false]);
  const samples = [...steps, 900].map((value, i) => ({ sensor: "a", time: START + i * MINUTE, value }));
  expect(findingsOf(spike({}), samples)[8]).toMatchObject({
    reason: "m 900 is 880 from the median 20 of the last 8 readings, most of which are equal",
    window: { median: 20, mad: 0, scale: 0.5, score: 1187 },
  });
  // A value in the rule wins.
  expect(broken(spike({ min_deviation: 0.7 }), [...steps, 20.6, 20.8]).slice(-2)).toEqual([false, true]);
});

test("equal values are measured by a tenth of the value; of zeros no value is far", () => {
  const after = (usual: number, value: number) =>
    broken(spike({}), [...new Array<number>(8).fill(usual), value]).at(-1);
  expect([after(20, 900), after(20, -127), after(230, 0), after(-20, 85)]).toEqual([true, true, true, true]);
  expect([after(20, 20.5), after(20, 37), after(0, 400), after(0, -1)]).toEqual([false, false, false, false]);
});

test("noise of a calculation does not count as movement", () => {
  const rounded = [0.1 + 0.2, 0.3, 0.1 + 0.2, 0.3, 0.1 + 0.2, 0.3, 0.1 + 0.2, 0.3];
  expect(broken(spike({}), [...rounded, 0.31]).at(-1)).toBe(false);
});

test("min_deviation is a decimal: 20.3 is 0.2 from 20.1, though a little less in doubles", () => {
  expect(broken(spike({ min_deviation: 0.2 }), [...new Array<number>(8).fill(20.1), 20.3]).at(-1)).toBe(true);
});

test("a new level is broken at first, and the usual one when it is half of the window", () => {
  const found = broken(spike({ min_deviation: 1 }), [...noise(10), ...noise(10).map((value) => value + 5)]);
  expect(found.indexOf(true)).toBe(10);
  expect(found.slice(-3)).toEqual([false, false, false]);
});

test("absent values and late readings are neither judged nor in the window", () => {
  const samples: Sample[] = noise(8).map((value, i) => ({ sensor: "a", time: START + i * MINUTE, value }));
  const late = { sensor: "a", time: START, value: 99 };
  const absent = { sensor: "a", time: START + 9 * MINUTE, value: null };
  const next = { sensor: "a", time: START + 10 * MINUTE, value: 20.1 };
  expect(findingsOf(spike({}), [...samples, late, absent, next]).some((finding) => finding !== null)).toBe(false);
});

test("the sorted window gives the medians that sorting gives", () => {
  const some = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(some, fc.array(fc.tuple(fc.nat(), fc.integer({ min: -5, max: 5 }))), (start, replacements) => {
      const values = new Float64Array(start.length + 4).fill(Number.NaN);
      start.forEach((value, count) => {
        insertSorted(values, 2, count, value);
      });
      const plain = [...start];
      for (const [place, value] of replacements) {
        const at = placeOf(values, 2, plain.length, plain[place % plain.length]!);
        values[at] = value;
        reorder(values, 2, plain.length, at);
        plain[place % plain.length] = value;
      }
      expect([...values.subarray(2, 2 + plain.length)]).toEqual(plain.toSorted((a, b) => a - b));
      const median = plainMedian(plain);
      expect(medianOf(values, 2, plain.length)).toBe(median);
      const distances = plain.map((value) => Math.abs(value - median));
      expect(deviationOf(values, 2, plain.length, median)).toBe(plainMedian(distances));
      expect([values[0], values[1], values.at(-1)]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
    }),
  );
});

test("finds what a plain implementation finds, for any stream, cut anywhere, over restarts", () => {
  const naive = (window: number, threshold: number, min: number) => () => {
    const of = perSensor(() => new NaiveMemory(() => ({ values: [] as number[] })));
    return (sample: Sample) => {
      const { value } = sample;
      if (value === null) return false;
      const memory = of(sample).step(sample.time);
      if (memory === null) return false;
      const last = memory.values.slice(-window);
      memory.values.push(value);
      if (last.length < leastKnown(window)) return false;
      const median = plainMedian(last);
      const mad = plainMedian(last.map((one) => Math.abs(one - median)));
      const away = Math.abs(value - median);
      if (away === 0 || away < min) return false;
      if (mad > 0) return 0.6745 * away > threshold * mad;
      if (min > 0) return true;
      const furthest = Math.max(...last.map((one) => Math.abs(one - median)));
      const scale = furthest > 0 ? furthest : Math.abs(median) / 10;
      return scale > 0 && 0.6745 * away > threshold * scale;
    };
  };
  agreesWithNaive(spike({ window: 6, threshold: 3 }), naive(6, 3, 0));
  agreesWithNaive(spike({ window: 9, threshold: 2, min_deviation: 1 }), naive(9, 2, 1), {
    values: fc.double({ min: -3, max: 3, noNaN: true }),
  });
});
