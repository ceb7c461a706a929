import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SensorCatalogue } from "../../core/sensor.ts";
import { KIND_NAMES } from "../kinds/all.ts";
import { formatProblem, type Loaded } from "../rule-set.ts";
import { loadRules, loadRuleTexts } from "./load.ts";
import { readRules } from "./rule.ts";

const said = (loaded: Loaded<unknown>): string[] => ("refused" in loaded ? loaded.refused.map(formatProblem) : []);
const problems = (text: string): string[] => said(readRules([{ name: "r.json", text }]));
/** The problems of a rule that is good but for the given fields. */
const problemsOf = (fields: object): string[] =>
  problems(JSON.stringify({ name: "r", when: { range: { measure: "m", max: 1 } }, ...fields })).map((problem) =>
    problem.replace(/^r\.json:1:\d+: /, ""),
  );
const when = (condition: object): string[] => problemsOf({ when: condition });

test("every error of every file is reported at once, each at its line and column", () => {
  const first = `[
  {
    "name": "Temperature",
    "severty": "high",
    "when": { "range": { "mesure": "temperature", "min": "low", "max": 60 } }
  },
  { "name": "b", "when": { "expression": "wind_speed * 2 > 3.0" }, "severity": "bad" }
]`;
  const files = [
    { name: "a.json", text: first },
    { name: "b.json", text: '{\n  "name": "c"\n  "when": {}\n}' },
    { name: "c.json", text: '{ "name": "b", "when": { "flag": { "field": "anomaly_flag", "equals": 2 } } }' },
  ];
  expect(said(readRules(files))).toEqual([
    'a.json:3:13: [0].name: must be a name of lower-case letters, digits and -, beginning with a letter or a digit, at most 64, not "Temperature"',
    "a.json:4:5: [0].severty: is not known here; did you mean severity?",
    "a.json:5:26: [0].when.range.mesure: is not known here; did you mean measure?",
    'a.json:5:58: [0].when.range.min: must be a number, not "low"',
    "a.json:7:43: [1].when.expression: no such overload: double * int; measures are decimal numbers: write 2.0",
    'a.json:7:80: [1].severity: must be one of info, warning, critical, not "bad"',
    'b.json:3:3: expected "," or "}", not "\\""',
    'c.json:1:11: another rule in a.json is named "b" too',
    'c.json:1:71: when.flag.equals: must be 0 or 1, because "field" is "anomaly_flag"',
  ]);
});

test("messages about a condition say what to write", () => {
  const kinds = `when: must hold exactly one condition of ${KIND_NAMES.join(", ")}`;
  expect(when({})).toEqual([kinds]);
  expect(when({ range: { measure: "m", max: 1 }, flag: { field: "m", equals: 1 } })).toEqual([kinds]);
  expect(when({ rnage: { measure: "m", max: 1 } })).toEqual(["when.rnage: is not known here; did you mean range?"]);
  expect(when({ range: { measure: "m" } })).toEqual(['when.range: needs "min", "max" or both']);
  expect(when({ range: { max: 5 } })).toEqual([
    expect.stringMatching(/^when\.range: needs "measure": a measure: lower-case/),
  ]);
  expect(when({ range: { measure: "m", min: 5, max: 1 } })).toEqual([
    'when.range.min: 5 is above "max" 1: every reading would break the rule',
  ]);
  expect(when({ range: { measure: "status_code", max: 1 } })).toEqual([
    'when.range.measure: "status_code" is not a measure; use "flag" or "expression" for the other fields',
  ]);
  expect(when({ range: { measure: "Air Temp", max: 1 } })[0]).toEndWith('at most 64, not "Air Temp"');
  expect(when({ flag: { field: "anomaly_flg", equals: 1 } })).toEqual([
    'when.flag.field: cannot be "anomaly_flg"; did you mean anomaly_flag?',
  ]);
  expect(when({ flag: { field: "anomaly_type", equals: 1 } })).toEqual([
    'when.flag.equals: must be a text, because "field" is "anomaly_type"',
  ]);
  expect(when({ flag: { field: "status_code", equals: 1.5 } })).toEqual([
    'when.flag.equals: must be a whole number, because "field" is "status_code"',
  ]);
  expect(when({ flag: { field: "location", equals: "x" } })[0]).toEndWith('or a measure, not "location"');
  expect(problemsOf({ applies_to: {} })[0]).toStartWith("applies_to: names no field");
  expect(problemsOf({ applies_to: { locaton: "x" } })).toEqual([
    "applies_to.locaton: is not known here; did you mean location?",
  ]);
  expect(problemsOf({ applies_to: { latitude: "5*", location: [] } })).toEqual([
    'applies_to.latitude: must be a number, not "5*"',
    "applies_to.location: must be a list of 1 to 1000, not a list of 0",
  ]);
});

test("an expression's mistake is shown where it is, behind escapes too", () => {
  const at = (expression: string) => problems(`{"name":"r","when":{"expression":${expression}}}`);
  expect(at('"a >"')).toEqual(["r.json:1:38: when.expression: Unexpected token: EOF"]);
  expect(at('"location == \\"x\\" && a * 2 > 1.0"')).toEqual([
    "r.json:1:56: when.expression: no such overload: double * int; measures are decimal numbers: write 2.0",
  ]);
  expect(at("\"locaton == 'x'\"")).toEqual([
    'r.json:1:35: when.expression: no such overload: double == string; "locaton" is taken for a measure; did you mean location?',
  ]);
  expect(at('"a in [1, 2]"')).toEqual([
    "r.json:1:35: when.expression: no such overload: double in list<int>; measures are decimal numbers: write 1.0",
  ]);
  expect(at('"a + 1.0"')).toEqual([
    "r.json:1:35: when.expression: an expression must say true or false, this one gives double",
  ]);
  expect(at('"1.0 > 2.0"')).toEqual(["r.json:1:35: when.expression: this expression reads no field of the reading"]);
  expect(at('"Wind > 1.0"')).toEqual([
    'r.json:1:35: when.expression: "Wind" cannot be a field: measures are lower-case letters, digits and _',
  ]);
  expect(at('"double > 1.0"')).toEqual([
    'r.json:1:35: when.expression: "double" is a word of the language, not a field',
  ]);
  expect(at('"wind(3.0)"')).toEqual(["r.json:1:35: when.expression: found no matching overload for 'wind(double)'"]);
  expect(at(JSON.stringify(`a > 1.0 || ${"b > 1.0 || ".repeat(400)}c > 1.0`))[0]).toContain("longer than 4096");
  // Six lists of ten in one another are a million turns for each reading.
  expect(at('"[1, 2].exists(x, x > 1) || [1, 2].all(x, [1, 2].exists(y, y > x && a > 1.0))"')).toEqual([
    "r.json:1:76: when.expression: a loop inside a loop: none of all, exists, exists_one, map, filter, bind within another",
  ]);
  expect(at('"[1, 2].map(x, x + 1).exists(x, a > double(x))"')[0]).toContain("a loop inside a loop");
  expect(at(JSON.stringify(`${"(".repeat(200)}a > 1.0${")".repeat(200)}`))[0]).toContain("maxDepth (64)");
});

test("what other languages write is answered with what to write here", () => {
  const at = (expression: string) =>
    when({ expression }).map((line) =>
      line
        .replace(/^when\.expression: /, "")
        .replace(/ \((Unexpected|Expected|no such|has\(\)|found no|Logical).*\)$/, ""),
    );
  const missing = 'a rule of the kind "missing" finds readings without a measure';
  const absent = `a reading without the field never breaks an expression; ${missing}`;
  const chain = "a field is compared with one value at a time: write";
  for (const [expression, said] of [
    ["a > 1.0 and b > 2.0", 'write "&&" for "and"'],
    ["a > 1.0 OR b > 2.0", 'write "||" for "OR"'],
    ["not (a > 1.0)", 'write "!" for "not"'],
    ["location = 'x and = y'", 'write "==" to compare'],
    ["a === 1.0", 'write "=="'],
    ["a <> 1.0", 'write "!="'],
    ["a > 1.0 & b > 1.0", 'write "&&"'],
    ["10 < temperature < 20", `${chain} 10 < temperature && temperature < 20`],
    ["temperature >= 1.5 && 0.0 <= humidity <= 5.5", `${chain} 0.0 <= humidity && humidity <= 5.5`],
    ["!has(temperature)", `has(temperature) is not needed: ${absent}`],
    ["temperature == null", `"temperature" cannot be compared with null: ${absent}`],
    ["temperature is not null", `"temperature" cannot be compared with null: ${absent}`],
    ["temperature > 60,5", "a decimal number has a point, not a comma: write 60.5 for 60,5"],
    ["temperature > .5", "write 0.5 for .5"],
    ["temperature > 5.", "write 5.0 for 5."],
    ["temperature > 60 °C", "a number has no unit here: the unit is the measure's own"],
    ["location == 'a' || 'b'", 'write location in ["a", "b"]'],
    ["a between 1.0 and 2.0", 'write a >= LOW && a <= HIGH for "between"'],
    // No advice where the mistake is another one.
    ["location == 'a and b' && c(1.0)", "found no matching overload for 'c(double)'"],
  ] as const) {
    expect([expression, at(expression)]).toEqual([expression, [said]]);
  }
  // The mistake is shown where it is.
  expect(problems('{"name":"r","when":{"expression":"a > 1.0 and b > 2.0"}}')[0]).toStartWith("r.json:1:43: ");
  expect(when({ range: { measure: "m", max: "60,5" } })).toEqual([
    'when.range.max: must be a number, not "60,5"; write 60.5, without quotes',
  ]);
  expect(problems('{"name":"r","when":{"range":{"measure":"m","max":60,5}}}')).toEqual([
    "r.json:1:52: a decimal number has a point, not a comma: write 60.5",
  ]);
});

test("a part of an expression that fails for every reading is refused, where it is", () => {
  const at = (expression: string) => when({ expression }).map((line) => line.replace(/^when\.expression: /, ""));
  for (const [expression, part, why] of [
    ["m > 1.0 && 1/0 == 1", "1 / 0", "division by zero"],
    ["status_code / 0 > 1", "status_code / 0", "division by zero"],
    ['m > double("6O.0")', 'double(\\"6O.0\\")', "double"],
    ["timestamp.getHours('Europe/Brusels') > 5", 'timestamp.getHours(\\"Europe/Brusels\\")', "zone"],
    ["timestamp < timestamp('2026-13-01')", 'timestamp(\\"2026-13-01\\")', "timestamp"],
    ["duration('5 min') < duration('1m') && m > 1.0", 'duration(\\"5 min\\")', "duration"],
    ["[1, 2].exists(x, x / 0 > 1) && m > 1.0", "x / 0", "division by zero"],
  ] as const) {
    const [said = ""] = at(expression);
    expect([expression, said]).toEqual([
      expression,
      expect.stringContaining(`"${part.replaceAll("\\", "")}" fails for every reading`),
    ]);
    expect(said.toLowerCase()).toContain(why);
  }
  for (const good of [
    "timestamp.getHours('Europe/Brussels') > 5",
    "timestamp.getHours('+02:00') > 5",
    "status_code % 2 == 1",
    "m / 0.0 > 1.0",
    "m > double('60.0')",
    "timestamp.getHours(location) > 5",
  ]) {
    expect([good, at(good)]).toEqual([good, []]);
  }
  expect(problems('{"name":"r","when":{"expression":"m > 1.0 && 1/0 == 1"}}')[0]).toStartWith("r.json:1:46: ");
});

test("a set beyond a limit is refused with the limit", () => {
  const rule = (i: number) => ({ name: `r${i}`, when: { range: { measure: "m", max: 1 } } });
  const many = Array.from({ length: 1_001 }, (_, i) => rule(i));
  expect(problems(JSON.stringify(many))).toEqual([
    expect.stringContaining("must be a list of at most 1000, not a list of 1001"),
  ]);
  expect(problems(JSON.stringify(many.slice(1)))).toEqual([]);
  const tests = Array.from({ length: 1_001 }, () => ({ reading: { m: 0 }, breaks: false }));
  expect(problemsOf({ tests })).toEqual(["tests: must be a list of at most 1000, not a list of 1001"]);
  const sequence = { readings: [{ repeat: 10_000, readings: [{ m: 0 }] }], breaks: false };
  expect(problemsOf({ tests: [sequence, sequence, sequence] })).toEqual([
    "tests: have 30000 readings in all, at most 20000 are allowed",
  ]);
  const tested = Array.from({ length: 11 }, (_, i) => ({ ...rule(i), tests: [sequence, sequence] }));
  expect(problems(JSON.stringify(tested.slice(1)))).toEqual([]);
  expect(problems(JSON.stringify(tested))).toEqual([
    expect.stringContaining("more than 200000 readings in the tests of all rules"),
  ]);
  expect(problems(" ".repeat(1024 * 1024 + 1))[0]).toContain("must not be larger");
  // Each lacks a name and a condition.
  expect(problems(JSON.stringify(Array.from({ length: 900 }, () => ({})))).length).toBe(1_000);
  expect(problemsOf({ name: "a".repeat(65) }).length).toBe(1);
});

test("the version counts all that is written but $schema and formatting, files and their order", () => {
  const version = (...texts: string[]) => {
    const files = texts.map((text, i) => ({ name: `${i}.json`, text }));
    const loaded = loadRuleTexts(files, new SensorCatalogue());
    return "ok" in loaded ? loaded.ok.version : said(loaded).join();
  };
  const a = '{"name":"a","when":{"range":{"measure":"m","min":-20,"max":60}}}';
  const b = '{"name":"b","when":{"expression":"m > 1.0"}}';
  const both = version(a, b);
  expect(both).toMatch(/^[0-9a-f]{12}$/);
  expect(version(b, a)).toBe(both);
  expect(version(`[${b},\n ${a}]`)).toBe(both);
  const spread = '{ "when": {"range": {"max": 6.0e1, "min": -20.0, "measure": "m"}}, "$schema": "x", "name": "a" }';
  expect(version(spread, b)).toBe(both);
  expect(version(a.replace("60", "61"), b)).not.toBe(both);
  expect(version(a.replace('"name"', '"description":"why","name"'), b)).not.toBe(both);
  expect(version(a)).not.toBe(both);
  const loaded = loadRuleTexts([{ name: "x", text: `[${b},${a}]` }], new SensorCatalogue());
  if (!("ok" in loaded)) throw new Error(said(loaded).join());
  expect(version(loaded.ok.canonical)).toBe(both);
});

test("a rule that fails one of its own tests is refused, and the failing test is shown", () => {
  const text = `{
  "name": "t", "applies_to": { "sensor_type": "environmental" },
  "when": { "range": { "measure": "temperature", "max": 60 } },
  "tests": [
    { "reading": { "temperature": 60 }, "breaks": true },
    { "reading": { "temperature": 61 }, "breaks": true },
    { "reading": { "temperature": 61, "sensor_type": "other" }, "breaks": true },
    { "reading": { "temperature": 61, "sensor_type": "environmental" }, "breaks": false },
    { "reading": { "temperature": null }, "breaks": false }
  ]
}`;
  expect(said(loadRuleTexts([{ name: "t.json", text }], new SensorCatalogue()))).toEqual([
    't.json:5:51: test of "t" failed: expected breaks true, but within its limits',
    't.json:7:75: test of "t" failed: expected breaks true, but the rule does not apply to this sensor',
    't.json:8:83: test of "t" failed: expected breaks false, but temperature 61 is above 60',
  ]);
});

test("a test's reading must be one", () => {
  const reading = (fields: object) => problemsOf({ tests: [{ reading: fields, breaks: true }] });
  expect(reading({ m: "1" })).toEqual(['tests[0].reading.m: must be a number or null, not "1"; a measure is a number']);
  expect(reading({ locaton: "x" })).toEqual([
    'tests[0].reading.locaton: must be a number or null, not "x"; did you mean location?',
  ]);
  expect(reading({ "Air Temp": 1 })).toEqual(["tests[0].reading.Air Temp: cannot be a field of a reading"]);
  expect(reading({ anomaly_flag: 2 })).toEqual(["tests[0].reading.anomaly_flag: must be 0, 1 or null, not 2"]);
  expect(reading({ status_code: 1.5 })).toEqual([
    expect.stringMatching(/^tests\[0\]\.reading\.status_code: must be a whole number .*, not 1\.5$/),
  ]);
  expect(reading({ timestamp: "noon" })[0]).toStartWith("tests[0].reading.timestamp: must be a time in ISO 8601");
  expect(reading({ latitude: "north" })).toEqual(['tests[0].reading.latitude: must be a number, not "north"']);
  expect(problemsOf({ tests: [{ reading: { m: 1 }, break: true }] })).toEqual([
    "tests[0].break: is not known here; did you mean breaks?",
  ]);
  expect(problemsOf({ tests: [{ reading: { m: 1 }, breaks: "yes" }] })).toEqual([
    'tests[0].breaks: must be true or false, not "yes"',
  ]);
});

test("a folder is read whole; a missing one, an empty one, or one bad file refuses it", () => {
  const dir = mkdtempSync(join(tmpdir(), "rules-"));
  try {
    const load = () => loadRules(dir, new SensorCatalogue());
    expect(said(load())).toEqual([`${dir}:1:1: Cannot read rules folder: there is no *.json file in it`]);
    writeFileSync(join(dir, "b.json"), '{"name":"b","when":{"range":{"measure":"m","max":1}}}');
    writeFileSync(join(dir, "a.json"), '\ufeff[{"name":"a","when":{"range":{"measure":"m","max":1}}}]');
    writeFileSync(join(dir, "notes.txt"), "not a rule");
    writeFileSync(join(dir, ".b.json"), "an editor's temporary file");
    const loaded = load();
    expect("ok" in loaded && loaded.ok.names).toEqual(["a", "b"]);

    // What a person may take for a rule file is named; notes and hidden files are not.
    writeFileSync(join(dir, "e.yaml"), "name: e");
    writeFileSync(join(dir, "F.JSON"), "{}");
    mkdirSync(join(dir, "north"));
    mkdirSync(join(dir, "notes"));
    writeFileSync(join(dir, "north", "g.json"), "{}");
    writeFileSync(join(dir, "notes", "h.md"), "");
    const beside = load();
    expect(
      "ok" in beside
        ? beside.ok
            .warnings([])
            .filter(({ idle }) => !idle)
            .map(formatProblem)
        : [],
    ).toEqual([
      expect.stringContaining('"b" says the same as "a"'),
      `${join(dir, "F.JSON")}:1:1: this file is ignored: rules are in files that end in .json`,
      `${join(dir, "e.yaml")}:1:1: this file is ignored: rules are in files that end in .json`,
      `${join(dir, "north/")}:1:1: this folder is ignored: rule files are in the rules folder itself`,
    ]);
    writeFileSync(join(dir, "c.json"), Uint8Array.of(0x7b, 0xff, 0x7d));
    mkdirSync(join(dir, "d.json"));
    writeFileSync(join(dir, "e.json"), "{");
    const lines = said(load());
    expect(lines).toHaveLength(3);
    expect(lines[0]).toBe(`${join(dir, "c.json")}:1:1: Cannot read rule file: it is not UTF-8`);
    expect(lines[1]).toStartWith(`${join(dir, "d.json")}:1:1: Cannot read rule file: `);
    expect(lines[2]).toStartWith(`${join(dir, "e.json")}:1:2: expected a key`);
    expect(said(loadRules(join(dir, "none"), new SensorCatalogue()))[0]).toContain("Cannot read rules folder: ENOENT");
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("a file with no rule in it gives no rules, and a folder without any rule is refused", () => {
  const dir = mkdtempSync(join(tmpdir(), "rules-"));
  try {
    writeFileSync(join(dir, "a.json"), "[]");
    expect(said(loadRules(dir, new SensorCatalogue()))).toEqual([
      `${dir}:1:1: Cannot read rules folder: there is no rule in its files`,
    ]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
