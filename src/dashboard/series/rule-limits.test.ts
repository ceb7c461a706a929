import { expect, test } from "bun:test";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../../core/sensor.ts";
import { loadRuleTexts } from "../../rules/files/load.ts";
import { RuleLimits } from "./rule-limits.ts";
import { seriesNames } from "./watched-series.ts";

const RULES = [
  {
    name: "t-range",
    severity: "critical",
    when: {
      range: {
        measure: "temperature",
        min: -20,
        max: 60,
        overrides: [{ applies_to: { location: "sauna" }, max: 110 }],
      },
    },
  },
  { name: "h-range", when: { range: { measure: "humidity", max: 95 } } },
  { name: "only-b", applies_to: { sensor_id: "b*" }, when: { range: { measure: "temperature", max: 40 } } },
  { name: "fast", when: { rate: { measure: "temperature", max_change: 5, per: "1m", over: "10m" } } },
  { name: "stuck", when: { stuck: { measure: "temperature", for: "30m", readings: 20 } } },
  {
    name: "spike",
    when: { spike: { measure: "temperature", window: 30, threshold: 6 } },
    confirm: { at_least: 2, of: 50 },
  },
  { name: "silent", when: { gap: { longer_than: "5m" } } },
  { name: "flagged", when: { flag: { field: "anomaly_flag", equals: 1 } } },
  { name: "both", when: { expression: "temperature > 30.0 && humidity > 90.0" } },
];

test("a series has the limits of the rules that apply to its sensor, with their overrides and windows", () => {
  const catalogue = new SensorCatalogue();
  const loaded = loadRuleTexts([{ name: "r.json", text: JSON.stringify(RULES) }], catalogue);
  if ("refused" in loaded) throw new Error(JSON.stringify(loaded.refused));
  const seen = (id: string, location: string) =>
    catalogue.internSensor(
      IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? id : name === "location" ? location : null)),
      ["temperature", "humidity"],
    );
  seen("a", "sauna");
  seen("a", "hall");
  seen("b", "sauna");
  const names = seriesNames(["a\0temperature", "b\0temperature", "a\0humidity", "never\0temperature"]);
  if (typeof names === "string") throw new Error(names);
  const limits = new RuleLimits().of(loaded.ok, catalogue)(names);
  const shown = (key: string) =>
    limits[key]?.map(({ rule, min, max, windowMs, windowReadings }) => [rule, min, max, windowMs, windowReadings]);
  const remembering = [
    ["fast", null, null, 600_000, null],
    ["silent", null, null, 300_000, null],
    ["spike", null, null, null, 50],
    ["stuck", null, null, 1_800_000, 20],
  ];
  const sorted = (rows: unknown[][] | undefined) => rows?.toSorted((x, y) => (String(x[0]) < String(y[0]) ? -1 : 1));
  expect(sorted(shown("a\0temperature"))).toEqual(
    sorted([["both", null, null, null, null], ["t-range", -20, 60, null, null], ...remembering]),
  );
  expect(sorted(shown("b\0temperature"))).toEqual(
    sorted([
      ["both", null, null, null, null],
      ["only-b", null, 40, null, null],
      ["t-range", null, 110, null, null],
      ...remembering,
    ]),
  );
  expect(sorted(shown("a\0humidity"))?.map(([rule]) => rule)).toEqual(["both", "h-range", "silent"]);
  expect(limits["a\0temperature"]?.find(({ rule }) => rule === "t-range")).toMatchObject({
    severity: "critical",
    kind: "range",
  });
  expect(limits["never\0temperature"]).toEqual([]);
});
