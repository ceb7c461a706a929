/**
 * Any history of a table against a model: rows are inserted, edited and deleted, its file is rolled back or replaced by an
 * older copy, the tail is restarted or killed before its commit. At each look, no row of the table may be missing, and no
 * more rows may have been taken twice than the tail has counted. A failed run says its seed; `RUNS=N` for more.
 */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { cases } from "../../testing/needs.ts";
import { loadProfile } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";
import { SqliteTailSource } from "./tail.ts";

const dir = mkdtempSync(join(tmpdir(), "sqlite-history-"));
afterAll(() => rmSync(dir, { recursive: true }));
const PROFILE = loadProfile("environmental");

type Kind = {
  readonly key: string;
  /** Whether all rows have one value, as those of a sensor that never changes. */
  readonly isConstant: boolean;
  /** Which column is edited. A row whose time and values are both edited is another row, which may be taken. */
  readonly edits: "timestamp" | "temperature" | "both";
};

class History {
  readonly #path = join(dir, "field.db");
  readonly #copies: string[] = [];
  /** No roll-back goes further back than this copy. */
  #durable = 0;
  readonly #kind: Kind;
  readonly #chance: () => number;
  #db: Database;
  #source: SqliteTailSource;
  /** How often each row was taken, by its number. */
  readonly #taken = new Map<number, number>();
  /** Deleted before they were taken. Where a roll-back brings them back among rows that were taken, they stay unseen. */
  readonly #unseen = new Set<number>();
  #cursor: string | null = null;
  #rows = 0;
  #edits = 0;

  constructor(kind: Kind, chance: () => number) {
    this.#kind = kind;
    this.#chance = chance;
    for (const end of ["", "-journal"]) rmSync(`${this.#path}${end}`, { force: true });
    this.#db = this.#opened();
    const columns = [kind.key, "sensor_id", "timestamp", "temperature", "n"].filter((column) => column !== "");
    this.#db.run(`CREATE TABLE sensor_readings (${columns})`);
    this.#source = this.#tail();
  }

  insert(): void {
    const insert = this.#db.query(
      "INSERT INTO sensor_readings (sensor_id, timestamp, temperature, n) VALUES (?, ?, ?, ?)",
    );
    this.#db.transaction(() => {
      for (let left = this.#upTo(this.#upTo(2) === 0 ? 120 : 12); left >= 0; left--) {
        const n = ++this.#rows;
        insert.run(`s${n % 3}`, this.#time(), this.#kind.isConstant ? 20.5 : n, n);
      }
    })();
  }

  edit(): void {
    const by = ++this.#edits;
    const time = `timestamp = strftime('%Y-%m-%dT%H:%M:%fZ', timestamp, '-${by} days')`;
    const value = `temperature = temperature + 1000 + ${by}`;
    const set = { timestamp: time, temperature: value, both: `${time}, ${value}` }[this.#kind.edits];
    this.#db.run(`UPDATE sensor_readings SET ${set} WHERE ${this.#some()}`);
  }

  remove(): void {
    const gone = this.#db
      .query<{ n: number }, []>(`DELETE FROM sensor_readings WHERE ${this.#some()} RETURNING n`)
      .all();
    // Rowids may be used again from now on. Rows from before that would be those of another table.
    if (!this.#kind.key.includes("AUTOINCREMENT")) this.#durable = this.#copies.length;
    for (const { n } of gone) if (!this.#taken.has(n)) this.#unseen.add(n);
  }

  vacuum(): void {
    if (this.#kind.key === "") this.#durable = this.#copies.length;
    this.#db.run("VACUUM");
  }

  copy(): void {
    const copy = `${this.#path}-${this.#copies.length}`;
    copyFileSync(this.#path, copy);
    this.#copies.push(copy);
  }

  /** As a power cut does it: the same file, and the machine starts again. */
  rollBack(): void {
    const copy = this.#olderCopy();
    if (copy === undefined) return;
    this.#source.close();
    this.#db.close();
    copyFileSync(copy, this.#path);
    this.#db = this.#opened();
    this.#source = this.#tail();
  }

  /** Rows are taken, the power fails, and other rows get their rowids. */
  powerCut(): void {
    this.copy();
    this.insert();
    this.look();
    this.rollBack();
    this.insert();
  }

  /** As a person restores a backup: another file at the path, while the tail is at work. */
  replace(): void {
    const copy = this.#olderCopy();
    if (copy === undefined) return;
    this.#db.close();
    copyFileSync(copy, `${this.#path}-new`);
    renameSync(`${this.#path}-new`, this.#path);
    this.#db = this.#opened();
  }

  restart(): void {
    this.#source.close();
    this.#source = this.#tail();
  }

  /** Takes, and is killed before the commit. */
  crash(): void {
    this.#takeAll();
    this.restart();
  }

  look(): void {
    for (const n of this.#takeAll()) this.#taken.set(n, (this.#taken.get(n) ?? 0) + 1);
    this.#cursor = this.#source.cursor() ?? this.#cursor;
    this.#source.committed();
    const there = this.#db.query<{ n: number }, []>("SELECT n FROM sensor_readings").all();
    expect(there.map(({ n }) => n).filter((n) => !this.#taken.has(n) && !this.#unseen.has(n))).toEqual([]);
    // Rows that come into a table that was seen empty are new by definition.
    if (there.length === 0) this.#durable = this.#copies.length;
    const again = [...this.#taken.values()].reduce((sum, times) => sum + times - 1, 0);
    const { doubtful = 0 } = JSON.parse(this.#cursor ?? "{}");
    if (this.#kind.edits !== "both") expect(again).toBeLessThanOrEqual(doubtful);
  }

  end(): void {
    this.#source.close();
    this.#db.close();
  }

  #olderCopy(): string | undefined {
    const index = this.#durable + this.#upTo(this.#copies.length - 1 - this.#durable);
    const copy = this.#copies[index];
    // Lost rows stay lost.
    if (copy !== undefined) this.#durable = this.#copies.length;
    return copy;
  }

  /** A condition for rows: the newest, the oldest, one in some, or all. */
  #some(): string {
    const all = "(SELECT count(*) FROM sensor_readings)";
    const few = this.#upTo(25);
    const newest = `_rowid_ IN (SELECT _rowid_ FROM sensor_readings ORDER BY _rowid_ DESC LIMIT ${few})`;
    const oldest = `_rowid_ IN (SELECT _rowid_ FROM sensor_readings ORDER BY _rowid_ LIMIT ${few} * ${all} / 30)`;
    return [newest, oldest, `n % ${2 + this.#upTo(4)} = 0`, "TRUE"][this.#upTo(3)] ?? "TRUE";
  }

  /** The clock of the machine continues, whatever happens to its files. */
  #time(): string {
    return new Date(Date.UTC(2026, 0, 1) + this.#rows * 1_000).toISOString();
  }

  #upTo(most: number): number {
    return Math.floor(this.#chance() * (most + 1));
  }

  #takeAll(): number[] {
    const block = new ReadingBlock(1 + this.#upTo(100));
    const taken: number[] = [];
    for (let state = "more"; state === "more"; ) {
      ({ state } = this.#source.take(block, 0));
      for (let row = 0; row < block.count; row++) taken.push(JSON.parse(block.extra.get(row) ?? "{}").n);
      block.clear();
    }
    return taken;
  }

  #opened(): Database {
    const db = new Database(this.#path);
    db.run("PRAGMA synchronous = OFF");
    return db;
  }

  #tail(): SqliteTailSource {
    const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: PROFILE });
    return new SqliteTailSource({ uri: `sqlite:${this.#path}`, normalizer, cursor: this.#cursor });
  }
}

const STEPS = ["edit", "remove", "vacuum", "copy", "rollBack", "powerCut", "replace", "restart", "crash"] as const;
const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant("insert" as const) },
  { weight: 4, arbitrary: fc.constant("look" as const) },
  { weight: 6, arbitrary: fc.constantFrom(...STEPS) },
);
const kind: fc.Arbitrary<Kind> = fc.record({
  key: fc.constantFrom("id INTEGER PRIMARY KEY AUTOINCREMENT", "id INTEGER PRIMARY KEY", ""),
  isConstant: fc.boolean(),
  edits: fc.constantFrom("timestamp" as const, "temperature" as const, "both" as const),
});

test("whatever happens to a table, no row of it is missed, and no more are taken twice than are counted", () => {
  fc.assert(
    fc.property(
      kind,
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.infiniteStream(fc.nat(999)),
      (of, steps, chance) => {
        const history = new History(of, () => (chance.next().value ?? 0) / 1_000);
        try {
          for (const each of steps) history[each]();
          history.look();
        } finally {
          history.end();
        }
      },
    ),
    { numRuns: Number(process.env["RUNS"] ?? cases(300)) },
  );
});
