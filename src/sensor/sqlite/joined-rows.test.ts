/** Rows of one quantity each, of a database: each reading once, whole, whatever the reads and restarts. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { readingsOf } from "../../testing/block-readings.ts";
import { testWith } from "../../testing/needs.ts";
import { parseMapping } from "../map/map-file.ts";
import { SourceNormalizers } from "../normalizers.ts";
import { loadProfile } from "../profile/shipped.ts";
import { SqliteTailSource } from "./tail.ts";

const dir = mkdtempSync(join(tmpdir(), "sqlite-joined-"));
afterAll(() => rmSync(dir, { recursive: true }));
const PROFILE = loadProfile("environmental");
const MAP = {
  where: { field: "q", not_equals: "light" },
  wide: { name: "q", value: "v", wait: "5s" },
  fields: { id: "sensor_id", t: "timestamp" },
  compose: { location: "{@file}/{@table}" },
  timestamp: { format: "unix_s" },
  text_numbers: true,
};
let files = 0;

type LongRow = { readonly id: string; readonly t: number; readonly q: string; readonly v: string };

function database(): { path: string; write: (rows: readonly LongRow[]) => void } {
  const path = join(dir, `home-${files++}.db`);
  const db = new Database(path);
  db.run("PRAGMA synchronous = OFF");
  db.run("PRAGMA journal_mode = WAL");
  db.run("CREATE TABLE states (n INTEGER PRIMARY KEY, id TEXT, t INTEGER, q TEXT, v TEXT)");
  const insert = db.query("INSERT INTO states (id, t, q, v) VALUES (?, ?, ?, ?)");
  const write = (rows: readonly LongRow[]) => {
    db.transaction(() => {
      for (const { id, t, q, v } of rows) insert.run(id, t, q, v);
    })();
  };
  return { path, write };
}

function tail(path: string, cursor: string | null, once = false) {
  const catalogue = new SensorCatalogue();
  const mapping = parseMapping(JSON.stringify(MAP), "map.json", [PROFILE]);
  const normalizers = new SourceNormalizers({ catalogue, profile: PROFILE, mapping });
  const uri = `sqlite:${path}?table=states`;
  const joiner = normalizers.forStream().typed;
  const source = new SqliteTailSource({ uri, normalizer: normalizers.typed, joiner, cursor, once });
  const take = (nowMs: number): string[] => {
    const block = new ReadingBlock(4);
    const taken: string[] = [];
    for (let state = "more"; state === "more"; block.clear()) {
      ({ state } = source.take(block, nowMs));
      taken.push(...readingsOf(block, catalogue).map((each) => JSON.stringify(each)));
    }
    return taken;
  };
  return { source, take };
}

const ROWS = fc.array(
  fc.record({
    id: fc.constantFrom("a", "b"),
    t: fc.integer({ min: 1_700_000_000, max: 1_700_000_005 }),
    q: fc.constantFrom("temperature", "humidity", "pressure", "light"),
    v: fc.integer({ min: 0, max: 99 }).map(String),
  }),
  { maxLength: 30 },
);

test("any rows, written in any portions, read by any number of processes, are the readings of one read", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(ROWS, fc.boolean(), fc.integer({ min: 0, max: 3_000 })), { maxLength: 6 }),
      (portions) => {
        const [all, parts] = [database(), database()];
        all.write(portions.flatMap(([rows]) => rows));
        // The name of the file is a part of each reading.
        const named = (readings: readonly string[]) => readings.map((reading) => reading.replace(/home-\d+/, "home"));
        const expected = named(tail(all.path, null, true).take(0));
        const taken: string[] = [];
        let reader = tail(parts.path, null);
        let nowMs = 0;
        for (const [rows, isRestart, laterMs] of portions) {
          parts.write(rows);
          // Never so late that a set would be complete.
          nowMs += laterMs;
          taken.push(...named(reader.take(nowMs)));
          if (isRestart) reader = tail(parts.path, reader.source.cursor());
          else nowMs = 0;
        }
        taken.push(...named(tail(parts.path, reader.source.cursor(), true).take(0)));
        expect(taken).toEqual(expected);
      },
    ),
    { numRuns: 15 },
  );
});

test("a set is complete when nothing was added for the time of `wait`, although rows come that the map leaves out", () => {
  const { path, write } = database();
  const row = (q: string, t = 1_700_000_000): LongRow => ({ id: "a", t, q, v: "7" });
  const { take } = tail(path, null);
  write([row("temperature")]);
  expect(take(0)).toEqual([]);
  write([row("humidity")]);
  expect(take(1_000)).toEqual([]);
  write([row("light")]);
  expect(take(5_900)).toEqual([]);
  write([row("light")]);
  const [reading = "", ...more] = take(6_000);
  expect([reading.match(/"(?:temperature|humidity)",7/g)?.length, reading.includes("home-"), more]).toEqual([
    2,
    true,
    [],
  ]);
  expect(reading).toContain("/states");
  write([row("pressure")]);
  expect(take(12_000)).toEqual([]);
  expect(take(18_000).length).toBe(1);
});

testWith("time")("a set that is larger than a read is readings all the same", () => {
  const { path, write } = database();
  write(Array.from({ length: 12_000 }, (_, i) => ({ id: `s${i}`, t: 1_700_000_000, q: "temperature", v: "1" })));
  expect(new Set(tail(path, null, true).take(0)).size).toBe(12_000);
});
