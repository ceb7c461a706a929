/** A table whose rows change after they were taken: the table of docs/guarantees.md, a row of it at a time. */
import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { loadProfile, shippedProfiles } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";
import { SqliteTailSource } from "./tail.ts";

const dir = mkdtempSync(join(tmpdir(), "sqlite-edits-"));
afterAll(() => rmSync(dir, { recursive: true }));
const PROFILE = loadProfile("environmental");
const KEYS = ["id INTEGER PRIMARY KEY AUTOINCREMENT", "id INTEGER PRIMARY KEY", ""] as const;
type Key = (typeof KEYS)[number];
const TIME = (i: number): string => new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString();

/** A database and its tail. A row is named by `n`, which no mark covers; its time is `n` minutes, its temperature `n`. */
class Scene {
  static #count = 0;
  readonly path = join(dir, `field-${Scene.#count++}.db`);
  readonly notices: string[] = [];
  db: Database;
  source: SqliteTailSource;

  constructor(key: Key, more = "") {
    this.db = this.#opened();
    const columns = [key, "sensor_id", "timestamp", "temperature", "n", more].filter((column) => column !== "");
    this.db.run(`CREATE TABLE sensor_readings (${columns})`);
    this.source = this.#tail(null);
  }

  write(from: number, to: number): void {
    const insert = this.db.query(
      "INSERT INTO sensor_readings (sensor_id, timestamp, temperature, n) VALUES (?, ?, ?, ?)",
    );
    this.db.transaction(() => {
      for (let n = from; n <= to; n++) insert.run(`s${n % 2}`, TIME(n), n, n);
    })();
  }

  take(): number[] {
    const block = new ReadingBlock(100);
    const taken: number[] = [];
    for (let state = "more"; state === "more"; ) {
      ({ state } = this.source.take(block, 0));
      for (let row = 0; row < block.count; row++) taken.push(JSON.parse(block.extra.get(row) ?? "{}").n);
      block.clear();
    }
    return taken;
  }

  restart(): void {
    const cursor = this.source.cursor();
    this.source.close();
    this.source = this.#tail(cursor);
  }

  /** The writer's last transactions are lost, as by a power cut: its file is as it was in `copy`. The machine starts again. */
  rollBack(copy: string): void {
    this.source.close();
    this.db.close();
    copyFileSync(copy, this.path);
    this.db = this.#opened();
    this.source = this.#tail(this.source.cursor());
  }

  copy(): string {
    copyFileSync(this.path, `${this.path}.copy`);
    return `${this.path}.copy`;
  }

  get counts(): unknown {
    const { edited = 0, rolledBack = 0, doubtful = 0 } = JSON.parse(this.source.cursor() ?? "{}");
    return { edited, rolledBack, doubtful };
  }

  end(): void {
    this.source.close();
    this.db.close();
  }

  #opened(): Database {
    const db = new Database(this.path);
    db.run("PRAGMA synchronous = OFF");
    return db;
  }

  #tail(cursor: string | null): SqliteTailSource {
    const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: PROFILE });
    const notice = (line: string): number => this.notices.push(line.replace(`sqlite:${this.path}: `, ""));
    return new SqliteTailSource({ uri: `sqlite:${this.path}`, normalizer, cursor, notice });
  }
}

const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const EDITED = (count: number, of: number): string =>
  `rows that were taken were edited (at least ${count}, found among the ${of} that are looked at). They are not read again`;
/** Of forty rows that were taken at once: the newest 16, the one at the distance 16, and the first. */
const MARKED = 18;
const NONE = { edited: 0, rolledBack: 0, doubtful: 0 };

describe.each(KEYS)("key %p", (key) => {
  /** Forty rows are taken, `change` happens, five rows more are written. At once, and with a restart before the next look. */
  const after = (change: (scene: Scene) => void, expected: { taken: number[]; notices: string[]; counts: object }) => {
    for (const restart of [false, true]) {
      const scene = new Scene(key);
      scene.write(1, 40);
      expect(scene.take()).toEqual(upTo(1, 40));
      change(scene);
      if (restart) scene.restart();
      const taken = scene.take();
      expect(scene.source.hasMoved).toBe(expected.notices.length > 0);
      scene.write(41, 45);
      taken.push(...scene.take());
      expect(taken).toEqual(expected.taken);
      expect(scene.notices).toEqual(expected.notices);
      expect(scene.counts).toEqual(expected.counts);
      scene.restart();
      expect([scene.take(), scene.notices.length]).toEqual([[], expected.notices.length]);
      scene.end();
    }
  };
  const edit = (sql: string, count: number) =>
    after(({ db }) => db.run(sql), {
      taken: upTo(41, 45),
      notices: count === 0 ? [] : [EDITED(count, MARKED)],
      counts: { ...NONE, edited: count },
    });

  test("an UPDATE of the newest row, of the newest rows, of every other row and of all rows", () => {
    edit("UPDATE sensor_readings SET temperature = 99 WHERE n = 40", 1);
    edit("UPDATE sensor_readings SET temperature = temperature + 1 WHERE n > 30", 10);
    edit("UPDATE sensor_readings SET temperature = temperature + 1 WHERE sensor_id = 's1'", 9);
    edit("UPDATE sensor_readings SET temperature = temperature + 1", MARKED);
  });

  test("an UPDATE of old rows is noticed where a mark is, and one of a column that no mark covers never", () => {
    edit("UPDATE sensor_readings SET temperature = 99 WHERE n = 24", 1);
    edit("UPDATE sensor_readings SET temperature = 99 WHERE n = 11", 0);
    edit("UPDATE sensor_readings SET n = n", 0);
  });

  test("an UPDATE of all timestamps", () => {
    edit("UPDATE sensor_readings SET timestamp = replace(timestamp, '2026', '2025')", MARKED);
  });

  test("an UPDATE of the timestamps of the newest rows only looks like a roll-back: they are taken again, and counted", () => {
    after(
      ({ db }) => db.run("UPDATE sensor_readings SET timestamp = replace(timestamp, '2026', '2025') WHERE n > 38"),
      {
        taken: [39, 40, ...upTo(41, 45)],
        notices: [
          "row 40 was taken and is gone, or another row has its place: the database was rolled back, or its newest rows were deleted. Reading continues after row 38; up to 2 rows may be taken twice",
        ],
        counts: { edited: 0, rolledBack: 1, doubtful: 2 },
      },
    );
  });

  test("a REPLACE of a row by its rowid is an UPDATE", () => {
    edit(
      `REPLACE INTO sensor_readings (_rowid_, sensor_id, timestamp, temperature, n) VALUES (40, 's0', '${TIME(40)}', 9, 40)`,
      1,
    );
    edit(
      `REPLACE INTO sensor_readings (_rowid_, sensor_id, timestamp, temperature, n) VALUES (39, 's1', '${TIME(39)}', 9, 39)`,
      1,
    );
  });

  test("an upsert (ON CONFLICT DO UPDATE) is an UPDATE", () => {
    const scene = new Scene(key, "UNIQUE (sensor_id, timestamp)");
    scene.write(1, 40);
    expect(scene.take()).toEqual(upTo(1, 40));
    const upsert = (n: number) =>
      scene.db.run(
        `INSERT INTO sensor_readings (sensor_id, timestamp, temperature, n) VALUES ('s${n % 2}', '${TIME(n)}', 9, ${n})
         ON CONFLICT DO UPDATE SET temperature = temperature + excluded.temperature`,
      );
    upsert(40);
    upsert(37);
    upsert(41);
    expect([scene.take(), scene.notices]).toEqual([[41], [EDITED(2, MARKED)]]);
    // A logger that adds up into its newest row: reported once.
    upsert(41);
    expect([scene.take(), scene.notices.length, scene.counts]).toEqual([[], 1, { ...NONE, edited: 3 }]);
    scene.end();
  });

  test("a REPLACE by another unique key deletes the row and inserts one with a new rowid, which is taken", () => {
    const scene = new Scene(key, "UNIQUE (sensor_id, timestamp)");
    scene.write(1, 40);
    expect(scene.take()).toEqual(upTo(1, 40));
    const replace = (n: number) =>
      scene.db.run(
        `REPLACE INTO sensor_readings (sensor_id, timestamp, temperature, n) VALUES ('s${n % 2}', '${TIME(n)}', 9, ${n})`,
      );
    replace(20);
    expect(scene.take()).toEqual([20]);
    replace(20);
    expect(scene.take()).toEqual([20]);
    scene.end();
  });

  test("DELETE of the newest row and an INSERT: the new row is taken, no other one is taken again", () => {
    for (const count of [1, 3, 16]) {
      const scene = new Scene(key);
      scene.write(1, 40);
      expect(scene.take()).toEqual(upTo(1, 40));
      scene.db.run(`DELETE FROM sensor_readings WHERE n > ${40 - count}`);
      scene.write(101, 102);
      expect(scene.take()).toEqual([101, 102]);
      scene.write(103, 130);
      expect(scene.take()).toEqual(upTo(103, 130));
      expect(scene.counts).toEqual({ ...NONE, rolledBack: key.includes("AUTOINCREMENT") ? 0 : 1 });
      scene.end();
    }
  });

  test("a power cut took the newest rows, and their rowids are used again: every new row is taken, doubtful ones are counted", () => {
    for (const lost of [1, 5, 16, 30, 100]) {
      for (const written of [lost - 1, lost, lost + 7]) {
        const scene = new Scene(key);
        scene.write(1, 200);
        const copy = scene.copy();
        scene.write(1_001, 1_000 + lost);
        expect(scene.take()).toHaveLength(200 + lost);
        scene.rollBack(copy);
        if (written > 0) scene.write(2_001, 2_000 + written);
        const taken = scene.take();
        const fresh = taken.filter((n) => n > 2_000);
        expect(fresh).toEqual(upTo(2_001, 2_000 + written));
        const again = taken.length - fresh.length;
        const { doubtful } = scene.counts as { doubtful: number };
        expect([scene.notices.length, again <= doubtful]).toEqual([1, true]);
        if (lost <= 16) expect([again, written >= lost ? doubtful : 0]).toEqual([0, 0]);
        scene.write(3_001, 3_020);
        scene.restart();
        expect(scene.take()).toEqual(upTo(3_001, 3_020));
        scene.end();
      }
    }
  });

  test("a sensor whose value never changes is rolled back like any other", () => {
    const scene = new Scene(key);
    const write = (from: number, to: number): void => {
      for (const n of upTo(from, to))
        scene.db.run("INSERT INTO sensor_readings (sensor_id, timestamp, temperature, n) VALUES ('a', ?, 20.5, ?)", [
          TIME(n),
          n,
        ]);
    };
    write(1, 10);
    const copy = scene.copy();
    write(11, 15);
    expect(scene.take()).toHaveLength(15);
    scene.rollBack(copy);
    write(21, 25);
    expect(scene.take()).toEqual(upTo(21, 25));
    scene.db.run("DELETE FROM sensor_readings");
    scene.db.run(
      "DELETE FROM sqlite_sequence WHERE name = 'sensor_readings'".repeat(key.includes("AUTO") ? 1 : 0) || "SELECT 1",
    );
    write(31, 60);
    expect(scene.take()).toEqual(upTo(31, 60));
    scene.end();
  });

  test("VACUUM after deletions, and an edit with it", () => {
    const scene = new Scene(key);
    scene.write(1, 100);
    expect(scene.take()).toHaveLength(100);
    scene.db.run("DELETE FROM sensor_readings WHERE n % 2 = 1");
    scene.db.run("UPDATE sensor_readings SET temperature = 7 WHERE n = 98");
    scene.db.run("VACUUM");
    scene.write(101, 103);
    expect(scene.take()).toEqual([101, 102, 103]);
    scene.end();
  });

  test("a cursor that an older agent wrote continues: its marks have one hash, which the first look completes", () => {
    const scene = new Scene(key);
    scene.write(1, 40);
    scene.take();
    const { timeColumns: _, ...written } = JSON.parse(scene.source.cursor() ?? "");
    const marks = written.marks.map(([rowid, whole]: [number, string]) => [rowid, whole]);
    const old = JSON.stringify({ ...written, marks });
    scene.source.close();
    const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: PROFILE });
    const notice = (line: string): number => scene.notices.push(line);
    scene.source = new SqliteTailSource({ uri: `sqlite:${scene.path}`, normalizer, cursor: old, notice });
    expect([scene.take(), scene.source.hasMoved]).toEqual([[], true]);
    scene.restart();
    scene.db.run("UPDATE sensor_readings SET temperature = temperature + 1");
    scene.write(41, 42);
    expect([scene.take(), scene.counts]).toEqual([[41, 42], { ...NONE, edited: MARKED }]);
    scene.end();
  });
});

test("edits of measures of a profile that rows choose by their sensor_type are noticed too", () => {
  const path = join(dir, "wind.db");
  const db = new Database(path);
  db.run("CREATE TABLE sensor_readings (sensor_id, sensor_type, timestamp, wind_speed)");
  const insert = db.query("INSERT INTO sensor_readings VALUES ('w', 'wind-turbine', ?, ?)");
  for (const n of upTo(1, 5)) insert.run(TIME(n), n);
  const profiles = shippedProfiles();
  const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: PROFILE, profiles });
  const notices: string[] = [];
  const notice = (line: string): number => notices.push(line);
  const source = new SqliteTailSource({ uri: `sqlite:${path}`, normalizer, cursor: null, notice });
  const block = new ReadingBlock(100);
  source.take(block, 0);
  db.run("UPDATE sensor_readings SET wind_speed = wind_speed + 1");
  source.take(block, 0);
  expect([block.count, notices]).toEqual([5, [expect.stringContaining(EDITED(5, 5))]]);
  source.close();
  db.close();
});
