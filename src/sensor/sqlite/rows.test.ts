import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { readingsOf } from "../../testing/block-readings.ts";
import { cases } from "../../testing/needs.ts";
import { parseMapping } from "../map/map-file.ts";
import { shippedProfiles } from "../profile/shipped.ts";
import type { Mapping } from "../row/fields.ts";
import { Normalizer } from "../row/normalize.ts";
import { jsonOf } from "./rows.ts";
import { SqliteTailSource } from "./tail.ts";

const dir = mkdtempSync(join(tmpdir(), "sqlite-rows-"));
afterAll(() => rmSync(dir, { recursive: true }));
const profiles = shippedProfiles();
const COLUMNS = [
  "sensor_id",
  "sensor_type",
  "location",
  "latitude",
  "timestamp",
  "temperature",
  "wind_speed",
  "status_code",
  "anomaly_type",
  "note",
];

type SqliteRow = readonly (string | number | bigint | null | Uint8Array)[];

/** Only a table has it. */
const KEY = / \(row with rowid \d+\)$/;

function readingsIn(block: ReadingBlock, catalogue: SensorCatalogue): unknown[] {
  return readingsOf(block, catalogue).map(({ malformed, ...reading }) => ({
    ...reading,
    malformed: [malformed?.reason, malformed?.detail.replace(KEY, "")],
  }));
}

const normalizerOf = (catalogue: SensorCatalogue, mapping: Mapping): Normalizer =>
  new Normalizer({ catalogue, profile: profiles[0]!, profiles, mapping });

/** The rows by name, one after the other, without SQLite and without memory of sensors. */
function byName(rows: readonly SqliteRow[], mapping: Mapping): unknown[] {
  const catalogue = new SensorCatalogue();
  const block = new ReadingBlock(rows.length + 1);
  for (const row of rows) {
    const named = COLUMNS.map((name, i) => [name, row[i]]).filter(([, value]) => value !== null);
    const exact: Record<string, unknown> = Object.fromEntries(named);
    const numbers = named.map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]);
    const original = {
      received: () => ({ received: "", encoding: "utf8", bytes: 0 }) as const,
      textOf: (name: string) => jsonOf(exact[name]),
    };
    normalizerOf(catalogue, mapping).add(block, Object.fromEntries(numbers), 0, original);
  }
  return readingsIn(block, catalogue);
}

type Types = { readonly id: string; readonly place: string; readonly degrees: string };

/**
 * The same rows through a table, in takes of a few, so that identities learnt in one are known in the next; and the rows
 * as SQLite has stored them, which a column's type may have changed.
 */
function byTable(
  rows: readonly SqliteRow[],
  mapping: Mapping,
  types: Types,
): { readings: unknown[]; stored: SqliteRow[] } {
  const path = join(dir, "field.db");
  rmSync(path, { force: true });
  const db = new Database(path);
  db.run("PRAGMA synchronous = OFF");
  const typeOf: Record<string, string> = { sensor_id: types.id, location: types.place, latitude: types.degrees };
  db.run(`CREATE TABLE sensor_readings (${COLUMNS.map((name) => `${name} ${typeOf[name] ?? ""}`)})`);
  const insert = db.query(`INSERT INTO sensor_readings VALUES (${COLUMNS.map(() => "?")})`);
  db.transaction(() => {
    for (const row of rows) insert.run(...row);
  })();
  const stored = db.query("SELECT * FROM sensor_readings").safeIntegers(true).values() as SqliteRow[];
  db.close();
  const catalogue = new SensorCatalogue();
  const normalizer = normalizerOf(catalogue, mapping);
  const source = new SqliteTailSource({ uri: `sqlite:${path}`, normalizer, cursor: null, once: true });
  const block = new ReadingBlock(3);
  const readings: unknown[] = [];
  for (let state = ""; state !== "ended"; ) {
    ({ state } = source.take(block, 0));
    readings.push(...readingsIn(block, catalogue));
    block.clear();
  }
  source.close();
  return { readings, stored };
}

const mappings = [
  {},
  { constants: { sensor_id: "only" }, text_numbers: true },
  {
    fields: { note: "sensor_id", temperature: { to: "temperature", scale: 2, offset: 1 } },
    absent: [7, "none"],
    drop: ["sensor_id"],
  },
  { fields: { sensor_id: "sensor_id" }, absent: ["2026-01-01T00:00:00Z", 0, "nan", "inf"], text_numbers: true },
  { fields: { note: "sensor_id", timestamp: "timestamp" }, only: "mapped", drop: "rest" },
  { fields: { note: "sensor_id", timestamp: "timestamp", temperature: "temperature" }, only: "mapped" },
  { fields: { temperature: { to: "temperature", unit_from: "location", unit: "K" } } },
  { fields: { temperature: { to: "temperature", words: { "7": 70 }, absent: [21.5] } }, decimal: "," },
  { fields: { wind_speed: "temperature", temperature: { to: "temperature", unit: "°F" }, note: "sensor_id" } },
  { fields: { status_code: { to: "status_code", scale: 2, absent: [7] }, latitude: { to: "latitude", scale: 10 } } },
].map((map) => parseMapping(JSON.stringify(map), "map.json", profiles));

/** Different integers that are one number. */
const IDS = [2n ** 53n, 2n ** 53n + 1n, 2_882_429_806_056_571_124n, 2_882_429_806_056_571_125n] as const;
const note = fc.constantFrom(null, "n", "m", 17, 2.5, new Uint8Array([1]), -(2n ** 63n), 1e300, ...IDS);
const row = fc.tuple(
  fc.constantFrom("a", "b", "A", null, 5, "5", "05", ...IDS),
  fc.constantFrom("environmental", "wind-turbine", "other", null),
  fc.constantFrom("Hall", "hall", null, "1"),
  fc.constantFrom(1, 1.5, null, "1"),
  fc.constantFrom("2026-01-01T00:00:00Z", "2026-01-01 00:00:01", "soon", null, 5),
  fc.constantFrom(21.5, null, 7, "21.5", "", Number.POSITIVE_INFINITY, 2n ** 60n),
  fc.constantFrom(3, null, -0.5),
  fc.constantFrom(0, null, 7, 1.5, "none", ...IDS),
  fc.constantFrom(null, null, "spike", "none", "x".repeat(300)),
  note,
);
const types: fc.Arbitrary<Types> = fc.record({
  id: fc.constantFrom("", "TEXT", "NUMERIC", "ANY", "VARCHAR(20)"),
  place: fc.constantFrom("", "COLLATE NOCASE", "TEXT COLLATE NOCASE", "BLOB"),
  degrees: fc.constantFrom("", "REAL", "INTEGER", "TEXT", "DECIMAL(10,5)"),
});
/** Rows of one identity, which is learnt. */
const usual = fc
  .tuple(fc.constantFrom(21.5, 7, null), fc.constantFrom(3, null), fc.constantFrom(0, 3, 7), note)
  .map(
    ([temperature, wind, status, last]): SqliteRow => [
      ...["a", "environmental", "K", 1, "2026-01-01T00:00:00Z"],
      ...[temperature, wind, status, null, last],
    ],
  );

test("a row of a table is read as by its column names, whether its identity is known, new or changed", () => {
  const rows = fc.array(fc.oneof(row, usual), { minLength: 1, maxLength: 25 });
  fc.assert(
    fc.property(rows, fc.constantFrom(...mappings), types, (given, mapping, declared) => {
      const { readings, stored } = byTable(given, mapping, declared);
      expect(readings).toEqual(byName(stored, mapping));
    }),
    { numRuns: cases(300) },
  );
});
