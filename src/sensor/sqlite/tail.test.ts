import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TransientError, UsageError } from "../../core/errors.ts";
import { BLOCK_TEXT_LENGTH, ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { testWith } from "../../testing/needs.ts";
import { loadProfile } from "../profile/shipped.ts";
import { AS_IT_IS, type Mapping, NO_MAPPING } from "../row/fields.ts";
import { Normalizer } from "../row/normalize.ts";
import { SqliteTailSource } from "./tail.ts";
import { parseSqliteUri } from "./uri.ts";

const longTest = testWith("time");

const dir = mkdtempSync(join(tmpdir(), "sqlite-tail-"));
afterAll(() => rmSync(dir, { recursive: true }));
const PROFILE = loadProfile("environmental");
let files = 0;

const newPath = (): string => join(dir, `field-${files++}.db`);
const TIME = (i: number): string => new Date(Date.UTC(2026, 0, 1) + i * 1_000).toISOString();
const KEYED = "id INTEGER PRIMARY KEY, sensor_id TEXT, timestamp TEXT, temperature REAL";

/** A database that this process writes; what must be written by another process says so. */
function writer(path: string, columns: string = KEYED): Database {
  const db = new Database(path);
  db.run("PRAGMA synchronous = OFF");
  db.run(`CREATE TABLE sensor_readings (${columns})`);
  return db;
}

/** Rows whose temperature is `from`, `from + 1`, …: it names the row in these tests. */
function write(db: Database, from: number, count: number): void {
  const insert = db.query("INSERT INTO sensor_readings (sensor_id, timestamp, temperature) VALUES (?, ?, ?)");
  db.transaction(() => {
    for (let i = from; i < from + count; i++) insert.run("a", TIME(i), i);
  })();
}

type Tail = {
  readonly source: SqliteTailSource;
  readonly take: (capacity?: number) => number[];
  readonly notices: string[];
};

function tail(path: string, cursor: string | null = null, options: { once?: boolean; mapping?: Mapping } = {}): Tail {
  const { mapping = NO_MAPPING, ...rest } = options;
  const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: PROFILE, mapping });
  const notices: string[] = [];
  const source = new SqliteTailSource({
    uri: `sqlite:${path}`,
    normalizer,
    cursor,
    notice: (line) => notices.push(line),
    ...rest,
  });
  const take = (capacity = 100): number[] => {
    const temperatures: number[] = [];
    const block = new ReadingBlock(capacity);
    for (;;) {
      const { state } = source.take(block, 0);
      for (let row = 0; row < block.count; row++) temperatures.push(block.measures[0]?.[row] ?? Number.NaN);
      block.clear();
      if (state !== "more") return temperatures;
    }
  };
  return { source, take, notices };
}

const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test("rows come in the order of their rowids, each once, also after a restart at any cursor", () => {
  const path = newPath();
  const db = writer(path);
  write(db, 1, 250);
  const first = tail(path);
  expect(first.source.cursor()).toBeNull();
  expect(first.take(7)).toEqual(upTo(1, 250));
  write(db, 251, 3);
  expect(first.take()).toEqual(upTo(251, 253));
  const second = tail(path, first.source.cursor());
  expect(second.take()).toEqual([]);
  write(db, 254, 1);
  expect(second.take()).toEqual([254]);
  expect(second.notices).toEqual([]);
  db.close();
});

test("ties, late timestamps and gaps between rowids make no difference", () => {
  const path = newPath();
  const db = writer(path);
  write(db, 10, 3);
  const { take } = tail(path);
  expect(take()).toEqual([10, 11, 12]);
  write(db, 10, 1);
  db.run("INSERT INTO sensor_readings VALUES (900, 'a', ?, 1)", [TIME(-500)]);
  db.run("INSERT INTO sensor_readings VALUES (2000, 'a', ?, 2)", [TIME(-500)]);
  expect(take()).toEqual([10, 1, 2]);
  db.close();
});

test("a read with once ends after the last row, and a tail looks again soon", () => {
  const path = newPath();
  const db = writer(path);
  write(db, 1, 5);
  const { source } = tail(path, null, { once: true });
  const block = new ReadingBlock(5);
  expect(source.take(block, 0).state).toBe("more");
  block.clear();
  expect(source.take(block, 0).state).toBe("ended");
  expect(tail(path).source.take(new ReadingBlock(10), 1_000)).toEqual({ state: "idle", wakeAtMs: 1_250 });
  db.close();
});

test("rows with wrong types are malformed and kept whole, and the rows around them are readings", () => {
  const path = newPath();
  const db = writer(path, "sensor_id, timestamp, temperature, status_code, anomaly_flag, note");
  const insert = db.query("INSERT INTO sensor_readings VALUES (?, ?, ?, ?, ?, ?)");
  const rows: [unknown[], string | undefined][] = [
    [["a", TIME(0), 1, 0, 0, null], undefined],
    [["a", TIME(0), null, null, null, null], undefined],
    [["a", TIME(0), "21.5", 0, 0, null], 'temperature is text "21.5", a number was expected'],
    [["a", TIME(0), Number.POSITIVE_INFINITY, 0, 0, null], "temperature is Infinity, a finite number was expected"],
    [[Buffer.from("a"), TIME(0), 1, 0, 0, null], "sensor_id is a blob of 1 bytes, text was expected"],
    [[null, TIME(0), 1, 0, 0, null], "sensor_id is missing"],
    [["a", null, 1, 0, 0, null], "timestamp is missing"],
    [["a", 5, 1, 0, 0, null], "timestamp is 5, text in ISO 8601 was expected"],
    [["a", TIME(0), 1, 0, 1, "n"], undefined],
    [["a", TIME(0), 1, 0, 1, Buffer.from([255])], undefined],
    [["a", TIME(0), 1, 1.5, 7, null], undefined],
    [["a", TIME(0), 1, 0, 0, Number.NEGATIVE_INFINITY], undefined],
  ];
  for (const [values] of rows) insert.run(...(values as string[]));
  const block = new ReadingBlock(100);
  tail(path).source.take(block, 0);
  expect(rows.map((_, row) => block.malformed.get(row)?.detail)).toEqual(
    rows.map(([, detail], row) => (detail === undefined ? undefined : `${detail} (row with rowid ${row + 1})`)),
  );
  expect(block.malformed.get(2)?.received).toBe(
    `{"sensor_id":"a","timestamp":"${TIME(0)}","temperature":"21.5","status_code":0,"anomaly_flag":0}`,
  );
  expect([...block.extra]).toEqual([
    [8, '{"note":"n"}'],
    [9, '{"note":{"base64":"/w=="}}'],
    [
      10,
      '{"bad_fields":{"status_code":{"reason":"wrong_type","received":1.5},"anomaly_flag":{"reason":"wrong_type","received":7}}}',
    ],
    [11, '{"note":"-Infinity"}'],
  ]);
  db.close();
});

longTest(
  "long text is kept whole up to the limit of a line, and a block with much text is full before its rows are",
  () => {
    const path = newPath();
    const db = writer(path, "sensor_id, timestamp, temperature, note");
    const insert = db.query("INSERT INTO sensor_readings VALUES ('a', ?, ?, ?)");
    const [note, longer] = ["n".repeat(900_000), "é".repeat(2_000_000)];
    insert.run(TIME(0), 1, note);
    insert.run(TIME(0), "warm", note);
    insert.run(TIME(0), 2, longer);
    insert.run(TIME(0), "warm", Buffer.alloc(3_000_000));
    const { source } = tail(path);
    const block = new ReadingBlock(100);
    const bytesOf = (more: object): number =>
      Buffer.byteLength(JSON.stringify({ sensor_id: "a", timestamp: TIME(0), ...more }));
    source.take(block, 0);
    expect(block.extra.get(0)).toBe(`{"note":"${note}"}`);
    expect(JSON.parse(block.malformed.get(1)!.received)).toMatchObject({ temperature: "warm", note });
    expect(block.malformed.get(2)).toMatchObject({
      reason: "text_too_long",
      bytes: bytesOf({ temperature: 2, note: longer }),
    });
    expect(Buffer.byteLength(block.malformed.get(2)!.received)).toBeLessThanOrEqual(64 * 1024);
    expect(block.malformed.get(3)).toMatchObject({
      reason: "wrong_type",
      bytes: bytesOf({ temperature: "warm", note: { base64: "A".repeat(4_000_000) } }),
    });
    db.transaction(() => {
      for (let i = 0; i < 200; i++) insert.run(TIME(i), i, note);
    })();
    const counts: number[] = [];
    for (let state = "more"; state === "more"; counts.push(block.count)) {
      block.clear();
      ({ state } = source.take(block, 0));
      expect(block.textLength).toBeLessThan(1.2 * BLOCK_TEXT_LENGTH);
    }
    expect(counts.reduce((sum, count) => sum + count)).toBe(200);
    db.close();
  },
);

test("a new column is kept in extra, a dropped one is absent", () => {
  const path = newPath();
  const db = writer(path);
  write(db, 1, 2);
  const { source, take } = tail(path);
  expect(take()).toEqual([1, 2]);
  db.run("ALTER TABLE sensor_readings ADD COLUMN rssi REAL DEFAULT -60");
  write(db, 3, 1);
  const block = new ReadingBlock(10);
  source.take(block, 0);
  expect([block.count, block.measures[0]![0], block.extra.get(0)]).toEqual([1, 3, '{"rssi":-60}']);
  db.run("ALTER TABLE sensor_readings DROP COLUMN temperature");
  db.run("INSERT INTO sensor_readings (sensor_id, timestamp) VALUES ('a', ?)", [TIME(4)]);
  expect(take()).toEqual([Number.NaN]);
  db.close();
});

test("updates of rows that were taken, and another profile, do not make it another table", () => {
  const path = newPath();
  const db = writer(path, `${KEYED}, uploaded INTEGER DEFAULT 0`);
  write(db, 1, 100);
  const first = tail(path);
  expect(first.take()).toHaveLength(100);
  db.run("UPDATE sensor_readings SET uploaded = 1");
  write(db, 101, 1);
  expect(first.take()).toEqual([101]);
  const fields = new Map([["temperature", { ...AS_IT_IS, to: "humidity" }]]);
  const second = tail(path, first.source.cursor(), { mapping: { ...NO_MAPPING, fields } });
  write(db, 102, 1);
  expect(second.take()).toHaveLength(1);
  expect(second.notices).toEqual([]);
  db.close();
});

test("a retention job may delete some or all rows that were taken, and none is skipped or taken twice", () => {
  for (const key of ["INTEGER PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT"]) {
    const path = newPath();
    const db = writer(path, KEYED.replace("INTEGER PRIMARY KEY", key));
    write(db, 1, 100);
    const { take } = tail(path);
    expect(take()).toEqual(upTo(1, 100));
    db.run("DELETE FROM sensor_readings WHERE id <= 60");
    write(db, 101, 2);
    expect(take()).toEqual([101, 102]);
    write(db, 103, 1);
    db.run("DELETE FROM sensor_readings WHERE id <= 102");
    expect(take()).toEqual([103]);
    db.run("DELETE FROM sensor_readings");
    expect(take()).toEqual([]);
    write(db, 104, 3);
    expect(take()).toEqual([104, 105, 106]);
    // Emptied and filled again beyond our position, between two looks.
    db.run("DELETE FROM sensor_readings");
    write(db, 107, 300);
    expect(take()).toEqual(upTo(107, 406));
    db.close();
  }
});

test("after rows were deleted one by one, also the last one taken, no row is read again", () => {
  const path = newPath();
  const db = writer(path);
  write(db, 1, 100);
  const { source, take } = tail(path);
  expect(take()).toHaveLength(100);
  write(db, 101, 5);
  db.run("DELETE FROM sensor_readings WHERE id IN (100, 99, 97, 103)");
  expect(take()).toEqual([101, 102, 104, 105]);
  expect(source.cursor()).not.toBeNull();
  db.close();
});

test("the newest rows rolled back and written again: the new ones are taken", () => {
  const path = newPath();
  const db = writer(path);
  write(db, 1, 100);
  const { take, notices } = tail(path);
  expect(take()).toHaveLength(100);
  db.run("DELETE FROM sensor_readings WHERE id > 95");
  write(db, 201, 10);
  expect(take()).toEqual(upTo(201, 210));
  expect(notices).toHaveLength(1);
  db.close();
});

test("a table that was dropped and created again is read from its start, shorter or longer, at once or after a restart", () => {
  for (const count of [3, 40, 500]) {
    for (const restart of [false, true]) {
      const path = newPath();
      const db = writer(path);
      write(db, 1, 40);
      const first = tail(path);
      expect(first.take()).toHaveLength(40);
      db.run("DROP TABLE sensor_readings");
      db.run(`CREATE TABLE sensor_readings (${KEYED})`);
      write(db, 1_001, count);
      const { take, source } = restart ? tail(path, first.source.cursor()) : first;
      expect(take()).toEqual(upTo(1_001, 1_000 + count));
      expect(take()).toEqual([]);
      expect(JSON.parse(source.cursor()!)).toMatchObject({ generation: 1, rowid: count });
      db.close();
    }
  }
});

test("a database that was replaced is read from its start, after the last rows of the old one; a copy of it is the same", () => {
  const [path, other, copy] = [newPath(), newPath(), newPath()];
  const db = writer(path);
  write(db, 1, 40);
  const { take, source } = tail(path);
  expect(take()).toHaveLength(40);
  db.run(`VACUUM INTO '${copy}'`);
  renameSync(copy, path);
  expect(take()).toEqual([]);
  db.close();
  const same = new Database(path);
  write(same, 41, 2);
  expect(take()).toEqual([41, 42]);
  write(same, 43, 1);
  // The same sensor at the same times, but other values: a simulator with another seed.
  const replacement = writer(other);
  const insert = replacement.query("INSERT INTO sensor_readings (sensor_id, timestamp, temperature) VALUES (?, ?, ?)");
  for (let i = 1; i <= 30; i++) insert.run("a", TIME(i), i + 0.5);
  renameSync(other, path);
  expect(take()).toEqual([43, ...upTo(1, 30).map((i) => i + 0.5)]);
  expect(JSON.parse(source.cursor()!)).toMatchObject({ generation: 1, rowid: 30 });
  same.close();
  replacement.close();
});

test("VACUUM renumbers the rows of a table without a key, and they are still not read again", () => {
  const path = newPath();
  const db = writer(path, "sensor_id TEXT, timestamp TEXT, temperature REAL");
  write(db, 1, 100);
  const { take } = tail(path);
  expect(take()).toHaveLength(100);
  db.run("DELETE FROM sensor_readings WHERE temperature <= 50");
  db.run("VACUUM");
  write(db, 101, 60);
  expect(take()).toEqual(upTo(101, 160));
  db.close();
});

test("odd names, a column called rowid, and rowids below zero are followed too", () => {
  const path = newPath();
  const db = new Database(path);
  db.run('CREATE TABLE "odd ""name" (sensor_id, timestamp, temperature, rowid, "a""b c")');
  const insert = db.query(
    'INSERT INTO "odd ""name" (_rowid_, sensor_id, timestamp, temperature, rowid, "a""b c") VALUES (?, ?, ?, ?, ?, ?)',
  );
  for (const id of [-5, 0, 7]) insert.run(id, "a", TIME(id), id, 99, "x");
  db.close();
  const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: PROFILE });
  const source = new SqliteTailSource({ uri: `sqlite:${path}?table=odd "name`, normalizer, cursor: null });
  const block = new ReadingBlock(10);
  source.take(block, 0);
  expect([...block.measures[0]!.subarray(0, block.count)]).toEqual([-5, 0, 7]);
  expect(block.extra.get(2)).toBe('{"rowid":99,"a\\"b c":"x"}');
});

test("a table may have any name, also an SQL keyword or the name of a table of our own", () => {
  for (const name of ["known", "select", 'he said "so"']) {
    const path = newPath();
    const db = new Database(path);
    const quoted = `"${name.replaceAll('"', '""')}"`;
    db.run(`CREATE TABLE ${quoted} (${KEYED})`);
    for (const i of upTo(1, 4)) db.query(`INSERT INTO ${quoted} VALUES (?, 'a', ?, ?)`).run(i, TIME(i), i);
    db.close();
    const uri = `sqlite:${path}?table=${encodeURIComponent(name)}`;
    const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: PROFILE, mapping: NO_MAPPING });
    const source = new SqliteTailSource({ uri, normalizer, cursor: null, once: true });
    const block = new ReadingBlock(3);
    const counts = [source.take(block, 0).state, block.count];
    block.clear();
    expect([...counts, source.take(block, 0).state, block.count]).toEqual(["more", 3, "ended", 1]);
    source.close();
  }
});

test("a source that can never work is refused before anything starts, with a way out", () => {
  const path = newPath();
  const db = new Database(path);
  db.run("CREATE TABLE plain (x)");
  db.run("CREATE VIEW sensor_readings AS SELECT * FROM plain");
  db.run("CREATE TABLE keyed (k TEXT PRIMARY KEY) WITHOUT ROWID");
  expect(() => tail(path)).toThrow("it is a view, and only a rowid, or a key of integers that grow, says what is new");
  expect(() => tail(`${path}?table=keyed`)).toThrow("it is a table WITHOUT ROWID");
  expect(() => tail(dir)).toThrow("it is a folder");
  expect(() => tail(newPath(), null, { once: true })).toThrow(UsageError);
  expect(() => tail(`${path}?table=nix`, null, { once: true })).toThrow(UsageError);
  expect(() => tail(path, "what?")).toThrow(UsageError);
  for (const uri of ["sqlite:", "sqlite:x?tabel=a", "sqlite:x?table=", "stdin:"]) {
    expect(() => parseSqliteUri(uri)).toThrow(UsageError);
  }
  db.close();
});

test("the hint for a missing table names only tables that can be followed", () => {
  const path = newPath();
  const db = new Database(path);
  db.run("CREATE TABLE log (x INTEGER PRIMARY KEY AUTOINCREMENT)");
  db.run("CREATE TABLE keyed (k TEXT PRIMARY KEY) WITHOUT ROWID");
  db.run("CREATE VIEW latest AS SELECT * FROM log");
  db.run("CREATE TABLE sqlitelike (x)");
  try {
    tail(path).take();
    expect.unreachable();
  } catch (error) {
    expect(error).toHaveProperty(
      "message",
      expect.stringMatching(/there is no such table yet, it has log, sqlitelike$/),
    );
    expect(error).toHaveProperty("tryHint", `agent run --source 'sqlite:${path}?table=log'`);
  }
  db.close();
});

test("the tail waits for a file or table that is missing yet, or is not a database", () => {
  const path = newPath();
  const { take } = tail(path);
  expect(() => take()).toThrow(`Cannot read "${path}": there is no such file yet`);
  const db = new Database(path);
  db.run("CREATE TABLE other (x)");
  expect(() => take()).toThrow("there is no such table yet");
  db.run(`CREATE TABLE sensor_readings (${KEYED})`);
  write(db, 1, 2);
  expect(take()).toEqual([1, 2]);
  db.close();
  const odd = newPath();
  writeFileSync(odd, "no database ".repeat(1_000));
  expect(() => tail(odd).take()).toThrow(TransientError);
});

test("a database that its writer has locked is tried again; in WAL mode it can be read", () => {
  for (const mode of ["DELETE", "WAL"]) {
    const path = newPath();
    const db = new Database(path);
    db.run(`PRAGMA journal_mode = ${mode}`);
    db.run(`CREATE TABLE sensor_readings (${KEYED})`);
    write(db, 1, 2);
    const { take } = tail(path);
    expect(take()).toEqual([1, 2]);
    db.run("BEGIN EXCLUSIVE");
    db.run("INSERT INTO sensor_readings (sensor_id, timestamp, temperature) VALUES ('a', ?, 3)", [TIME(3)]);
    if (mode === "WAL") expect(take()).toEqual([]);
    else expect(() => take()).toThrow("its writer has it locked");
    db.run("COMMIT");
    expect(take()).toEqual([3]);
    db.close();
  }
});

test("every committed row comes once while another process writes in WAL mode, commits, rolls back and checkpoints", async () => {
  const path = newPath();
  const script = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL"); db.execute("PRAGMA synchronous = OFF"); db.execute("PRAGMA wal_autocheckpoint = 7")
db.execute("CREATE TABLE sensor_readings (id INTEGER PRIMARY KEY, sensor_id TEXT, timestamp TEXT, temperature REAL)")
n = 0
for turn in range(400):
    db.execute("BEGIN")
    for i in range(turn % 9):
        db.execute("INSERT INTO sensor_readings (sensor_id, timestamp, temperature) VALUES (?, ?, ?)", ("s%d" % (i % 3), "2026-01-01 00:00:%02d" % (turn % 60), n + i))
    if turn % 5 == 0:
        db.execute("ROLLBACK")
    else:
        db.execute("COMMIT"); n += turn % 9
    if turn % 50 == 0:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
print(n)
`;
  const other = Bun.spawn(["python3", "-c", script, path], { stdout: "pipe" });
  let running = true;
  void other.exited.then(() => (running = false));
  const taken: number[] = [];
  let { source, take } = tail(path);
  const look = (): void => {
    try {
      taken.push(...take(13));
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
    }
  };
  while (running) {
    look();
    await new Promise((resolve) => setImmediate(resolve));
    // A restart at a committed cursor, in the middle of it all.
    if (taken.length % 3 === 0) {
      source.close();
      ({ source, take } = tail(path, source.cursor()));
    }
  }
  look();
  const written = Number(await new Response(other.stdout).text());
  expect(taken).toEqual(upTo(0, written - 1));
  source.close();
});
