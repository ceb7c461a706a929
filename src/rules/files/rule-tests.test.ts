import { expect, test } from "bun:test";
import { SensorCatalogue } from "../../core/sensor.ts";
import { formatProblem } from "../rule-set.ts";
import { loadRuleTexts } from "./load.ts";

/** The problems of a rule with these tests. */
function said(when: object, tests: unknown): string[] {
  const text = JSON.stringify({ name: "r", when, tests });
  const loaded = loadRuleTexts([{ name: "r.json", text }], new SensorCatalogue());
  return "ok" in loaded ? [] : loaded.refused.map(formatProblem).map((line) => line.replace(/^r\.json:1:\d+: /, ""));
}

const stuck = { stuck: { measure: "m", for: "2m" } };
const same = (n: number) => Array.from({ length: n }, () => ({ m: 7 }));

test("a sequence is judged from an empty memory on, a minute apart unless `every` or timestamps say otherwise", () => {
  expect(said(stuck, [{ readings: same(4), breaks: true }])).toEqual([]);
  expect(said(stuck, [{ readings: same(3), breaks: false }])).toEqual([]);
  expect(said(stuck, [{ readings: same(4), every: "10s", breaks: false }])).toEqual([]);
  // Two tests of the same sensor know nothing of each other.
  expect(
    said(
      stuck,
      [3, 3, 3].map((n) => ({ readings: same(n), breaks: false })),
    ),
  ).toEqual([]);
  const timed = [{ m: 7, timestamp: "2026-01-01T00:00:00Z" }, { m: 7, timestamp: "2026-01-01T00:02:00Z" }, { m: 7 }];
  expect(said(stuck, [{ readings: timed, every: "1s", breaks: [false, false, true] }])).toEqual([]);
});

test("breaks: true is about the last reading, false about all of them, a list about each", () => {
  const high = { range: { measure: "m", max: 1 } };
  const readings = [{ m: 2 }, { m: 0 }, { m: 2 }];
  expect(said(high, [{ readings, breaks: true }])).toEqual([]);
  expect(said(high, [{ readings, breaks: [true, false, true] }])).toEqual([]);
  expect(said(high, [{ readings, breaks: false }])).toEqual([
    'test of "r" failed: reading 1 of 3: expected breaks false, but m 2 is above 1',
  ]);
});

test("a repeated reading is written once", () => {
  const readings = [
    { repeat: 2, readings: [{ m: 1 }, { m: 2 }] },
    { repeat: 4, readings: [{ m: 7 }] },
  ];
  const expected = [...new Array<boolean>(7).fill(false), true];
  expect(said(stuck, [{ readings, breaks: expected }])).toEqual([]);
});

test("several sensors in one sequence are distinguished by their identity", () => {
  const when = { disagrees: { measure: "m", group_by: "location", max_difference: 1 } };
  const of = (sensor_id: string, m: number) => ({ sensor_id, location: "hall", m });
  expect(said(when, [{ readings: [of("a", 1), of("b", 1), of("c", 5)], every: "1s", breaks: true }])).toEqual([]);
});

test("a test that fails is shown at the place of its expectation", () => {
  const text = `{ "name": "r", "when": { "range": { "measure": "m", "max": 1 } },
  "tests": [
    { "readings": [{ "m": 2 }, { "m": 0 }],
      "breaks": [true,
        true] },
    { "readings": [{ "m": 0 }], "breaks": true }
  ] }`;
  const loaded = loadRuleTexts([{ name: "r.json", text }], new SensorCatalogue());
  expect("refused" in loaded && loaded.refused.map(formatProblem)).toEqual([
    'r.json:5:9: test of "r" failed: reading 2 of 2: expected breaks true, but within its limits',
    'r.json:6:43: test of "r" failed: expected breaks true, but within its limits',
  ]);
});

test("mistakes in a sequence say what to write", () => {
  const of = (fields: object) => said({ range: { measure: "m", max: 1 } }, [fields]);
  expect(of({ breaks: true })).toEqual(['tests[0]: needs "reading" or "readings", one of them']);
  expect(of({ reading: {}, readings: [{}], breaks: true })).toEqual([
    'tests[0]: needs "reading" or "readings", one of them',
  ]);
  expect(of({ readings: { m: 1 }, breaks: true })).toEqual([
    'tests[0].readings: must be a list of 1 to 10000, not {"m":1}',
  ]);
  expect(of({ readings: [], breaks: true })).toEqual([
    "tests[0].readings: must be a list of 1 to 10000, not a list of 0",
  ]);
  expect(of({ readings: [{ m: "x" }], breaks: true })[0]).toStartWith(
    "tests[0].readings[0].m: must be a number or null",
  );
  expect(of({ reading: { m: 1 }, every: "1m", breaks: true })).toEqual([
    'tests[0].every: is between "readings"; one reading has none',
  ]);
  expect(of({ readings: [{}], every: "soon", breaks: true })[0]).toStartWith("tests[0].every: must be a time from");
  expect(of({ readings: [{}, {}], breaks: [true] })).toEqual(["tests[0].breaks: lists 1 for 2 readings"]);
  expect(of({ readings: [{}], breaks: [1] })).toEqual(["tests[0].breaks[0]: must be true or false, not 1"]);
  expect(of({ readings: [{ repeat: 20_000, readings: [{}] }], breaks: true })).toEqual([
    "tests[0].readings[0].repeat: must be a whole number from 1 to 10000, not 20000",
  ]);
  const twice = { repeat: 6_000, readings: [{}] };
  expect(of({ readings: [twice, twice], breaks: true })).toEqual([
    "tests[0].readings: has 12000 readings, at most 10000 are allowed",
  ]);
  const long = { readings: [{ repeat: 9_000, readings: [{}] }], breaks: false };
  expect(said({ range: { measure: "m", max: 1 } }, [long, long, long])).toEqual([
    "tests: have 27000 readings in all, at most 20000 are allowed",
  ]);
});
