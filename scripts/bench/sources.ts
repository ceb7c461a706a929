/**
 * The cost of taking one reading from lines of JSON and from a foreign SQLite table, in CPU-µs: 26 columns, 50 sensors,
 * 2 % anomalies; and eight columns without a map and through one, nested, and five to a line. `bun scripts/bench/sources.ts [ROWS]`. The plain loop beside each only parses.
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadingBlock } from "../../src/core/reading.ts";
import { SensorCatalogue } from "../../src/core/sensor.ts";
import { StdinSource } from "../../src/sensor/lines/stdin.ts";
import { parseMapping } from "../../src/sensor/map/map-file.ts";
import { SourceNormalizers } from "../../src/sensor/normalizers.ts";
import { loadFormat } from "../../src/sensor/open-format.ts";
import { loadProfile } from "../../src/sensor/profile/shipped.ts";
import { Normalizer } from "../../src/sensor/row/normalize.ts";
import type { Source } from "../../src/sensor/source.ts";
import { SqliteTailSource } from "../../src/sensor/sqlite/tail.ts";

const SENSORS = 50;
const BLOCK = 1_000;
const START = Date.UTC(2026, 0, 1);

type TableRow = Record<string, string | number | null>;

function wideRow(i: number): TableRow {
  const sensor = i % SENSORS;
  return {
    sensor_id: `ENV_SENSOR_${String(sensor).padStart(4, "0")}`,
    firmware_version: "2.1.0",
    model: "EnviroSense-3000",
    manufacturer: "SensorTech Industries",
    location: "Building A, Floor 3, Room 301",
    latitude: 40.7128 + sensor / 1_000,
    longitude: -74.006,
    original_timezone: "-05:00",
    serial_number: `SN-2026-${1_000 + sensor}`,
    manufacture_date: "2024-03-15",
    deployment_type: "indoor",
    installation_date: "2024-06-01",
    height_meters: 2.5,
    orientation_degrees: 180,
    instance_id: `instance-${sensor}`,
    sensor_type: "environmental",
    timestamp: new Date(START + i * 20).toISOString(),
    temperature: Math.round(2_200 + 300 * Math.sin(i / 900)) / 100,
    humidity: Math.round(4_500 + 900 * Math.cos(i / 700)) / 100,
    pressure: Math.round(101_325 + 400 * Math.sin(i / 5_000)) / 100,
    vibration: Math.round(200 + 90 * Math.sin(i)) / 100,
    voltage: Math.round(2_240 + 20 * Math.sin(i / 50)) / 100,
    status_code: 0,
    anomaly_flag: i % 50 === 7 ? 1 : 0,
    anomaly_type: i % 50 === 7 ? "spike" : null,
  };
}

const MEASURES = ["temperature", "humidity", "pressure", "vibration", "voltage"] as const;

function shortRow(i: number): TableRow {
  const row = wideRow(i);
  const names = ["sensor_id", "location", "timestamp", ...MEASURES] as const;
  return Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
}

function normalizer(map: object = {}): Normalizer {
  const profile = loadProfile("environmental");
  const mapping = parseMapping(JSON.stringify(map), "map.json", [profile]);
  return new Normalizer({ catalogue: new SensorCatalogue(), profile, mapping });
}

async function drain(source: Source, rows: number): Promise<number> {
  const block = new ReadingBlock(BLOCK);
  let taken = 0;
  for (;;) {
    const { state } = source.take(block, START);
    taken += block.count;
    for (const { detail } of block.malformed.values()) throw new Error(detail);
    block.clear();
    source.cursor();
    if (state === "ended") break;
    if (state === "idle") await new Promise((resolve) => setImmediate(resolve));
  }
  await source.close();
  if (taken !== rows) throw new Error(`${taken} of ${rows} rows were taken`);
  return taken;
}

async function measure(name: string, rows: number, work: () => unknown): Promise<void> {
  const before = process.cpuUsage();
  const started = performance.now();
  await work();
  const { user, system } = process.cpuUsage(before);
  const perRow = (user + system) / rows;
  const perSecond = Math.round(rows / ((performance.now() - started) / 1_000));
  console.log(
    `${name.padEnd(44)} ${perRow.toFixed(2).padStart(6)} CPU-µs/reading ${String(perSecond).padStart(9)} rows/s`,
  );
}

type LineCase = {
  readonly lineOf: (i: number) => object;
  readonly map?: object;
  /** Readings of a line. */
  readonly perLine?: number;
};

async function benchLines(name: string, rows: number, { lineOf, map, perLine = 1 }: LineCase): Promise<void> {
  const text = Array.from({ length: rows / perLine }, (_, i) => `${JSON.stringify(lineOf(i))}\n`);
  const bytes = Buffer.from(text.join(""));
  text.length = 0;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  }
  console.log(`${name}: ${(bytes.length / rows).toFixed(0)} bytes a reading`);
  await measure("  plain loop: split, JSON.parse", rows, () => {
    let kept = 0;
    for (const line of bytes.toString().split("\n")) if (line !== "") kept += Object.keys(JSON.parse(line)).length;
    return kept;
  });
  for (const run of [1, 2]) {
    const source = new StdinSource({ stream: chunks(), normalizer: normalizer(map) });
    await measure(`  stdin: (run ${run})`, rows, () => drain(source, rows));
  }
}

async function benchCsv(rows: number): Promise<void> {
  const cell = (value: string | number | null): string => {
    const text = value === null ? "" : String(value);
    return text.includes(",") ? `"${text}"` : text;
  };
  const lines = Array.from({ length: rows }, (_, i) => Object.values(wideRow(i)).map(cell).join(","));
  const bytes = Buffer.from(`${Object.keys(wideRow(0)).join(",")}\n${lines.join("\n")}\n`);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  }
  console.log(`CSV, sensors in turn: ${(bytes.length / rows).toFixed(0)} bytes a row`);
  await measure("  plain loop: split at newlines and commas", rows, () => {
    let kept = 0;
    for (const line of bytes.toString().split("\n")) kept += line.split(",").length;
    return kept;
  });
  const profile = loadProfile("environmental");
  for (const run of [1, 2]) {
    const normalizers = new SourceNormalizers({ catalogue: new SensorCatalogue(), profile });
    const csv = await loadFormat({ name: "csv", isDefault: false, csv: {} });
    const source = new StdinSource({
      stream: chunks(),
      normalizer: normalizers.typed,
      format: csv(normalizers, null),
    });
    await measure(`  stdin:?format=csv (run ${run})`, rows, () => drain(source, rows));
  }
}

async function benchTable(rows: number): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "bench-sources-"));
  const path = join(dir, "field.db");
  const db = new Database(path);
  db.run("PRAGMA journal_mode = WAL");
  const names = Object.keys(wideRow(0));
  const typed = names.map((name) => `${name} ${typeof wideRow(0)[name] === "number" ? "REAL" : "TEXT"}`).join(", ");
  db.run(`CREATE TABLE sensor_readings (id INTEGER PRIMARY KEY, ${typed})`);
  const insert = db.prepare(`INSERT INTO sensor_readings (${names}) VALUES (${names.map(() => "?")})`);
  db.transaction(() => {
    for (let i = 0; i < rows; i++) insert.run(...Object.values(wideRow(i)));
  })();
  await measure("sqlite: plain loop: values() of all columns", rows, () => {
    const select = db.prepare("SELECT rowid, * FROM sensor_readings WHERE rowid > ? ORDER BY rowid LIMIT 1000");
    for (let at = 0; at < rows; at += BLOCK) select.values(at);
  });
  for (const run of [1, 2]) {
    const source = new SqliteTailSource({ uri: `sqlite:${path}`, normalizer: normalizer(), cursor: null, once: true });
    await measure(`sqlite: (run ${run})`, rows, () => drain(source, rows));
  }
  db.close();
  rmSync(dir, { recursive: true });
}

const rows = Number(process.argv[2] ?? 200_000);
await benchLines("sensors in turn", rows, { lineOf: wideRow });
await benchLines("sensors in any order", rows, { lineOf: (i) => wideRow(Math.imul(i, 2_654_435_761) >>> 8) });
await benchLines("a new unknown field in each line", rows, { lineOf: (i) => ({ ...wideRow(i), note: `n${i}` }) });
await benchLines("long unknown fields", rows, {
  lineOf: (i) => ({ ...wideRow(i), log: "x".repeat(400), deep: { a: [i, { b: `${i}` }], on: i % 2 === 0 } }),
});
// The same values in each: how much does a map cost?
await benchLines("short lines, no map", rows, { lineOf: shortRow });
await benchLines("short lines, other names and units", rows, {
  lineOf: (i) => {
    const { sensor_id, timestamp, temperature, ...rest } = shortRow(i);
    return { id: sensor_id, ts: timestamp, t: temperature, ...rest };
  },
  map: { fields: { id: "sensor_id", ts: "timestamp", t: { to: "temperature", unit: "°F" } } },
});
await benchLines("short lines, nested, a filter", rows, {
  lineOf: (i) => {
    const { sensor_id, location, timestamp, ...data } = shortRow(i);
    return { device: { id: sensor_id, place: location }, time: timestamp, ok: true, data };
  },
  map: {
    fields: {
      "device.id": "sensor_id",
      "device.place": "location",
      time: "timestamp",
      ...Object.fromEntries(MEASURES.map((name) => [`data.${name}`, name])),
    },
    where: { field: "ok", equals: true },
    drop: ["ok"],
  },
});
await benchLines("five readings a line", rows, {
  perLine: 5,
  lineOf: (i) => ({
    time: new Date(START + i * 100).toISOString(),
    values: [0, 1, 2, 3, 4].map((k) => ({ ...shortRow((i % 10) * 5 + k), timestamp: undefined })),
  }),
  map: { each: "values[]", fields: { time: "timestamp" } },
});
await benchCsv(rows);
await benchTable(rows);
