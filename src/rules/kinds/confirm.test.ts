import { expect, test } from "bun:test";
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

const high = { range: { measure: "m", max: 5 } };
const rule = (confirm: object, when: object = high) => ({ when, confirm });
const at = (minutes: number, value: number | null): Sample => ({ sensor: "a", time: START + minutes * MINUTE, value });

test("a reading breaks the rule when it breaks the condition and enough of the last ones did", () => {
  expect(broken(rule({ at_least: 3, of: 5 }), [9, 1, 9, 1, 9, 1, 1, 9, 9, 9])).toEqual([
    ...[false, false, false, false, true],
    // One that is within its limits is never broken, and pushes an older one out.
    ...[false, false, false, true, true],
  ]);
  expect(broken(rule({ at_least: 2, of: 2 }), [9, 9, 9, 1, 9, 9])).toEqual([false, true, true, false, false, true]);
});

test("a reading without the measure does not count, and neither does one that comes late or twice", () => {
  expect(broken(rule({ at_least: 2, of: 2 }), [9, null, 9])).toEqual([false, false, true]);
  const twice = [at(1, 9), at(1, 9), at(0, 9), at(2, 1), at(3, 9)];
  expect(findingsOf(rule({ at_least: 2, of: 3 }), twice).map((finding) => finding !== null)).toEqual([
    ...[false, false, false, false, true],
  ]);
});

test("the finding is the condition's, and says how many broke it", () => {
  expect(findingsOf(rule({ at_least: 2, of: 3 }), [at(0, 8), at(1, 9)])[1]).toMatchObject({
    reason: "m 9 is above 5; 2 of the last 3 readings broke this",
    observed: 9,
    limit: "≤ 5",
    window: { breaking: 2, of: 3, last: null },
  });
});

test("it works with any kind, also one with a memory of its own or without measures", () => {
  const gap = rule({ at_least: 2, of: 3 }, { gap: { longer_than: "90s" } });
  const found = findingsOf(gap, [at(0, 1), at(2, 1), at(3, 1), at(5, 1), at(6, null), at(7, 1)]);
  expect(found.map((finding) => finding !== null)).toEqual([false, false, false, true, false, false]);
});

test("finds what a plain implementation finds, for any stream, cut anywhere, over restarts", () => {
  const naive = (breaks: () => (sample: Sample) => boolean, absent: boolean) => () => {
    const inner = breaks();
    const of = perSensor(() => new NaiveMemory(() => ({ all: [] as boolean[] })));
    return (sample: Sample) => {
      const is = inner(sample);
      if (sample.value === null && !absent) return false;
      const memory = of(sample).step(sample.time);
      if (memory === null) return false;
      memory.all.push(is);
      return is && memory.all.slice(-5).filter((one) => one).length >= 3;
    };
  };
  const confirm = { at_least: 3, of: 5 };
  const above = naive(
    () =>
      ({ value }) =>
        value !== null && value > 0.5,
    false,
  );
  agreesWithNaive({ when: { range: { measure: "m", max: 0.5 } }, confirm }, above);
  const stepped = naive(() => {
    const of = perSensor(() => new NaiveMemory(() => ({ value: null as number | null })));
    return (sample) => {
      if (sample.value === null) return false;
      const memory = of(sample);
      const content = memory.step(sample.time);
      if (content === null) return false;
      const before = content.value;
      content.value = sample.value;
      return before !== null && Math.abs(sample.value - before) / (sample.time - memory.last!) > 0.4123 / MINUTE;
    };
  }, false);
  agreesWithNaive({ when: { rate: { measure: "m", max_change: 0.4123, per: "1m" } }, confirm }, stepped);
});
