import { expect, test } from "bun:test";
import fc from "fast-check";
import { SensorCatalogue } from "../../core/sensor.ts";
import { KIND_NAMES, type Kind } from "./all.ts";
import { backlogChangesNothing, broken, findingsOf, MINUTE, type Sample, START, setOf } from "./stateful.suite.ts";

const when = (kind: Kind, condition: object | string, more: object = {}) => ({ when: { [kind]: condition }, ...more });
const stepped = fc.constantFrom<number | null>(0, 0, 0.5, 1, 2, 9, null);
const noisy = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom<number | null>(20, 20.1, 20.2, 20.3, null) },
  { weight: 1, arbitrary: fc.constant(25) },
);

type Case = { readonly rules: readonly object[]; readonly values: fc.Arbitrary<number | null> };
const OF_KIND: Record<Kind, Case | "remembers nothing"> = {
  range: { rules: [when("range", { measure: "m", min: 0.5, max: 8, deadband: 1.5 })], values: stepped },
  flag: "remembers nothing",
  expression: "remembers nothing",
  rate: {
    rules: [
      when("rate", { measure: "m", max_change: 1.2345, per: "1m" }),
      when("rate", { measure: "m", max_change: 0.9876, per: "10m", over: "10m" }),
    ],
    values: stepped,
  },
  stuck: {
    rules: [
      when("stuck", { measure: "m", for: "12m", tolerance: 0.5 }),
      when("stuck", { measure: "m", readings: 3 }),
      when("stuck", { measure: "m", readings: 2, times_usual: 1.5 }),
    ],
    values: fc.constantFrom<number | null>(0, 0, 0, 0.5, 9, null),
  },
  gap: { rules: [when("gap", { longer_than: "8m" })], values: stepped },
  missing: { rules: [when("missing", { measures: ["m"] })], values: fc.constantFrom<number | null>(1, 1, 1, null) },
  spike: { rules: [when("spike", { measure: "m", window: 6, threshold: 6, min_deviation: 0.1 })], values: noisy },
  drift: { rules: [when("drift", { measure: "m", baseline: 10, threshold: 3, deviation: 0.2 })], values: noisy },
  disagrees: {
    rules: [when("disagrees", { measure: "m", group_by: "location", max_difference: 0.7, within: "9m" })],
    values: stepped,
  },
};
const CONFIRMED = when("range", { measure: "m", max: 0.7 }, { confirm: { at_least: 3, of: 5 } });

for (const kind of KIND_NAMES) {
  const given = OF_KIND[kind];
  if (given === "remembers nothing") continue;
  test(`${kind}: a backlog changes no verdict of the readings that come in order`, () => {
    for (const rule of given.rules) backlogChangesNothing(rule, given.values);
  });
}

test("confirm: a backlog changes no verdict of the readings that come in order", () => {
  backlogChangesNothing(CONFIRMED, stepped);
});

test("every kind with a memory is in this test", () => {
  const remembering = KIND_NAMES.filter((kind) => {
    const given = OF_KIND[kind];
    const conditions: Partial<Record<Kind, object | string>> = {
      flag: { field: "anomaly_flag", equals: 1 },
      expression: "m > 1.0",
    };
    const rule = given === "remembers nothing" ? when(kind, conditions[kind] ?? {}) : given.rules[0]!;
    return setOf({ name: "r", ...rule }, new SensorCatalogue()).saveState().size > 0;
  });
  expect(remembering).toEqual(KIND_NAMES.filter((kind) => OF_KIND[kind] !== "remembers nothing"));
});

const at = (minutes: number, value: number): Sample => ({ sensor: "a", time: START + minutes * MINUTE, value });
/** The sensor was offline from 10:00 to 12:00, sends the newest reading first, then ten old ones, then continues. */
const online = (newest: number, old: readonly number[], next: number) => [
  ...[at(0, 20), at(120, newest)],
  ...old.map((value, i) => at(1 + i, value)),
  at(121, next),
];
const ten = (value: number) => new Array<number>(10).fill(value);

test("gap: the silence before a backlog is reported once, and none after it", () => {
  const found = findingsOf(when("gap", { longer_than: "5m" }), online(20, ten(20), 20));
  expect(found.flatMap((finding, i) => (finding === null ? [] : [`${i}: ${finding.reason}`]))).toEqual([
    "1: the sensor was silent for 2h",
  ]);
});

test("gap: a backlog that fills small holes of a stream that arrived reports none of the times between them", () => {
  const stream = Array.from({ length: 120 }, (_, i) => at(i, 20));
  const holes = Array.from({ length: 30 }, (_, i) => at(Math.floor(i / 5) * 15 + (i % 5) + 0.5, 20));
  const found = findingsOf(when("gap", { longer_than: "5m" }), [...stream, ...holes, at(120, 20)]);
  expect(found.some((finding) => finding !== null)).toBe(false);
});

test("gap: who was silent before the agent began, or while the clock was ahead, is still found", () => {
  const rule = when("gap", { longer_than: "5m" });
  const old = [...Array.from({ length: 10 }, (_, i) => at(i - 100, 20)), at(-80, 20)];
  expect(findingsOf(rule, [at(0, 20), ...old]).at(-1)?.reason).toBe("the sensor was silent for 11m");
  const ahead = [at(0, 20), at(1, 20), at(9_000, 20), at(9_001, 20), ...old.map((one, i) => at(2 + i, one.value ?? 0))];
  expect(findingsOf(rule, [...ahead, at(30, 20)]).at(-1)?.reason).toBe("the sensor was silent for 18m");
});

test("deadband: after a backlog the limit is still broken, and a backlog is not judged by what came after it", () => {
  const found = findingsOf(when("range", { measure: "m", max: 60, deadband: 2 }), online(61, ten(59), 59));
  expect(found.flatMap((finding, i) => (finding === null ? [] : [i]))).toEqual([1, 12]);
});

test("a clock that was ahead is passed step by step: what the rule remembered then is not restored", () => {
  const rule = when("range", { measure: "m", max: 60, deadband: 2 });
  const ahead = [at(0, 20), at(30, 61), ...Array.from({ length: 40 }, (_, i) => at(1 + i, 59))];
  expect(findingsOf(rule, ahead).flatMap((finding, i) => (finding === null ? [] : [i]))).toEqual([1]);
});

test("fewer than ten old readings, or ten that do not rise, are late: neither judged nor remembered", () => {
  const stuck = when("stuck", { measure: "m", readings: 9 });
  expect(broken(stuck, ten(5)).at(-1)).toBe(true);
  const falling = Array.from({ length: 30 }, (_, i) => at(-i, 5));
  const few = Array.from({ length: 9 }, (_, i) => at(i + 1, 5));
  for (const late of [falling, few]) {
    expect(findingsOf(stuck, [at(60, 5), ...late, at(61, 5)]).some((finding) => finding !== null)).toBe(false);
  }
});
