import { expect, test } from "bun:test";
import { readRules } from "../files/rule.ts";
import { formatProblem } from "../rule-set.ts";

function problems(fields: object): readonly string[] {
  const text = JSON.stringify({ name: "r", when: { range: { measure: "m", max: 1 } }, ...fields });
  const read = readRules([{ name: "r.json", text }]);
  return "ok" in read ? [] : read.refused.map(formatProblem).map((line) => line.replace(/^r\.json:1:\d+: /, ""));
}
const when = (condition: object) => problems({ when: condition });

test("a time is written with its unit", () => {
  const rate = (per: unknown) => when({ rate: { measure: "m", max_change: 5, per } });
  const wanted = 'when.rate.per: must be a time from "1ms" to "366d", such as "30s", "5m" or "1h", not ';
  expect(rate("90s")).toEqual([]);
  expect(rate("60")).toEqual([`${wanted}"60"`]);
  expect(rate(60)).toEqual([`${wanted}60`]);
  expect(rate("0s")).toEqual([`${wanted}"0s"`]);
  expect(rate("2y")).toEqual([`${wanted}"2y"`]);
  expect(rate("400d")).toEqual([`${wanted}"400d"`]);
});

test("mistakes in the newer kinds say what to write", () => {
  expect(when({ range: { measure: "m", max: 1, overrides: {} } })).toEqual([
    "when.range.overrides: must be a list of at most 100, not {}",
  ]);
  expect(when({ range: { measure: "m", max: 1, overrides: [{ applies_to: { model: "x" } }] } })).toEqual([
    'when.range.overrides[0]: needs "min", "max" or both',
  ]);
  expect(when({ range: { measure: "m", min: 0, max: 1, deadband: 0.6 } })).toEqual([
    "when.range.deadband: 0.6 leaves no value between 0 and 1 that ends a breach",
  ]);
  expect(when({ rate: { measure: "m", max_change: -1, per: "1h" } })).toEqual([
    "when.rate.max_change: must be a number of 0 or more, not -1",
  ]);
  expect(when({ stuck: { measure: "m" } })).toEqual(['when.stuck: needs "for", "readings" or both']);
  expect(when({ stuck: { measure: "m", readings: 2, above: 5, below: 5 } })).toEqual([
    "when.stuck.above: no value is above 5 and below 5",
  ]);
  expect(when({ missing: { measures: ["m", "m"] } })).toEqual(['when.missing.measures[1]: "m" is listed twice']);
  expect(when({ missing: { measures: "m" } })).toEqual(['when.missing.measures: must be a list of 1 to 16, not "m"']);
  expect(when({ spike: { measure: "m", window: 500, threshold: 6 } })).toEqual([
    "when.spike.window: must be a whole number from 5 to 200, not 500",
  ]);
  expect(when({ drift: { measure: "m", baseline: 100, threshold: 5, slack: 9 } })).toEqual([
    "when.drift.slack: must be a number from 0 to below 4, not 9",
  ]);
  expect(when({ disagrees: { measure: "m", group_by: "locaton", max_difference: 1 } })[0]).toEndWith(
    "did you mean location?",
  );
  expect(when({ stuk: { measure: "m", for: "1m" } })).toEqual(["when.stuk: is not known here; did you mean stuck?"]);
});

test("a confirmation that can never be is refused", () => {
  expect(problems({ confirm: { at_least: 4, of: 3 } })).toEqual([
    "confirm.at_least: 4 of the last 3 readings are never broken",
  ]);
  expect(problems({ confirm: { at_least: 1, of: 51 } })).toEqual([
    "confirm.of: must be a whole number from 2 to 50, not 51",
  ]);
  expect(problems({ confirm: { atleast: 1, of: 5 } })).toEqual([
    "confirm.atleast: is not known here; did you mean at_least?",
  ]);
});
