/**
 * The identities that were seen, in a temporary table (in memory) of the connection that reads: SQLite compares a row's
 * identity columns with them where they are, and sixteen values of a row need not become JavaScript values at all. That
 * is a third of the cost of a row (scripts/bench/sources.ts).
 *
 * A hit needs equality as SQLite sees it, with BINARY collation: it may miss what JavaScript would call equal (the row is
 * then read by name), and calls nothing equal that JavaScript does not.
 */
import type { Database, Statement } from "bun:sqlite";

/** More changes of identity in one read than this are left for the next: they cost more than they save. */
const LEARNED_AT_ONCE = 1_000;

export class KnownIdentities {
  readonly #columns: readonly string[];
  readonly #key: string;
  readonly #add: Statement;
  #learned: (readonly unknown[])[] = [];

  /** `columns`: identity columns of the foreign table; `id` is the one with the sensor's id, null where it has none. */
  constructor(db: Database, columns: readonly string[], id: string | null) {
    this.#columns = columns;
    this.#key = id === null ? "''" : `f.${quoted(id)} COLLATE BINARY`;
    db.run("PRAGMA temp_store = MEMORY");
    db.run("DROP TABLE IF EXISTS temp.known");
    const own = ["id PRIMARY KEY", "handle", ...columns.map((_, i) => `c${i}`)];
    db.run(`CREATE TEMP TABLE known (${own.join(", ")}) WITHOUT ROWID`);
    this.#add = db.prepare(`INSERT OR REPLACE INTO temp.known VALUES (${own.map(() => "?").join(", ")})`);
  }

  /** Joins `f`, the foreign table, with what is known of it: `k.handle` is NULL where a row's identity is not. */
  get join(): string {
    const same = this.#columns.map((name, i) => ` AND k.c${i} IS f.${quoted(name)} COLLATE BINARY`);
    return `LEFT JOIN temp.known k ON k.id = ${this.#key}${same.join("")}`;
  }

  /** Remembers an identity from the next read on. `id` may be anything where the table has no column of it. */
  learn(id: unknown, handle: number, identity: readonly unknown[]): void {
    if (this.#learned.length < LEARNED_AT_ONCE) this.#learned.push([id, handle, ...identity]);
  }

  /** To be called within a read: a busy database then stops everything before anything was taken. */
  settle(): void {
    for (const row of this.#learned) this.#add.run(...(row as (string | number | null)[]));
    this.#learned = [];
  }

  close(): void {
    this.#add.finalize();
  }
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
