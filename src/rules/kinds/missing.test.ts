import { expect, test } from "bun:test";
import { agreesWithNaive, broken, findingsOf, MINUTE, NaiveMemory, perSensor, START } from "./stateful.suite.ts";

const missing = (fields: object = {}) => ({ when: { missing: { measures: ["m"], ...fields } } });

test("a measure that was in three readings in a row is missed from then on, each time it is not there", () => {
  expect(broken(missing(), [1, 1, 1, null, null, 1, null])).toEqual([
    ...[false, false, false],
    ...[true, true, false, true],
  ]);
  expect(broken(missing({ after: 1 }), [null, 1, null])).toEqual([false, false, true]);
});

test("a sensor that never reports it, or only now and then, does not miss it", () => {
  expect(broken(missing(), [null, null, null, null])).not.toContain(true);
  expect(broken(missing(), [1, null, 1, null, 1, 1, null, 1])).not.toContain(true);
});

test("the finding names the missing measure and the time of its last value", () => {
  const samples = [1, 2, 3, null].map((value, i) => ({ sensor: "a", time: START + i * MINUTE, value }));
  expect(findingsOf(missing({ measures: ["other", "m"] }), samples)[3]).toMatchObject({
    reason: "m is missing, which this sensor used to report",
    observed: null,
    limit: "other, m",
    window: { last_seen: { m: "2026-01-01T00:02:00.000Z" } },
  });
});

test("a late reading is not judged, and makes no habit", () => {
  const at = (minutes: number, value: number | null) => ({ sensor: "a", time: START + minutes * MINUTE, value });
  const found = findingsOf(missing(), [at(5, 1), at(1, 1), at(2, 1), at(6, null), at(7, 1)]);
  expect(found.some((finding) => finding !== null)).toBe(false);
});

test("finds what a plain implementation finds, for any stream, cut anywhere, over restarts", () => {
  type Habit = { last: boolean[]; habit: boolean };
  agreesWithNaive(missing(), () => {
    const of = perSensor(() => new NaiveMemory((was: Habit | null) => was ?? { last: [], habit: false }));
    return (sample) => {
      const memory = of(sample).step(sample.time);
      if (memory === null) return false;
      memory.last.push(sample.value !== null);
      memory.habit ||= memory.last.length >= 3 && memory.last.slice(-3).every((was) => was);
      return memory.habit && sample.value === null;
    };
  });
});
