import { expect, test } from "bun:test";
import { labelRules, truthRows } from "./truth.ts";

test("precision counts the healthy that were caught, not those of another type", () => {
  const byType = new Map([
    ["stuck", { readings: 10, caught: 5 }],
    ["spike", { readings: 4, caught: 4 }],
  ]);
  expect(truthRows(byType, { readings: 100, caught: 1 })).toEqual([
    { type: "spike", readings: 4, caught: 4, recall: 1, precision: 0.8 },
    { type: "stuck", readings: 10, caught: 5, recall: 0.5, precision: 5 / 6 },
    { type: null, readings: 14, caught: 9, recall: 9 / 14, precision: 0.9 },
  ]);
});

test("precision is null where nothing was caught, and recall is null without readings", () => {
  const nothing = { readings: 0, caught: 0 };
  expect(truthRows(new Map([["spike", { readings: 3, caught: 0 }]]), nothing)).toEqual([
    { type: "spike", readings: 3, caught: 0, recall: 0, precision: null },
    { type: null, readings: 3, caught: 0, recall: 0, precision: null },
  ]);
  expect(truthRows(new Map(), nothing)).toEqual([{ type: null, ...nothing, recall: null, precision: null }]);
});

test("rules about the sensor's own labels are recognised by the fields in their condition", () => {
  const rules = [
    { name: "a", when: { flag: { field: "anomaly_flag", equals: 1 } } },
    { name: "b", when: { expression: 'anomaly_type == "spike"' } },
    { name: "c", description: "not anomaly_flag", when: { range: { measure: "temperature", max: 1 } } },
    { name: "d", when: { flag: { field: "door_open", equals: 1 } } },
  ];
  expect(labelRules(JSON.stringify(rules))).toEqual(["a", "b"]);
});
