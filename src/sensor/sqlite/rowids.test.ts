/** Rowids have 64 bits: keys of nanoseconds and snowflakes are beyond what a number holds. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { cases } from "../../testing/needs.ts";
import { loadProfile } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";
import { SqliteTailSource } from "./tail.ts";

const dir = mkdtempSync(join(tmpdir(), "sqlite-rowids-"));
afterAll(() => rmSync(dir, { recursive: true }));
const PROFILE = loadProfile("environmental");
const KEYS = ["id INTEGER PRIMARY KEY", "id INTEGER PRIMARY KEY AUTOINCREMENT", ""] as const;

/** A table whose rows say their own rowid, as text, in the column `own`. */
class Field {
  readonly path = join(dir, "field.db");
  readonly db: Database;
  readonly #insert: ReturnType<Database["prepare"]>;

  constructor(key: (typeof KEYS)[number]) {
    rmSync(this.path, { force: true });
    this.db = new Database(this.path);
    this.db.run("PRAGMA synchronous = OFF");
    const columns = [key, "sensor_id", "timestamp", "temperature", "own"].filter((column) => column !== "");
    this.db.run(`CREATE TABLE sensor_readings (${columns})`);
    this.#insert = this.db.prepare(
      "INSERT INTO sensor_readings (_rowid_, sensor_id, timestamp, temperature, own) VALUES (?, ?, ?, ?, ?)",
    );
  }

  write(rowids: readonly bigint[]): void {
    this.db.transaction(() => {
      // Few sensors, so that identities are known in some reads and new in others.
      for (const id of rowids)
        this.#insert.run(id, `s${id & 3n}`, "2026-01-01T00:00:00Z", Number(id & 1023n), String(id));
    })();
  }

  tail(cursor: string | null): SqliteTailSource {
    const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: PROFILE });
    return new SqliteTailSource({ uri: `sqlite:${this.path}`, normalizer, cursor, notice: expect.unreachable });
  }
}

/** What there is now, by the rowids that the rows say they have. */
function takeAll(source: SqliteTailSource, capacity: number): bigint[] {
  const block = new ReadingBlock(capacity);
  const taken: bigint[] = [];
  for (;;) {
    const { state } = source.take(block, 0);
    for (let row = 0; row < block.count; row++) taken.push(BigInt(JSON.parse(block.extra.get(row)!).own));
    block.clear();
    if (state !== "more") return taken;
  }
}

const LEAST = -(2n ** 63n);
const MOST = 2n ** 63n - 1n;
const CORNERS = [LEAST, -(2n ** 53n), 0n, 2n ** 53n, 2n ** 62n, MOST];
const near = fc.tuple(fc.constantFrom(...CORNERS), fc.bigInt(-20n, 20n)).map(([corner, off]) => corner + off);
const nanoseconds = fc.bigInt(0n, 50n).map((second) => 1_795_568_400_000_000_001n + second * 10n ** 9n);
const rowids = fc
  .uniqueArray(fc.oneof(near, nanoseconds, fc.bigInt(LEAST, MOST)), { minLength: 1, maxLength: 60 })
  .map((ids) => ids.filter((id) => id >= LEAST && id <= MOST).sort((a, b) => (a < b ? -1 : 1)));

test("any rowids come in their order, each once, through takes of any size, restarts and a retention job", () => {
  fc.assert(
    fc.property(
      rowids,
      fc.constantFrom(...KEYS),
      fc.integer({ min: 1, max: 20 }),
      fc.infiniteStream(fc.nat(3)),
      (ids, key, capacity, chance) => {
        const field = new Field(key);
        let source = field.tail(null);
        const taken: bigint[] = [];
        for (let from = 0; from < ids.length; ) {
          const to = Math.min(ids.length, from + 1 + (chance.next().value ?? 0) * 7);
          field.write(ids.slice(from, to));
          taken.push(...takeAll(source, capacity));
          from = to;
          const what = chance.next().value ?? 0;
          // All but the newest row that was taken goes; a row above it keeps its place.
          if (what === 1) field.db.query("DELETE FROM sensor_readings WHERE _rowid_ < ?").run(ids[to - 1]!);
          if (what >= 2) {
            source.close();
            source = field.tail(source.cursor());
          }
        }
        expect(taken).toEqual(ids);
        expect(takeAll(source, capacity)).toEqual([]);
        source.close();
        field.db.close();
      },
    ),
    { numRuns: cases(150) },
  );
});

test("beyond 2^53 too, rows written again are taken, and VACUUM and single deletions change nothing", () => {
  const base = 1_795_568_400_000_000_001n;
  const of = (from: bigint, to: bigint): bigint[] =>
    Array.from({ length: Number(to - from) + 1 }, (_, i) => base + from + BigInt(i));
  const field = new Field("");
  field.write(of(1n, 40n));
  let notices = 0;
  const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: PROFILE });
  const source = new SqliteTailSource({
    uri: `sqlite:${field.path}`,
    normalizer,
    cursor: null,
    notice: () => notices++,
  });
  expect(takeAll(source, 7)).toEqual(of(1n, 40n));
  field.db.query("DELETE FROM sensor_readings WHERE _rowid_ IN (?, ?)").run(base + 40n, base + 39n);
  field.write(of(41n, 42n));
  expect(takeAll(source, 7)).toEqual(of(41n, 42n));
  expect(notices).toBe(0);
  field.db.query("DELETE FROM sensor_readings WHERE _rowid_ > ?").run(base + 30n);
  expect(takeAll(source, 7)).toEqual([]);
  field.write(of(31n, 33n));
  expect(takeAll(source, 7)).toEqual(of(31n, 33n));
  expect(notices).toBe(1);
  field.db.run("VACUUM");
  // VACUUM gave them the rowids 1 to 33.
  field.db.run("INSERT INTO sensor_readings SELECT 'a', '2026-01-01T00:00:00Z', 1, '7'");
  expect(takeAll(source, 7)).toEqual([7n]);
  source.close();
  field.db.close();
});
