import { expect, test } from "bun:test";
import type { Profile } from "../../core/profile.ts";
import { formatProblem } from "../rule-set.ts";
import { readRules } from "./rule.ts";
import { suspiciousRules } from "./suspicious.ts";

const PROFILES: readonly Profile[] = [
  { name: "air", description: "", measures: [{ name: "temperature", unit: "°C", plausible: [-20, 60] }] },
  {
    name: "machine",
    description: "",
    measures: [
      { name: "temperature", unit: "°C", plausible: [0, 100] },
      { name: "power", unit: "kW", plausible: [0, 2_500] },
    ],
  },
];

function warnings(...rules: readonly object[]): readonly string[] {
  const lines = rules.map((rule, i) => JSON.stringify({ name: `r${i}`, ...rule }));
  const read = readRules([{ name: "r.json", text: `[${lines.join(",\n")}]` }]);
  if ("refused" in read) throw new Error(read.refused.map(formatProblem).join("\n"));
  return suspiciousRules(read.ok, PROFILES).map(formatProblem);
}

const range = (limits: object, measure = "temperature") => ({ when: { range: { measure, ...limits } } });

test("a limit far beyond what is plausible in any profile is probably a slip", () => {
  expect(warnings(range({ min: -20, max: 600 }))).toEqual([
    'r.json:1:22: "max" 600 can hardly ever be broken: plausible is -20 to 100 °C',
  ]);
  expect(warnings(range({ min: -273 }))[0]).toContain('"min" -273 can hardly ever be broken');
  const override = { applies_to: { location: "x" }, max: 999 };
  expect(warnings(range({ max: 60, overrides: [override] }))[0]).toContain('"max" 999 can hardly ever');
});

test("a limit at the end of the plausible range, or a little beyond, catches a broken sensor: no warning", () => {
  expect(warnings(range({ min: -20, max: 60 }), range({ max: 2_750 }, "power"))).toEqual([]);
});

test("a range without a plausible value in it is reported", () => {
  expect(warnings(range({ min: 3_000 }, "power"))).toEqual([
    "r.json:1:22: every plausible reading breaks this: plausible is 0 to 2500 kW",
  ]);
});

test("two rules of the same meaning are reported at the second, whatever their names and descriptions", () => {
  const one = { ...range({ max: 60 }), applies_to: { location: "x" }, severity: "critical", description: "a" };
  const same = { ...range({ max: 60.0 }), applies_to: { location: "x" } };
  expect(warnings(one, same, range({ max: 60 }), { ...same, confirm: { at_least: 2, of: 3 } })).toEqual([
    'r.json:2:21: "r1" says the same as "r0"',
  ]);
});

test("a spike or a drift without a least deviation is reported: it depends on how fine the sensor is", () => {
  const spike = { measure: "temperature", window: 30, threshold: 6 };
  const drift = { measure: "temperature", baseline: 500, threshold: 20 };
  const confirm = { at_least: 2, of: 3 };
  expect(warnings({ when: { spike } }, { when: { drift }, confirm }).map((line) => line.slice(0, 43))).toEqual([
    'r.json:1:22: without "min_deviation" a sens',
    'r.json:2:21: without "min_deviation" a sens',
  ]);
  const given = [{ spike: { ...spike, min_deviation: 0.5 } }, { drift: { ...drift, min_deviation: 0.1 } }];
  expect(warnings(...given.map((when) => ({ when })), { when: { drift: { ...drift, deviation: 0.3 } } })).toEqual([]);
});

test("two neighbours cannot say which of them is wrong", () => {
  const disagrees = { measure: "temperature", group_by: "location", max_difference: 3 };
  expect(warnings({ when: { disagrees: { ...disagrees, at_least: 1 } } }, { when: { disagrees } })).toEqual([
    'r.json:1:22: of two sensors that disagree with "at_least" 1 both break this, and nothing says which is wrong',
  ]);
});

test("a sensor is alone in the group of its own sensor_id: such a rule judges nothing", () => {
  const disagrees = { measure: "temperature", group_by: "sensor_id", max_difference: 3 };
  expect(warnings({ when: { disagrees } })).toEqual([
    'r.json:1:71: no two sensors have the same "sensor_id": each is alone in its group, and nothing is judged',
  ]);
});

test("an expression that decides nothing, and a regular expression in the place of a glob, are shown where they are", () => {
  const said = (rule: object) => warnings(rule).map((line) => line.replace(/^r\.json:/, ""));
  const expression = (text: string) => said({ when: { expression: text } });
  const never = "this expression is never true: no reading can break the rule";
  const always = "this expression is always true: every reading that has its fields breaks the rule";
  for (const [text, found] of [
    ["power > 5.0 && power < 3.0", never],
    ["3.0 < power && !(power > 2.0)", never],
    ["power >= 5.0 && power < 5.0", never],
    ["location == 'x' && location == 'y'", never],
    ["power == 1.0 && power != 1.0", never],
    ["(power > 5.0 && power < 3.0) || (temperature > 2.0 && false)", never],
    ["power > 1.0 || true", always],
    ["power > 5.0 || power <= 5.0", always],
    ["!(power > 1.0 && temperature > 1.0) || power > 0.0", always],
    ["location != 'x' || location != 'y'", always],
    ["timestamp.getMonth() == 12", never],
    ["timestamp.getHours() > 22 && timestamp.getHours() < 6", never],
    ["timestamp.getHours('Europe/Oslo') >= 24", never],
    ["timestamp.getDate() == 0 || timestamp.getDayOfWeek() == 7", never],
    ["timestamp.getMinutes() > 3 && 4 > timestamp.getMinutes()", never],
    ["timestamp.getHours() >= 0", always],
    ["anomaly_flag == 2", never],
    ["anomaly_flag != 0 && anomaly_flag != 1", never],
    ["abs(power) < 0.0", never],
    ["size(location) < 0", never],
    ["power - temperature > 5.0 && power - temperature < 3.0", never],
    ["location in ['x', 'y'] && location == 'z'", never],
    ["power in [1.0, 2.0] && power > 2.0", never],
    ["location in []", never],
    ["power > 1.0 / 0.0", never],
    ["power == 0.0 / 0.0", never],
    ["power != power", never],
    ["location == 'x' ? power > 1.0 && false : power < 0.0 && power > 1.0", never],
  ] as const) {
    expect([text, expression(text)]).toEqual([text, [`1:37: ${found}`]]);
  }
  for (const text of [
    "power > 5.0 && (temperature > 1.0 || power < 3.0)",
    "power >= 5.0 && power <= 5.0",
    "location == 'x' || location == 'y'",
    "power > 1.0 && 2 > 1",
    "[1, 2].exists(x, x > status_code)",
    "timestamp.getHours() > 22 || timestamp.getHours() < 6",
    "timestamp.getMonth() == 11 && timestamp.getDate() == 31",
    "(timestamp - timestamp('2026-01-01T00:00:00Z')).getHours() > 23",
    "timestamp.getHours() > 3 && timestamp.getMinutes() < 3",
    "sqrt(power) > 5.0 || sqrt(power) <= 5.0",
    "anomaly_flag != 0",
    "location in ['x', 'y'] && location != 'x'",
    "status_code == 9007199254740993 && status_code != 9007199254740992",
    "location > 'x' && location < 'a'",
    "power == 0.0 ? temperature > 1.0 : temperature < 1.0",
  ]) {
    expect([text, expression(text)]).toEqual([text, []]);
  }
  const pattern = (location: unknown) =>
    said({ applies_to: { location }, ...range({ max: 60 }) }).map((line) => line.replace(/^1:\d+: /, ""));
  const regex = (text: string, write: string) =>
    `"${text}" looks like a regular expression, and is a glob: * is any text, ? one character${write}`;
  expect(pattern("^north.*$")).toEqual([regex("^north.*$", '; write "north*"')]);
  expect(pattern("hall-.+")).toEqual([regex("hall-.+", '; write "hall-?*"')]);
  expect(pattern("(north|south)")).toEqual([regex("(north|south)", "")]);
  expect(pattern(["hall-*", "room ?", "C++ lab", "a.b", "pump (old)", "hall-[0-9]"])).toEqual([
    regex("hall-[0-9]", ""),
  ]);
  expect(said({ applies_to: { location: ["hall-*", "x.*"] }, ...range({ max: 60 }) })[0]).toStartWith("1:50: ");
});

test("a measure that no profile has is reported, with the one that was probably meant", () => {
  expect(warnings(range({ max: 60 }, "temprature"))).toEqual([
    'r.json:1:22: no profile has a measure "temprature"; did you mean temperature?',
  ]);
  expect(warnings({ when: { expression: "power > 5.0 && flow < 1.0" } })).toEqual([
    'r.json:1:22: no profile has a measure "flow"',
  ]);
});
