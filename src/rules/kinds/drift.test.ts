import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MOST_DEVIATIONS, MOST_THRESHOLDS } from "./drift.ts";
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

const drift = (fields: object) => ({ when: { drift: { measure: "m", baseline: 20, threshold: 10, ...fields } } });
/** Noise of standard deviation 1 around 0. */
const noise = (n: number, around = 0) => Array.from({ length: n }, (_, i) => around + (i % 2 === 0 ? 1 : -1));

test("a mean that moved breaks the rule once enough readings say so, up or down", () => {
  for (const moved of [2, -2]) {
    const found = broken(drift({ baseline: 200 }), [...noise(200), ...noise(20, moved)]);
    // A reading is about 2 − 0.5 deviations away, and one in two by more than that: the sum passes 10 with the seventh or so.
    expect(found.indexOf(true)).toBeGreaterThan(204);
    expect(found.indexOf(true)).toBeLessThan(210);
  }
  expect(broken(drift({}), noise(400))).not.toContain(true);
});

test("a shift breaks the rule after as many readings as the manual says", () => {
  const manual = readFileSync(join(import.meta.dir, "../../../docs/rules.md"), "utf8");
  const row = (name: string) => new RegExp(`\\| ${name}[^|]*\\|(.*)\\|`).exec(manual)![1]!.split("|");
  const shifts = row("shift of the mean").map(Number);
  const counted = shifts.map((shift) => {
    const values = [...noise(500), ...new Array<number>(100).fill(shift)];
    const first = broken(drift({ baseline: 500, slack: 0.5, threshold: 20 }), values).indexOf(true);
    return first < 0 ? "never" : String(first - 499);
  });
  const stated = row("readings until `threshold` 20 is passed").map((text) => text.replace("about", "").trim());
  expect([shifts.length, counted]).toEqual([5, stated]);
});

test("the finding has the mean since it began to move, and the usual one", () => {
  const values = [...noise(40), ...noise(20, 3)];
  const samples = values.map((value, i) => ({ sensor: "a", time: START + i * MINUTE, value }));
  const finding = findingsOf(drift({ deviation: 1 }), samples).find((one) => one !== null);
  expect(finding?.reason).toMatch(/^m drifted: the mean [0-9.]+ of the last \d+ readings is above the usual [0-9.]+$/);
  expect(finding?.window).toMatchObject({ from: "2026-01-01T00:40:00.000Z", deviation: 1 });
  expect(finding?.limit).toBe("sum of deviations ≤ 10");
});

test("a single spike is not a drift, whatever its height", () => {
  expect(broken(drift({}), [...noise(40), 1e6, ...noise(40)])).not.toContain(true);
});

test("the rule is whole again soon after the mean came back, and a mean that stays becomes the usual one", () => {
  const back = broken(drift({}), [...noise(40), ...noise(30, 3), ...noise(100)]);
  expect(back.slice(70, 90)).toContain(true);
  expect(back.slice(-20)).not.toContain(true);
  const stays = broken(drift({}), [...noise(40), ...noise(300, 3)]);
  expect(stays).toContain(true);
  expect(stays.slice(-50)).not.toContain(true);
});

test("nothing is judged during the baseline, nor against a baseline that never moved", () => {
  expect(broken(drift({}), [...noise(10), ...noise(10, 50)])).not.toContain(true);
  const flat = [...new Array<number>(25).fill(5), 6];
  expect(broken(drift({}), flat)).not.toContain(true);
  expect(broken(drift({ deviation: 0.01 }), [...flat, 6, 6, 6])).toContain(true);
});

test("a baseline that never moved, and then one step of the sensor's resolution, does not break the rule, at any value", () => {
  const cases = "20 0.1, 0 0.1, 0.5 0.1, 1013.2 0.1, 45 1, -20 -0.5, 20 0.001".split(", ");
  for (const [level = 0, step = 0] of cases.map((one) => one.split(" ").map(Number))) {
    const values = [...new Array<number>(100).fill(level), ...new Array<number>(1_000).fill(level + step)];
    expect([level, step, broken(drift({ baseline: 100, threshold: 10 }), values).includes(true)]).toEqual([
      level,
      step,
      false,
    ]);
  }
});

test("a baseline that never moved, and then a change of many steps, is one: at once, or in small steps", () => {
  const flat = new Array<number>(100).fill(20);
  const jumped = broken(drift({ baseline: 100 }), [...flat, ...new Array<number>(20).fill(900)]);
  expect(jumped.indexOf(true)).toBeLessThan(105);
  const crept = broken(drift({ baseline: 100 }), [
    ...flat,
    ...Array.from({ length: 60 }, (_, i) => 20 + Math.floor(i / 3) * 0.1),
  ]);
  expect(crept).toContain(true);
});

test("min_deviation is the least deviation, whatever the sensor has shown", () => {
  const moved = (by: number) => [...new Array<number>(100).fill(20), ...new Array<number>(60).fill(20 + by)];
  const rule = drift({ baseline: 100, min_deviation: 0.5 });
  expect(broken(rule, moved(0.25))).not.toContain(true);
  expect(broken(rule, moved(1)).indexOf(true)).toBe(106);
});

test("finds what a plain implementation finds, for any stream, cut anywhere, over restarts", () => {
  const [baseline, slack, threshold] = [12, 0.4, 5];
  const limited = (value: number, most: number) => Math.sign(value) * Math.min(Math.abs(value), most);
  type Sums = {
    count: number;
    mean: number;
    variance: number;
    up: number;
    down: number;
    last: number | null;
    step: number;
    active: number;
  };
  const fresh = {
    count: 0,
    mean: 0,
    variance: 0,
    up: 0,
    down: 0,
    last: null,
    step: Number.POSITIVE_INFINITY,
    active: 0,
  };
  agreesWithNaive(drift({ baseline, slack, threshold }), () => {
    const of = perSensor(() => new NaiveMemory((was: Sums | null) => was ?? structuredClone(fresh)));
    return (sample: Sample) => {
      const { value } = sample;
      if (value === null) return false;
      const memory = of(sample).step(sample.time);
      if (memory === null) return false;
      const change = memory.last === null ? 0 : Math.abs(value - memory.last);
      // The values are 0, 0.5, 1, 2 and 9: ten units of their last decimal are more than any change.
      if (change > 0) memory.step = Math.min(memory.step, change, value % 1 || memory.last! % 1 ? 1 : 10);
      const least = memory.step < 10 ? 2 * memory.step * Math.max(0, 1 - 2 * memory.active) : 0;
      const deviation = Math.max(Math.sqrt(memory.variance), least);
      const judges = memory.count >= baseline && deviation > 0;
      if (judges) {
        const away = limited((value - memory.mean) / deviation, MOST_DEVIATIONS);
        const most = threshold * MOST_THRESHOLDS;
        memory.up = Math.min(most, Math.max(0, memory.up + away - slack));
        memory.down = Math.min(most, Math.max(0, memory.down - away - slack));
      }
      const away = value - memory.mean;
      const counted = judges ? limited(away, MOST_DEVIATIONS * deviation) : away;
      memory.count = Math.min(memory.count + 1, baseline);
      memory.mean += counted / memory.count;
      memory.active += ((change > 0 ? 1 : 0) - memory.active) / memory.count;
      memory.last = value;
      memory.variance = (memory.variance + counted ** 2 / memory.count) * (1 - 1 / memory.count);
      return judges && (memory.up > threshold || memory.down > threshold);
    };
  });
});
