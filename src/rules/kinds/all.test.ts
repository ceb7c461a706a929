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
  const wanted = '"per" must be a time from "1ms" to "366d", such as "30s", "5m" or "1h", not ';
  expect(rate("90s")).toEqual([]);
  expect(rate("60")).toEqual([`${wanted}"60"`]);
  expect(rate(60)).toEqual([`${wanted}a number`]);
  expect(rate("0s")).toEqual([`${wanted}"0s"`]);
  expect(rate("2y")).toEqual([`${wanted}"2y"`]);
  expect(rate("400d")).toEqual([`${wanted}"400d"`]);
});

test("mistakes in the newer kinds say what to write", () => {
  expect(when({ range: { measure: "m", max: 1, overrides: {} } })).toEqual([
    '"overrides" must be a list, not an object',
  ]);
  expect(when({ range: { measure: "m", max: 1, overrides: [{ applies_to: { model: "x" } }] } })).toEqual([
    'an override needs "min", "max" or both',
  ]);
  expect(when({ range: { measure: "m", min: 0, max: 1, deadband: 0.6 } })).toEqual([
    'a "deadband" of 0.6 leaves nothing between 0 and 1 to come back to',
  ]);
  expect(when({ rate: { measure: "m", max_change: -1, per: "1h" } })).toEqual([
    '"max_change" must be 0 or more, not -1',
  ]);
  expect(when({ stuck: { measure: "m" } })).toEqual(['"stuck" needs "for", "readings" or both']);
  expect(when({ stuck: { measure: "m", readings: 2, above: 5, below: 5 } })).toEqual([
    "nothing is above 5 and below 5",
  ]);
  expect(when({ missing: { measures: ["m", "m"] } })).toEqual(['"measures" lists "m" twice']);
  expect(when({ missing: { measures: "m" } })).toEqual(['"measures" must be a list, not a text']);
  expect(when({ spike: { measure: "m", window: 500, threshold: 6 } })).toEqual([
    '"window" must be a whole number from 5 to 200, not 500',
  ]);
  expect(when({ drift: { measure: "m", baseline: 100, threshold: 5, slack: 9 } })).toEqual([
    'with a "slack" of 4 or more no reading would count',
  ]);
  expect(when({ disagrees: { measure: "m", group_by: "locaton", max_difference: 1 } })[0]).toEndWith(
    "did you mean location?",
  );
  expect(when({ stuk: { measure: "m", for: "1m" } })).toEqual(['unknown key "stuk" in "when"; did you mean stuck?']);
});

test("a confirmation that can never be is refused", () => {
  expect(problems({ confirm: { at_least: 4, of: 3 } })).toEqual(["4 of the last 3 readings are never broken"]);
  expect(problems({ confirm: { at_least: 1, of: 51 } })).toEqual(['"of" must be a whole number from 2 to 50, not 51']);
  expect(problems({ confirm: { atleast: 1, of: 5 } })).toEqual([
    'unknown key "atleast" in "confirm"; did you mean at_least?',
  ]);
});
