import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { STAGES } from "../../src/core/stage.ts";
import { shippedProfiles } from "../../src/sensor/profile/shipped.ts";
import { SensorWindow } from "../../src/stages/sensor-window.ts";
import { windowRows } from "../../src/stages/window-row.ts";
import { columnsModule, lakeColumns } from "./lake-columns.ts";

test("the notebooks' columns are what the table of columns makes (bun scripts/generate/columns.ts)", () => {
  expect(readFileSync(join(import.meta.dir, "../../notebooks/columns.py"), "utf8")).toBe(columnsModule());
});

test("no stage has two columns of one name, in any case: the lake does not distinguish them", () => {
  for (const stage of STAGES) {
    const names = lakeColumns(stage).map(({ name }) => name.toLowerCase());
    expect([stage, names.length]).toEqual([stage, new Set(names).size]);
  }
});

test("a window's row has the columns of the table, in its order", () => {
  const measures = [...new Set(shippedProfiles().flatMap((profile) => profile.measures.map(({ name }) => name)))];
  const sensor = new SensorWindow();
  sensor.seen(measures.map((_, slot) => slot));
  const facts = { epoch: "e", nodeId: "n", agentVersion: "1", lengthMs: 60_000, revision: 0 };
  const { text } = windowRows({ startMs: 0, sensors: new Map([["s", sensor]]) }, measures, facts);
  expect(Object.keys(JSON.parse(text) as object)).toEqual(lakeColumns("aggregated").map(({ name }) => name));
});
