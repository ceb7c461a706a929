/** What each rule had to do: counted once for each reading that was kept, however often its block was judged. */
import { expect, test } from "bun:test";
import { ReadingBlock } from "../core/reading.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../core/sensor.ts";
import { loadRuleTexts } from "./files/load.ts";
import { formatProblem } from "./rule-set.ts";

function setOf(rules: readonly object[], catalogue: SensorCatalogue) {
  const loaded = loadRuleTexts([{ name: "r.json", text: JSON.stringify(rules) }], catalogue);
  if ("refused" in loaded) throw new Error(loaded.refused.map(formatProblem).join("\n"));
  return loaded.ok;
}

function add(block: ReadingBlock, catalogue: SensorCatalogue, location: string, code: number | null): void {
  const label = catalogue.internLabel({ statusCode: code, anomalyFlag: 0, anomalyType: null });
  const identity = IDENTITY_COLUMNS.map((column) =>
    column === "sensor_id" ? `s-${location}` : column === "location" ? location : null,
  );
  const row = block.add(catalogue.internSensor(identity, ["m"]), 0, label);
  block.column(catalogue.slotOf("m"))[row] = 1;
}

test("sensors, readings and errors are counted by rule, and a block that is judged again is counted once", () => {
  const catalogue = new SensorCatalogue();
  const set = setOf(
    [
      { name: "all", when: { range: { measure: "m", max: 9 } } },
      { name: "fails", applies_to: { location: "north" }, when: { expression: "100 / status_code > 1" } },
      { name: "nowhere", applies_to: { location: "west" }, when: { range: { measure: "m", max: 9 } } },
      {
        name: "south",
        applies_to: { location: "s*" },
        when: { expression: "100 / status_code > 1" },
        confirm: { at_least: 1, of: 2 },
      },
    ],
    catalogue,
  );
  const block = new ReadingBlock(10);
  const counts = () => set.counts().map(({ rule, ...rest }) => [rule, ...Object.values(rest)]);
  expect(counts()).toEqual([
    ["all", 0, 0, 0, null],
    ["fails", 0, 0, 0, 0],
    ["nowhere", 0, 0, 0, null],
    ["south", 0, 0, 0, 0],
  ]);
  add(block, catalogue, "north", 0);
  add(block, catalogue, "north", null);
  add(block, catalogue, "south", 0);
  add(block, catalogue, "south", 5);
  // The first commit fails, and the block is judged again with one more reading.
  set.judge(block);
  add(block, catalogue, "north", 0);
  set.judge(block);
  set.keep();
  set.count(block);
  expect(counts()).toEqual([
    ["all", 2, 5, 0, null],
    // An absent field is not an error, and decides nothing.
    ["fails", 1, 3, 2, 0],
    ["nowhere", 0, 0, 0, null],
    ["south", 1, 2, 1, 1],
  ]);
  // Readings that are judged again after a restart are kept, but were counted before.
  block.clear();
  add(block, catalogue, "south", 0);
  set.judge(block);
  set.keep();
  expect(counts().at(-1)).toEqual(["south", 1, 2, 1, 1]);
  set.judge(block);
  set.keep();
  set.count(block);
  expect(counts().at(-1)).toEqual(["south", 1, 3, 2, 1]);
});

test("sensors that come later are counted from their first reading on", () => {
  const catalogue = new SensorCatalogue();
  const set = setOf([{ name: "all", when: { range: { measure: "m", max: 9 } } }], catalogue);
  const block = new ReadingBlock(500);
  for (let i = 0; i < 300; i++) add(block, catalogue, `l${i}`, 0);
  set.judge(block);
  set.keep();
  set.count(block);
  expect(set.counts()).toEqual([{ rule: "all", sensors: 300, readings: 300, errors: 0, decided: null }]);
});
