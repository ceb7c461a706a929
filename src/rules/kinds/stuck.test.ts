import { expect, test } from "bun:test";
import { agreesWithNaive, broken, findingsOf, MINUTE, NaiveMemory, perSensor, START } from "./stateful.suite.ts";
import { RUNS_KNOWN, RUNS_WEIGHED } from "./stuck.ts";

const stuck = (fields: object) => ({ when: { stuck: { measure: "m", ...fields } } });
const times = <T>(n: number, value: T): T[] => new Array<T>(n).fill(value);

test("a value that does not move for longer than `for` breaks the rule, from then on until it moves", () => {
  const rule = stuck({ for: "3m" });
  expect(broken(rule, [7, 7, 7, 7, 7, 7, 8, 7])).toEqual([false, false, false, false, true, true, false, false]);
  // An absent value counts neither as movement nor as a reading.
  expect(broken(rule, [7, null, null, 7, null, 7])).toEqual([false, false, false, false, false, true]);
});

test("tolerance is the distance between the highest and the lowest value of the run", () => {
  const rule = stuck({ for: "2m", tolerance: 0.5 });
  expect(broken(rule, [1, 1.2, 1.5, 1.1, 0.9, 1.1, 1.2, 1.3])).toEqual([
    ...[false, false, false, true],
    ...[false, false, false, true],
  ]);
});

test("values are decimals: 20.03 is within 0.01 of 20.02", () => {
  expect(20.03 - 20.02).toBeGreaterThan(0.01);
  expect(broken(stuck({ for: "1m", tolerance: 0.01 }), [20.03, 20.02, 20.03])).toEqual([false, false, true]);
});

test("the finding has the start of the run, its readings, and its extremes", () => {
  const samples = [5, 5.1, 5.1].map((value, i) => ({ sensor: "a", time: START + i * MINUTE, value }));
  expect(findingsOf(stuck({ for: "90s", tolerance: 0.1 + 1e-9 }), samples)[2]).toMatchObject({
    reason: "m stayed at 5.1 within 0.100000001 for 3 readings in 2m",
    observed: 5.1,
    limit: "moves by more than 0.100000001 within 90s",
    window: { from: "2026-01-01T00:00:00.000Z", to: "2026-01-01T00:02:00.000Z", readings: 3, lowest: 5, highest: 5.1 },
  });
});

test("two readings further apart than `for` say nothing of the time between", () => {
  expect(broken(stuck({ for: "30s" }), [7, 7, 7, 7])).toEqual(times(4, false));
});

test("readings: this many in a row, at any rate; with `for` both must hold", () => {
  expect(broken(stuck({ readings: 3 }), [7, 7, 7, 7], 10)).toEqual([false, false, true, true]);
  expect(broken(stuck({ readings: 3, for: "3m" }), [7, 7, 7, 7, 7])).toEqual([false, false, false, false, true]);
});

test("above and below: a saturated sensor, or a machine at rest, is not stuck", () => {
  const rule = stuck({ readings: 2, above: 0, below: 100 });
  expect(broken(rule, [0, 0, 100, 100, 50, 50])).toEqual([false, false, false, false, false, true]);
});

test("times_usual: a sensor with few decimals repeats itself often, so it must repeat itself for much longer", () => {
  const rule = stuck({ readings: 3, times_usual: 4 });
  const fine = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  expect(broken(rule, [...fine, 9, 9, 9]).indexOf(true)).toBe(11);
  const coarse = fine.flatMap((value) => times(5, value));
  const found = broken(rule, [...coarse, ...times(30, 9)]);
  expect(found.indexOf(true)).toBe(coarse.length + 20 - 5 - 1);
  // A sensor that never moved is not known to be one that does.
  expect(broken(rule, times(50, 1))).toEqual(times(50, false));
});

test("finds what a plain implementation finds, for any stream, cut anywhere, over restarts", () => {
  const naive = (forMs: number, readings: number, tolerance: number, usual: number) => () => {
    type Runs = { run: { time: number; value: number }[]; ended: number; mean: number };
    const of = perSensor(
      () => new NaiveMemory((was: Runs | null): Runs => ({ run: [], ended: was?.ended ?? 0, mean: was?.mean ?? 0 })),
    );
    return (sample: { sensor: string; time: number; value: number | null }) => {
      const { time, value } = sample;
      if (value === null) return false;
      const own = of(sample);
      const memory = own.step(time);
      if (memory === null) return false;
      const { last } = own;
      const silent = forMs > 0 && last !== null && time - last > forMs;
      const values = [...memory.run.map((one) => one.value), value];
      if (silent) memory.run = [];
      else if (memory.run.length > 0 && Math.max(...values) - Math.min(...values) > tolerance) {
        memory.ended++;
        const weight = Math.min(memory.ended, RUNS_WEIGHED);
        memory.mean += (memory.run.length - memory.mean) / weight;
        memory.run = [];
      }
      memory.run.push({ time, value });
      const { run } = memory;
      if (run.length < Math.max(2, readings) || time - run[0]!.time <= forMs) return false;
      return usual === 0 || (memory.ended >= RUNS_KNOWN && run.length >= usual * memory.mean);
    };
  };
  agreesWithNaive(stuck({ for: "4m", tolerance: 0.5 }), naive(4 * MINUTE, 0, 0.5, 0));
  agreesWithNaive(stuck({ readings: 3, times_usual: 1.5 }), naive(0, 3, 0, 1.5));
});
