import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TransientError, UsageError } from "../../core/errors.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { parseSimulatorUri } from "../simulator/parameters.ts";
import { SimulatorSource } from "../simulator/simulator.ts";
import { WideTable } from "./wide-table.ts";

let folder = "";
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "agent-wide-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const newFile = () => join(folder, `field-${files++}.db`);

/** A thousand readings and the table to put them into. */
function simulated(path: string, query = "") {
  const catalogue = new SensorCatalogue();
  const parameters = parseSimulatorUri(`simulator:?rate=max&count=1000&start=2026-01-01&anomaly=0.2${query}`);
  const block = new ReadingBlock(1_000);
  new SimulatorSource(parameters, catalogue, null, Date.now).take(block, 0);
  const measures = parameters.profile.measures.map((measure) => measure.name);
  return { block, catalogue, open: () => new WideTable(path, measures, catalogue) };
}

function append(path: string, query = ""): void {
  const { block, open } = simulated(path, query);
  const table = open();
  table.append(block);
  table.close();
}

function rowsOf<T>(path: string, sql: string): T[] {
  const db = new Database(path, { readonly: true });
  const rows = db.query<T, []>(sql).all();
  db.close();
  return rows;
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("the table has the 26 columns of existing tools, in their order, and a rowid key", () => {
  const path = newFile();
  append(path);
  const columns = rowsOf<{ name: string; type: string; pk: number }>(
    path,
    "SELECT name, type, pk FROM pragma_table_info('sensor_readings')",
  );
  expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
    ..."id INTEGER,timestamp TEXT,sensor_id TEXT,temperature REAL,humidity REAL,pressure REAL".split(","),
    ..."vibration REAL,voltage REAL,status_code INTEGER,anomaly_flag INTEGER,anomaly_type TEXT".split(","),
    ..."firmware_version TEXT,model TEXT,manufacturer TEXT,location TEXT,latitude REAL,longitude REAL".split(","),
    ..."original_timezone TEXT,serial_number TEXT,manufacture_date TEXT,deployment_type TEXT".split(","),
    ..."installation_date TEXT,height_meters REAL,orientation_degrees REAL,instance_id TEXT,sensor_type TEXT".split(
      ",",
    ),
  ]);
  expect(columns.filter(({ pk }) => pk > 0).map(({ name }) => name)).toEqual(["id"]);
  expect(rowsOf<object>(path, "PRAGMA journal_mode")).toEqual([{ journal_mode: "wal" }]);
});

test("a row holds what the reading held, every identity column filled and a missing measure null", () => {
  const path = newFile();
  const { block, catalogue, open } = simulated(path);
  const table = open();
  table.append(block);
  table.close();
  const rows = rowsOf<Record<string, unknown>>(path, "SELECT * FROM sensor_readings ORDER BY id");
  expect(rows.length).toBe(1_000);
  rows.forEach((row, i) => {
    const sensor = catalogue.sensors[block.sensor[i]!]!;
    const label = catalogue.labels[block.label[i]!]!;
    const temperature = block.column(catalogue.slotOf("temperature"))[i]!;
    expect(row).toMatchObject({
      id: i + 1,
      timestamp: new Date(block.time[i]!).toISOString(),
      sensor_id: sensor.identity[0],
      sensor_type: "environmental",
      temperature: Number.isNaN(temperature) ? null : temperature,
      anomaly_flag: label.anomalyFlag,
      anomaly_type: label.anomalyType,
    });
    const optional = new Set(["anomaly_type", ...sensor.measures]);
    for (const [name, value] of Object.entries(row))
      if (!optional.has(name)) expect([name, value === null]).toEqual([name, false]);
  });
  expect(rows.some((row) => row["temperature"] === null && row["anomaly_type"] === "missing_data")).toBe(true);
});

test("a second run appends after the first, and another profile has its own columns", () => {
  const path = newFile();
  append(path);
  append(path, "&seed=2");
  expect(rowsOf<object>(path, "SELECT count(*) AS n, max(id) AS last FROM sensor_readings")).toEqual([
    { n: 2_000, last: 2_000 },
  ]);
  const turbines = newFile();
  append(turbines, "&profile=wind-turbine");
  expect(rowsOf<object>(turbines, "SELECT count(power_output) > 900 AS most FROM sensor_readings")).toEqual([
    { most: 1 },
  ]);
});

test("a foreign table is used when it has the columns, else refused with the names of the missing ones", () => {
  const path = newFile();
  append(path);
  const db = new Database(path);
  db.run("ALTER TABLE sensor_readings ADD COLUMN synced INTEGER DEFAULT 0");
  db.close();
  append(path);
  expect(rowsOf<object>(path, "SELECT count(*) AS n FROM sensor_readings WHERE synced = 0")).toEqual([{ n: 2_000 }]);

  const error = thrownBy(() => append(path, "&profile=wind-turbine"));
  expect(error).toBeInstanceOf(UsageError);
  expect(String(error)).toContain(`Cannot append to "sensor_readings" in "${path}": it has no column "wind_speed", `);
  expect(error).toHaveProperty("tryHint", "agent simulate --out sqlite:new.db");
});

test("a view, a file that is not a database and a missing folder are refused, and nothing is changed", () => {
  const view = newFile();
  const db = new Database(view);
  db.run("CREATE VIEW sensor_readings AS SELECT 1 AS id");
  db.close();
  const text = newFile();
  writeFileSync(text, "not a database, but long enough to look at ".repeat(50));
  for (const path of [view, text, join(folder, "nowhere", "field.db")]) {
    const error = thrownBy(() => append(path));
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toContain(path);
  }
});

test("a locked database is a TransientError, nothing is half written, and appending works again when the lock is released", () => {
  const path = newFile();
  const { block, open } = simulated(path);
  const table = open();
  const other = new Database(path);
  other.run("BEGIN IMMEDIATE");
  expect(thrownBy(() => table.append(block))).toBeInstanceOf(TransientError);
  other.run("ROLLBACK");
  other.close();
  table.append(block);
  table.close();
  expect(rowsOf<object>(path, "SELECT count(*) AS n FROM sensor_readings")).toEqual([{ n: 1_000 }]);
});
