import { expect, test } from "bun:test";
import { GROUP_MOST } from "./disagrees.ts";
import { agreesWithNaive, findingsOf, MINUTE, NaiveClock, type Sample, START } from "./stateful.suite.ts";

const disagrees = (fields: object) => ({
  when: { disagrees: { measure: "m", group_by: "location", max_difference: 3, ...fields } },
});
const at = (sensor: string, seconds: number, value: number | null, location?: string): Sample => ({
  sensor,
  time: START + seconds * 1_000,
  value,
  ...(location === "" ? {} : { fields: { location: location ?? "hall" } }),
});
const brokenBy = (rule: object, samples: readonly Sample[]) =>
  findingsOf(rule, samples).map((finding) => finding !== null);

test("a sensor that is further from the median of its neighbours than allowed breaks the rule", () => {
  const samples = [at("a", 0, 20), at("b", 1, 21), at("c", 2, 20.5), at("d", 3, 24), at("a", 60, 17), at("b", 61, 20)];
  expect(brokenBy(disagrees({ at_least: 3 }), samples)).toEqual([false, false, false, true, true, false]);
  expect(findingsOf(disagrees({ at_least: 3 }), samples)[3]).toMatchObject({
    reason: "m 24 is 3.5 from the median 20.5 of 3 others of location hall",
    observed: 24,
    limit: "within 3 of the others",
    window: { from: "2025-12-31T23:59:03.000Z", to: "2026-01-01T00:00:03.000Z", others: 3, median: 20.5, within: "1m" },
  });
});

test("without enough neighbours within a minute of event time nothing is judged", () => {
  const rule = disagrees({ at_least: 2 });
  expect(brokenBy(rule, [at("a", 0, 20), at("b", 1, 50), at("c", 62, 90)])).toEqual([false, false, false]);
  expect(brokenBy(rule, [at("a", 0, 20), at("b", 1, 20), at("c", 60, 90)])).toEqual([false, false, true]);
  expect(brokenBy(disagrees({ within: "10s" }), [at("a", 0, 20), at("b", 1, 20), at("c", 12, 90)])[2]).toBe(false);
});

test("other groups and sensors without the field do not count; an absent value and a late reading say nothing", () => {
  const rule = disagrees({});
  expect(brokenBy(rule, [at("a", 0, 20), at("b", 1, 20, "roof"), at("c", 2, 90)])).toEqual([false, false, false]);
  expect(brokenBy(rule, [at("a", 0, 20, ""), at("b", 1, 20, ""), at("c", 2, 90, "")])).toEqual([false, false, false]);
  expect(brokenBy(rule, [at("a", 0, 20), at("b", 1, null), at("c", 2, 90)])).toEqual([false, false, false]);
  const late = [at("a", 5, 20), at("b", 6, 20), at("c", 7, 20), at("c", 7, 90), at("c", 3, 90), at("c", 8, 90)];
  expect(brokenBy(rule, late)).toEqual([false, false, false, false, false, true]);
});

test("of a large group the members count that reported last", () => {
  const many = Array.from({ length: GROUP_MOST + 20 }, (_, i) => at(`s${i}`, i / 10, i < 20 ? 20 : 40));
  const all = brokenBy(disagrees({}), [...many, at("x", 10, 20), at("y", 11, 40)]);
  expect(all.slice(-2)).toEqual([true, false]);
});

test("finds what a plain implementation finds, for any stream, cut anywhere, over restarts", () => {
  agreesWithNaive(
    disagrees({ max_difference: 0.7 }),
    () => {
      type Member = { clock: NaiveClock; value: number; peakValue: number };
      const groups = new Map<string, Map<string, Member>>();
      return ({ sensor, time, value, fields }) => {
        const name = fields!["location"]!;
        const group = groups.get(name) ?? new Map<string, Member>();
        groups.set(name, group);
        if (value === null) return false;
        const own = group.get(sensor) ?? { clock: new NaiveClock(), value, peakValue: value };
        group.set(sensor, own);
        const step = own.clock.step(time);
        if (step === "late") return false;
        if (step === "set back") own.peakValue = own.value;
        own.value = value;
        const isNear = (other: number | null) => other !== null && Math.abs(other - time) <= MINUTE;
        const sorted = [...group.values()]
          .filter((one) => one !== own && (isNear(one.clock.last) || isNear(one.clock.peak)))
          .map((one) => (isNear(one.clock.last) ? one.value : one.peakValue))
          .toSorted((a, b) => a - b);
        if (sorted.length < 2) return false;
        const median = (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
        return Math.abs(value - median) > 0.7;
      };
    },
    { length: 200 },
  );
});
