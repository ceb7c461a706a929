import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { UsageError } from "../core/errors.ts";
import type { ReadingBlock } from "../core/reading.ts";
import { IDENTITY_COLUMNS } from "../core/sensor.ts";
import { cases } from "../testing/needs.ts";
import type { StoredBlock } from "./buffer.ts";
import { isLocked, lockHolder, tryLock } from "./disk/agent-lock.ts";
import { lastTimesOf } from "./last-times.ts";
import { sourcesOf } from "./ledger/holdings.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import { sourceState } from "./source-shares.ts";
import { SqliteBuffer } from "./sqlite-buffer.ts";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "agent-buffer-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const open = (recentRows = 10_000) =>
  new SqliteBuffer({
    dataDir,
    nodeId: "node-1",
    nowMs: Date.UTC(2026, 10, 23),
    chance: new Uint8Array(10).fill(7),
    blockRows: 100,
    recentRows,
  });
/** Opens the buffer as a node of this id, and closes it. */
function nodeIdOf(nodeId: string | (() => string)) {
  const buffer = new SqliteBuffer({
    dataDir,
    nodeId,
    nowMs: 0,
    chance: new Uint8Array(10),
    blockRows: 1,
    recentRows: 1,
  });
  buffer.close();
  return [buffer.nodeId, buffer.nodeIdBefore];
}

test("a node's id is made with its buffer and stays; a given one wins, and the one before is known", () => {
  let made = 0;
  const make = () => `made-${++made}`;
  expect(nodeIdOf(make)).toEqual(["made-1", null]);
  expect(nodeIdOf(make)).toEqual(["made-1", null]);
  expect(nodeIdOf("pump-7")).toEqual(["pump-7", "made-1"]);
  expect(nodeIdOf("pump-7")).toEqual(["pump-7", null]);
  expect(nodeIdOf(make)).toEqual(["pump-7", null]);
  expect(made).toBe(1);
});

const said = { ingestedAtMs: 1_000, rulesVersion: "abc", timeQuality: "ok", agentVersion: "0.1.0" } as const;
const facts = { ...said, earliestMs: 7, latestMs: 4e12 } as const;
const identity = (id: string) => IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? id : null));

type TestRow = {
  sensor: number;
  time: number;
  values: (number | null)[];
  kind: "valid" | "anomalous" | "malformed";
  extra: boolean;
  isArrival?: boolean;
};
const rowArbitrary: fc.Arbitrary<TestRow> = fc.record({
  sensor: fc.integer({ min: 0, max: 3 }),
  time: fc.integer({ min: 0, max: 4e12 }),
  values: fc.array(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })), { minLength: 3, maxLength: 3 }),
  kind: fc.constantFrom("valid", "valid", "anomalous", "malformed"),
  extra: fc.boolean(),
  isArrival: fc.boolean(),
});

function fill(buffer: SqliteBuffer, rows: readonly TestRow[]): ReadingBlock {
  const block = buffer.recent.lend();
  const { catalogue } = buffer;
  for (const row of rows) {
    if (row.kind === "malformed") {
      block.addMalformed(row.time, { reason: "not_json", detail: "why", received: "{", encoding: "utf8", bytes: 1 });
      continue;
    }
    const measures = row.sensor === 3 ? ["a", "c"] : ["a", "b"];
    const sensor = catalogue.internSensor(identity(`s${row.sensor}`), measures);
    const own = { statusCode: row.sensor, anomalyFlag: 0, anomalyType: null } as const;
    const label = catalogue.internLabel(row.isArrival ? { ...own, isArrival: true } : own);
    const at = block.add(sensor, row.time, label);
    catalogue.sensors[sensor]!.slots.forEach((slot, i) => {
      block.column(slot)[at] = row.values[i] ?? Number.NaN;
    });
    if (row.extra) block.extra.set(at, '{"x":1}');
    if (row.kind === "anomalous") {
      const finding = { rule: "r", severity: "warning", reason: "is", observed: 1, limit: null, window: null } as const;
      block.findings.set(at, [finding]);
    }
  }
  return block;
}

/** What two reads must agree on, whatever blocks they come in. */
function content(blocks: readonly StoredBlock[], slots: number): unknown[] {
  return blocks.flatMap(({ firstSeq, block, facts: of }) =>
    Array.from({ length: block.count }, (_, row) => ({
      seq: firstSeq + row,
      sensor: block.sensor[row],
      time: block.time[row],
      label: block.label[row],
      measures: Array.from({ length: slots }, (_unused, slot) => (block.measures[slot]?.[row] ?? Number.NaN) + 0),
      extra: block.extra.get(row) ?? null,
      findings: block.findings.get(row) ?? null,
      malformed: block.malformed.get(row) ?? null,
      of,
    })),
  );
}

test("committed readings are the same from memory, from the database, and after a restart", () => {
  fc.assert(
    fc.property(fc.array(fc.array(rowArbitrary, { minLength: 1, maxLength: 20 }), { maxLength: 5 }), (commits) => {
      rmSync(dataDir, { recursive: true, force: true });
      dataDir = mkdtempSync(join(tmpdir(), "agent-buffer-"));
      let buffer = open();
      for (const [i, rows] of commits.entries()) buffer.commit(fill(buffer, rows), i % 2 === 0 ? facts : said, []);
      const { lastSeq, epoch } = buffer;
      const { labels } = buffer.catalogue;
      const slots = buffer.catalogue.measureNames.length;
      expect(lastSeq).toBe(commits.flat().length);
      const memory = content(buffer.recent.cover({ first: 1, last: lastSeq }) ?? [], slots);
      expect(memory.length).toBe(lastSeq);
      buffer.recent.release(lastSeq);
      expect(content(buffer.read({ first: 1, last: lastSeq }), slots)).toEqual(memory);
      buffer.close();
      buffer = open();
      expect(buffer.epoch).toBe(epoch);
      expect(buffer.catalogue.labels).toEqual(labels);
      expect(buffer.lastSeq).toBe(lastSeq);
      expect(content(buffer.read({ first: 1, last: lastSeq }), slots)).toEqual(memory);
      // Handles continue from the last one.
      buffer.commit(fill(buffer, commits.flat().slice(0, 20)), facts, []);
      expect(buffer.lastSeq).toBe(lastSeq + Math.min(20, commits.flat().length));
      buffer.close();
    }),
    { numRuns: cases(40) },
  );
});

test("a cursor is stored with its readings, and counts add up", () => {
  const buffer = open();
  const row: TestRow = { sensor: 1, time: 5, values: [1, 2, 3], kind: "valid", extra: false };
  buffer.commit(fill(buffer, [row]), facts, [{ uri: "u", cursor: "10", accepted: 1, refused: 0, flaws: [] }]);
  buffer.commit(fill(buffer, [row]), facts, [{ uri: "u", cursor: "11", accepted: 1, refused: 2, flaws: [] }]);
  expect(buffer.cursor("u")).toBe("11");
  expect(buffer.db.query("SELECT accepted, refused FROM source").get()).toEqual({ accepted: 2, refused: 2 });
  buffer.close();
});

test("what a source keeps beside its cursor is stored with its readings, by key, and null deletes it", () => {
  const buffer = open();
  const row: TestRow = { sensor: 1, time: 5, values: [1, 2, 3], kind: "valid", extra: false };
  const share = { uri: "file:*", cursor: "1", accepted: 1, refused: 0, flaws: [] };
  const commit = (state: [string, string | null][]) =>
    buffer.commit(fill(buffer, [row]), facts, [{ ...share, state: new Map(state) }]);
  commit([
    ["a", "1"],
    ["b", "2"],
  ]);
  commit([
    ["b", null],
    ["c", "3"],
    ["a", "4"],
  ]);
  buffer.db.run("CREATE TRIGGER no BEFORE INSERT ON reading BEGIN SELECT RAISE(ABORT, 'no'); END");
  expect(() => commit([["a", "9"]])).toThrow();
  buffer.close();
  const again = open();
  expect(sourceState(again.db, "file:*")).toEqual(
    new Map([
      ["a", "4"],
      ["c", "3"],
    ]),
  );
  expect([...sourceState(again.db, "file:x")]).toEqual([]);
  // Another spelling of the URI takes it over.
  expect(again.cursor("file:./*", () => true)).toBe("1");
  expect([...sourceState(again.db, "file:./*").keys()]).toEqual(["a", "c"]);
  again.close();
});

test("a source under another spelling of its URI takes over its cursor and its counts", () => {
  const buffer = open();
  const row: TestRow = { sensor: 1, time: 5, values: [1, 2, 3], kind: "valid", extra: false };
  const flaw = { reason: "not_finite", field: "humidity", count: 3, detail: "d" } as const;
  const share = { uri: "sqlite:a.db", cursor: "10", accepted: 1, refused: 0, flaws: [flaw] };
  buffer.commit(fill(buffer, [row]), facts, [share]);
  expect(buffer.cursor("sqlite:./a.db", () => false)).toBeNull();
  expect(buffer.cursor("sqlite:./a.db", (other) => other === "sqlite:a.db")).toBe("10");
  expect(buffer.db.query("SELECT uri, accepted FROM source").all()).toEqual([{ uri: "sqlite:./a.db", accepted: 1 }]);
  expect(buffer.db.query("SELECT uri, count FROM flaw").all()).toEqual([{ uri: "sqlite:./a.db", count: 3 }]);
  expect(buffer.cursor("sqlite:./a.db", () => true)).toBe("10");
  buffer.close();
});

test("a commit that fails changes nothing, and the same block can be committed later", () => {
  const buffer = open();
  const row: TestRow = { sensor: 1, time: 5, values: [1, 2, 3], kind: "valid", extra: false };
  const block = fill(buffer, [row]);
  buffer.db.run("CREATE TRIGGER no BEFORE INSERT ON reading BEGIN SELECT RAISE(ABORT, 'no'); END");
  expect(() => buffer.commit(block, facts, [{ uri: "u", cursor: "1", accepted: 1, refused: 0, flaws: [] }])).toThrow();
  expect(buffer.lastSeq).toBe(0);
  expect(buffer.cursor("u")).toBeNull();
  buffer.db.run("DROP TRIGGER no");
  buffer.commit(block, facts, [{ uri: "u", cursor: "1", accepted: 1, refused: 0, flaws: [] }]);
  expect(buffer.read({ first: 1, last: 1 })[0]!.block.count).toBe(1);
  buffer.close();
});

test("the view sensor_readings shows the 26 columns that existing tools expect", () => {
  const buffer = open();
  const { catalogue } = buffer;
  const block = buffer.recent.lend();
  const sensor = catalogue.internSensor(identity("s1"), [
    "temperature",
    "humidity",
    "pressure",
    "vibration",
    "voltage",
  ]);
  const label = catalogue.internLabel({ statusCode: 0, anomalyFlag: 1, anomalyType: "spike" });
  const at = block.add(sensor, Date.UTC(2026, 10, 23, 8, 0, 0, 250), label);
  block.column(catalogue.slotOf("temperature"))[at] = 21.5;
  buffer.commit(block, facts, []);
  const row = buffer.db.query<Record<string, unknown>, []>("SELECT * FROM sensor_readings").get()!;
  expect(Object.keys(row).length).toBe(26);
  expect(row).toMatchObject({ id: 1, timestamp: "2026-11-23T08:00:00.250Z", temperature: 21.5, humidity: null });
  buffer.close();
});

test("a database newer than the binary is refused with what to try", () => {
  const buffer = open();
  buffer.db.run("PRAGMA user_version = 999");
  buffer.setMeta("schema_version", "999");
  buffer.close();
  expect(() => open()).toThrow(UsageError);
});

test("one process holds the data dir's lock, and every process can see which", () => {
  const holder = { pid: 42, host: "h", sinceMs: 1 };
  expect(isLocked(dataDir)).toBe(false);
  const lock = tryLock(dataDir, holder);
  expect(lock).not.toBeNull();
  expect(isLocked(dataDir)).toBe(true);
  expect(tryLock(dataDir, { ...holder, pid: 43 })).toBeNull();
  expect(lockHolder(dataDir)).toEqual(holder);
  lock!.release();
  expect(isLocked(dataDir)).toBe(false);
  const again = tryLock(dataDir, holder);
  expect(again).not.toBeNull();
  again!.release();
});

test("the database is in WAL mode and synced in full", () => {
  const buffer = open();
  expect(buffer.db.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  expect(buffer.db.query("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
  expect(buffer.db).toBeInstanceOf(Database);
  buffer.close();
});

test("flaws of a source are counted by reason and field, in the commit of its readings", () => {
  const buffer = open();
  const row: TestRow = { sensor: 1, time: 5, values: [1, 2, 3], kind: "valid", extra: false };
  const of = (field: string | null, count: number) => [{ reason: "not_finite" as const, field, detail: "", count }];
  for (const flaws of [of("humidity", 2), of("humidity", 3), of(null, 1)]) {
    buffer.commit(fill(buffer, [row]), facts, [{ uri: "u", cursor: null, accepted: 1, refused: 0, flaws }]);
  }
  expect(sourcesOf({ db: buffer.db, version: SCHEMA_VERSION })[0]?.flaws).toEqual([
    { reason: "not_finite", field: "humidity", count: 5 },
    { reason: "not_finite", field: null, count: 1 },
  ]);
});

test("the last times of a sensor are those of its last commits, newest first", () => {
  const buffer = open();
  const row = (sensor: number, time: number): TestRow => ({
    sensor,
    time,
    values: [1, 2, 3],
    kind: "valid",
    extra: false,
  });
  buffer.commit(fill(buffer, [row(1, 500), row(2, 700), row(1, 600)]), facts, []);
  buffer.commit(fill(buffer, [row(1, 550)]), facts, []);
  const handleOf = (id: string) => buffer.catalogue.sensors.find(({ identity: [sensorId] }) => sensorId === id)!.handle;
  expect([handleOf("s1"), handleOf("s2"), 99].map((handle) => lastTimesOf(buffer, handle, 2))).toEqual([
    [550, 600],
    [700],
    [],
  ]);
  buffer.close();
  expect(lastTimesOf(buffer, 1, 3)).toEqual([]);
});

test.if(process.platform === "linux")(
  "a buffer that cannot be opened leaves no file open: a start may try for hours",
  () => {
    open().close();
    const db = new Database(join(dataDir, "buffer.db"));
    db.run("DROP TABLE sensor");
    db.close();
    const files = () => readdirSync("/proc/self/fd").length;
    const before = files();
    for (let tries = 0; tries < 50; tries++) expect(() => open()).toThrow("sensor");
    expect(files()).toBeLessThan(before + 10);
  },
);
