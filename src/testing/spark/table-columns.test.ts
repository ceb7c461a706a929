/** The five tables have a column for every field that the agent writes: compared with rows that the agent's own code made. */

import { expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { Gzip } from "../../core/bytes/gzip.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { READING_STAGES, type ReadingStage } from "../../core/stage.ts";
import { LOADER_COLUMNS, type TableColumn, tableColumns } from "../../lakehouse/columns.ts";
import { loadProfile, shippedProfiles } from "../../sensor/profile/shipped.ts";
import { parseSimulatorUri } from "../../sensor/simulator/parameters.ts";
import { SimulatorSource } from "../../sensor/simulator/simulator.ts";
import { StageEncoder } from "../../stages/encode.ts";
import { SensorWindow } from "../../stages/sensor-window.ts";
import { windowRows } from "../../stages/window-row.ts";

const FACTS = { ingestedAtMs: 0, rulesVersion: "a1b2c3d4e5f6", timeQuality: "ok" as const, agentVersion: "0.1.0" };
const AT_MS = Date.UTC(2026, 10, 23, 8, 30);
const HOUR_MS = Date.UTC(2026, 10, 23, 8);

type JsonRow = Readonly<Record<string, unknown>>;
const rowsIn = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as JsonRow);

function readingRows(profile: string, stage: ReadingStage): JsonRow[] {
  const catalogue = new SensorCatalogue();
  const uri = `simulator:?profile=${profile}&count=200&rate=max&anomaly=0.2&seed=3&sensors=4`;
  const source = new SimulatorSource(parseSimulatorUri(uri), catalogue, null, () => AT_MS);
  const block = new ReadingBlock(200);
  source.take(block, AT_MS);
  const finding = { rule: "r", severity: "warning", reason: "why", observed: 1, limit: null, window: null } as const;
  for (let row = 0; row < 20; row++) block.findings.set(row, [finding]);
  const encoder = new StageEncoder(
    { epoch: "01jd3v7hx8q2m5n9r4t6w8y0za", nodeId: "n", gzip: new Gzip(1, () => 0) },
    catalogue,
  );
  const blocks = [{ firstSeq: 1, block, facts: FACTS }];
  const made = encoder.encode(blocks, { first: 1, last: 200, hourMs: HOUR_MS }, new Set([stage]));
  return rowsIn(gunzipSync(made.get(stage)!.body).toString());
}

function windowsOf(measures: readonly string[]): JsonRow[] {
  const sensor = new SensorWindow();
  sensor.records = 2;
  for (const slot of measures.keys()) sensor.slots.add(slot);
  sensor.stats = new Float64Array(measures.length * 6).fill(2);
  const facts = { epoch: "e", nodeId: "n", agentVersion: "0.1.0", lengthMs: 60_000, revision: 0 };
  return rowsIn(windowRows({ startMs: HOUR_MS, sensors: new Map([["s-1", sensor]]) }, measures, facts).text);
}

/** Whether Spark reads this JSON value as the type without a loss. */
function fits(type: string, value: unknown): boolean {
  if (value === null) return true;
  switch (type) {
    case "string":
      return typeof value === "string";
    case "double":
      return typeof value === "number";
    case "bigint":
      return Number.isSafeInteger(value);
    case "timestamp":
      return typeof value === "string" && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
    case "array<string>":
      return Array.isArray(value) && value.every((one) => typeof one === "string");
    default:
      return false;
  }
}

function misfits(rows: readonly JsonRow[], columns: readonly TableColumn[]): string[] {
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const wrong = rows.flatMap((row) =>
    Object.entries(row).filter(([name, value]) => !fits(types.get(name) ?? "no column", value)),
  );
  return [...new Set(wrong.map(([name, value]) => `${name}: ${JSON.stringify(value)}`))];
}

for (const profile of shippedProfiles()) {
  for (const stage of READING_STAGES) {
    test(`every row of ${profile.name} in stage ${stage} fits its table`, () => {
      const rows = readingRows(profile.name, stage);
      expect(rows.length).toBeGreaterThan(0);
      expect(misfits(rows, tableColumns(stage, loadProfile("environmental")))).toEqual([]);
    });
  }

  test(`every window of ${profile.name} fits its table, and the table's own columns are in a window's order`, () => {
    const names = profile.measures.map(({ name }) => name);
    const [row] = windowsOf(names);
    expect(misfits([row!], tableColumns("aggregated", profile))).toEqual([]);
  });
}

test("what a row has, and nothing else but what Auto Loader adds, is in the table", () => {
  const measures = [...new Set(shippedProfiles().flatMap((profile) => profile.measures.map(({ name }) => name)))];
  const columns = tableColumns("aggregated", loadProfile("environmental")).map(({ name }) => name);
  const added = LOADER_COLUMNS.map(({ name }) => name);
  expect(columns).toEqual([...Object.keys(windowsOf(measures)[0]!), ...added]);
  expect(new Set(columns).size).toBe(columns.length);
});

test("a profile of the user's own gives its measures a column in every table", () => {
  const mine = { name: "mine", description: "", measures: [{ name: "ph", unit: "1", plausible: [0, 14] as const }] };
  expect(tableColumns("raw", mine)).toContainEqual({ name: "ph", type: "double", comment: "ph, 1" });
  expect(tableColumns("aggregated", mine).map(({ name }) => name)).toContain("stddev_ph");
});

test("a measure that is named like a column that is there makes no second one", () => {
  const measures = ["severity", "source_file", "sensor_id"].map((name) => ({
    name,
    unit: "1",
    plausible: [0, 1] as const,
  }));
  for (const stage of ["raw", "anomalies"] as const) {
    const names = tableColumns(stage, { name: "mine", description: "", measures }).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  }
});

test("a row that does not fit is found", () => {
  const columns = tableColumns("raw", loadProfile("environmental"));
  const [row] = readingRows("environmental", "raw");
  expect(misfits([{ ...row, temperature: "warm", surprise: 1 }], columns)).toEqual([
    'temperature: "warm"',
    "surprise: 1",
  ]);
});
