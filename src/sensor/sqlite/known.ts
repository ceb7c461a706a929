/**
 * The identities seen so far, in a temporary table (in memory) of the connection that reads: SQLite looks the identity
 * columns of a row up itself, and sixteen values of a row need not become JavaScript values. That saves a third of the cost
 * of a row (scripts/bench/sources.ts). The whole identity is the key of an index, so that a look-up compares one record
 * and not sixteen values one by one.
 *
 * A hit needs equality in SQLite, with BINARY collation: it may miss values that JavaScript calls equal (the row is then
 * read by name), but values that it calls equal are equal in JavaScript too.
 */
import type { Database, Statement } from "bun:sqlite";

/** The most changes of identity learned in one read: more cost more than they save. */
const LEARNED_AT_ONCE = 1_000;

export class KnownIdentities {
  readonly #columns: readonly string[];
  readonly #remove: Statement;
  readonly #add: Statement;
  #learned: (readonly unknown[])[] = [];

  /** `columns`: identity columns of what stands behind FROM, the one with the sensor's id first where it has one. */
  constructor(db: Database, from: string, columns: readonly string[]) {
    this.#columns = columns;
    db.run("DROP TABLE IF EXISTS temp.agent__known");
    const own = columns.map((name, i) => `f.${quoted(name)} AS c${i}`);
    // Created by a SELECT, the columns get the affinities of the foreign ones: with others the index could not be used.
    db.run(`CREATE TEMP TABLE agent__known AS SELECT ${["0 AS handle", ...own].join(", ")} FROM ${from} f LIMIT 0`);
    const key = [...columns.map((_, i) => `c${i}`), "handle"];
    db.run(`CREATE INDEX temp.agent__known_identity ON agent__known (${key.join(", ")})`);
    this.#remove = db.prepare(`DELETE FROM temp.agent__known ${columns.length === 0 ? "" : "WHERE c0 IS ?"}`);
    this.#add = db.prepare(`INSERT INTO temp.agent__known VALUES (${key.map(() => "?").join(", ")})`);
  }

  /** Joins `f`, the foreign table, with the known identities: `k.handle` is NULL where the identity of a row is not known. */
  get join(): string {
    const same = this.#columns.map((name, i) => `k.c${i} IS f.${quoted(name)} COLLATE BINARY`);
    return `LEFT JOIN temp.agent__known k ON ${same.join(" AND ") || "TRUE"}`;
  }

  /** Knows an identity from the next read on, and no longer the one with the same first column. */
  learn(handle: number, identity: readonly unknown[]): void {
    if (this.#learned.length < LEARNED_AT_ONCE) this.#learned.push([handle, ...identity]);
  }

  /** Call it within a read: a busy database then throws before any row was taken. */
  settle(): void {
    for (const row of this.#learned as (string | number | null)[][]) {
      this.#remove.run(...row.slice(1, this.#columns.length === 0 ? 1 : 2));
      this.#add.run(...row);
    }
    this.#learned = [];
  }

  close(): void {
    this.#remove.finalize();
    this.#add.finalize();
  }
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
