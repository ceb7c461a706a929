/** A table of a foreign SQLite database, opened read-only, with the queries that its tail needs. */
import { Database, type Statement } from "bun:sqlite";
import { statSync } from "node:fs";
import { type ExactColumn, ExactIntegers, mayHoldIntegers } from "./exact.ts";
import { KnownIdentities, quoted } from "./known.ts";
import { badKey, type Followed, type Relation, relationOf } from "./relation.ts";

/** How the reader of the rows uses a column; `other` columns are unknown to it. */
export type ColumnRole = "sensor_id" | "identity" | "value" | "other";

/**
 * A row: its rowid (see `rowidOf`), the handle of its identity or null, `values`, and where the handle is null also `identity`.
 * An integer beyond 2^53 is a `bigint`, except in the columns that are read as numbers: those of the role `value`.
 */
export type ForeignRowValues = readonly unknown[];
/** Where `values` begin in a row. */
export const FIRST_VALUE = 2;
/** The exact rowid of a row of `after`. */
export const rowidOf = (row: ForeignRowValues): bigint => BigInt(row[0] as number | string);

const LOWEST_ROWID = -(2n ** 63n);
const HIGHEST_ROWID = 2n ** 63n - 1n;

export class ForeignTable {
  readonly inode: number;
  /** SQLite's schema cookie when `columns` was read: any DDL and VACUUM change it. */
  schema = Number.NaN;
  /** Every column except one that is only another name of the rowid. */
  columns: readonly string[] = [];
  /** Those of `columns` that identify a sensor, and all others. */
  identity: readonly string[] = [];
  values: readonly string[] = [];
  /** The table has an INTEGER PRIMARY KEY, so that VACUUM leaves its rowids alone. */
  keepsRowids = false;
  /** What a person calls the rowid: the name of the INTEGER PRIMARY KEY, where there is one. */
  key = "rowid";
  /** A rowid was too large for a number: they are read as text, which costs about 0.2 µs a row. */
  #wide = false;
  readonly #path: string;
  readonly #followed: Followed;
  readonly #roleOf: (column: string) => ColumnRole;
  readonly #db: Database;
  readonly #cookie: Statement;
  #relation: Relation | null = null;
  #after: Statement | null = null;
  #identityOf: Statement | null = null;
  #exact: ExactIntegers | null = null;
  #between: { readonly key: string; readonly statement: Statement } | null = null;
  #known: KnownIdentities | null = null;

  /** Throws where there is no database yet. */
  constructor(path: string, followed: Followed, roleOf: (column: string) => ColumnRole) {
    this.#path = path;
    this.#followed = followed;
    this.#roleOf = roleOf;
    this.inode = statSync(path).ino;
    this.#db = new Database(path, { readonly: true, create: false });
    try {
      // `take` never waits: a busy database is tried again later.
      this.#db.run("PRAGMA busy_timeout = 0");
      // Rows are read once, in order: a cache of 2 MiB, SQLite's default, would only hold rows that were already read.
      this.#db.run("PRAGMA cache_size = -256");
      // What the connection has of its own (known identities, the view of a query) is in memory.
      this.#db.run("PRAGMA temp_store = MEMORY");
      this.#cookie = this.#db.prepare("PRAGMA schema_version");
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  close(): void {
    this.#closeStatements();
    this.#db.close();
  }

  /** Runs `read` on one snapshot, with `columns` and `schema` those of that snapshot. */
  snapshot<T>(read: () => T): T {
    this.#db.run("BEGIN");
    try {
      const cookie = Number(this.#cookie.values()[0]?.[0]);
      if (cookie !== this.schema) this.#inspect(cookie);
      const result = read();
      this.#db.run("COMMIT");
      return result;
    } catch (error) {
      if (this.#db.inTransaction) this.#db.run("ROLLBACK");
      // The known identities may have been rolled back with it.
      this.schema = Number.NaN;
      throw error;
    }
  }

  /** Rows above `rowid`, in the order of their rowids. */
  after(rowid: bigint, limit: number): ForeignRowValues[] {
    const { from, rowid: name, isKeyed } = this.#seen;
    const known = this.#known;
    if (known === null) throw OUTSIDE;
    known.settle();
    const own = `f.${name}`;
    this.#after ??= this.#db.prepare(
      `SELECT ${[this.#wide ? integerText(own) : own, "k.handle", ...this.values.map((each) => `f.${quoted(each)}`)].join(", ")}
       FROM ${from} f ${known.join} WHERE ${own} > ? ORDER BY ${own} LIMIT ?`,
    );
    this.#identityOf ??= this.#db.prepare(`SELECT ${this.#select(this.identity)} FROM ${from} WHERE ${name} = ?`);
    const above = rowid < LOWEST_ROWID ? Number.NEGATIVE_INFINITY : rowid;
    // Of a key that two rows have, a read must not end between them.
    const rows = this.#after.values(above, isKeyed ? limit + 1 : limit);
    // Rows are in order: where the first and the last rowid are exact, all are.
    if (!this.#wide && !(isExact(rows[0]) && isExact(rows.at(-1)))) {
      this.#wide = true;
      this.#after.finalize();
      this.#after = null;
      return this.after(rowid, limit);
    }
    if (isKeyed) this.#checkKeys(rows, limit);
    for (const row of rows) {
      if (row[1] === null) row.push(...(this.#identityOf.values(rowidOf(row))[0] ?? []).slice(1));
      this.#exact?.restore(row, rowidOf);
    }
    return rows;
  }

  /** All values of a row by name, integers beyond 2^53 as `bigint`; empty where it is gone, or its writer has just locked it. */
  exactly(rowid: bigint): ReadonlyMap<string, unknown> {
    try {
      return this.#exact?.rowAt(rowid) ?? new Map();
    } catch {
      // Its row was read before: a last digit must not end the read.
      return new Map();
    }
  }

  /** From now on, rows of this identity come with this handle. */
  learn(handle: number, identity: readonly unknown[]): void {
    this.#known?.learn(handle, identity);
  }

  at(rowid: bigint, columns: readonly string[]): unknown[] | null {
    return this.between(rowid, rowid, columns)[0]?.slice(1) ?? null;
  }

  /** The rows from one rowid to another: the rowid as text, then `columns`. */
  between(first: bigint, last: bigint, columns: readonly string[]): unknown[][] {
    const key = columns.join("\n");
    const { from, rowid } = this.#seen;
    if (this.#between?.key !== key) {
      this.#between?.statement.finalize();
      const names = this.#select(columns);
      const sql = `SELECT ${names} FROM ${from} WHERE ${rowid} BETWEEN ? AND ? ORDER BY ${rowid}`;
      this.#between = { key, statement: this.#db.prepare(sql) };
    }
    return this.#between.statement.values(first, last);
  }

  /** The newest rows, from the end: the rowid as text, then `columns`. */
  *newest(columns: readonly string[], limit: number): Generator<unknown[]> {
    const names = this.#select(columns);
    const { from, rowid } = this.#seen;
    const page = this.#db.prepare(`SELECT ${names} FROM ${from} WHERE ${rowid} < ? ORDER BY ${rowid} DESC LIMIT 1000`);
    let below: number | bigint = Number.POSITIVE_INFINITY;
    for (let seen = 0; seen < limit; ) {
      const rows = page.values(below);
      yield* rows;
      const lowest = rows.at(-1);
      if (lowest === undefined) break;
      seen += rows.length;
      below = rowidOf(lowest);
    }
    page.finalize();
  }

  /** How many rows there are between two rowids, both excluded; at most `most` are counted. Null: to the last row. */
  countBetween(above: bigint, below: bigint | null, most: number): number {
    const { from, rowid } = this.#seen;
    const sql = `SELECT count(*) FROM (SELECT 1 FROM ${from} WHERE ${rowid} > ? AND ${rowid} < ? LIMIT ?)`;
    const bounds = [above, below].map((bound) => {
      if (bound === null || bound > HIGHEST_ROWID) return Number.POSITIVE_INFINITY;
      return bound < LOWEST_ROWID ? Number.NEGATIVE_INFINITY : bound;
    });
    return Number(this.#db.query(sql).values(...bounds, most)[0]?.[0]);
  }

  /** The lowest and the highest rowid; null where the table is empty. */
  span(): readonly [lowest: bigint | null, highest: bigint | null] {
    const { from, rowid } = this.#seen;
    // In this form a join or view is not read whole where the key has an index.
    const one = (order: "ASC" | "DESC"): bigint | null => {
      const sql = `SELECT ${asText(rowid)} FROM ${from} ORDER BY ${rowid} ${order} LIMIT 1`;
      const found = this.#db.query(sql).values()[0]?.[0];
      return typeof found === "string" ? BigInt(found) : null;
    };
    return [one("ASC"), one("DESC")];
  }

  /** The highest rowid that an AUTOINCREMENT table ever gave; null for any other table. */
  sequence(): bigint | null {
    if (!this.#seen.isAutoincrement) return null;
    const sql = "SELECT CAST(seq AS INTEGER) FROM sqlite_sequence WHERE name = ? COLLATE NOCASE";
    const found = this.#db.query(sql).safeIntegers(true).values(this.#followed.table)[0]?.[0];
    return typeof found === "bigint" ? found : null;
  }

  get #seen(): Relation {
    if (this.#relation === null) throw OUTSIDE;
    return this.#relation;
  }

  /** Whatever the key of a view or query is, no row of it may be skipped in silence. Takes off the row beyond the limit. */
  #checkKeys(rows: ForeignRowValues[], limit: number): void {
    const seen = { followed: this.#followed, path: this.#path };
    for (const [i, [key]] of rows.entries()) {
      if (typeof key === "string" ? !/^-?\d+$/.test(key) : !Number.isInteger(key))
        throw badKey(seen, this.key, `a value of type ${typeof key === "string" ? key : "real"}`);
      if (key === rows[i - 1]?.[0]) throw badKey(seen, this.key, `${key} in two rows`);
    }
    rows.length = Math.min(rows.length, limit);
  }

  #select(columns: readonly string[]): string {
    return [asText(this.#seen.rowid), ...columns.map(quoted)].join(", ");
  }

  #inspect(cookie: number): void {
    this.#closeStatements();
    const isWanted = (name: string): boolean => this.#roleOf(name) !== "other";
    const relation = relationOf(this.#db, { followed: this.#followed, path: this.#path, isWanted });
    this.#relation = relation;
    this.#wide = false;
    this.keepsRowids = relation.keepsRowids;
    this.key = relation.key;
    this.columns = relation.columns.map(({ name }) => name);
    const isIdentity = (name: string): boolean => /^(?:sensor_id|identity)$/.test(this.#roleOf(name));
    // The sensor's id comes first: most identities differ in it.
    const isId = (name: string): boolean => this.#roleOf(name) === "sensor_id";
    this.identity = this.columns.filter(isIdentity).toSorted((a, b) => Number(isId(b)) - Number(isId(a)));
    this.values = this.columns.filter((name) => !isIdentity(name));
    const types = new Map(relation.columns.map(({ name, type }) => [name, type]));
    const exact = [...this.values, ...this.identity].map((name, i): ExactColumn => {
      const isExactly = this.#roleOf(name) !== "value" && mayHoldIntegers(types.get(name) ?? "");
      return { name, at: isExactly ? i + FIRST_VALUE : null };
    });
    this.#exact = new ExactIntegers(this.#db, `FROM ${relation.from} WHERE ${relation.rowid} = ?`, exact);
    this.#known = new KnownIdentities(this.#db, relation.from, this.identity);
    this.schema = cookie;
  }

  #closeStatements(): void {
    this.#after?.finalize();
    this.#identityOf?.finalize();
    this.#exact?.close();
    this.#between?.statement.finalize();
    this.#known?.close();
    this.#after = this.#identityOf = this.#exact = this.#between = this.#known = null;
  }
}

const OUTSIDE = new Error("rows are read within a snapshot");

const asText = (expression: string): string => `CAST(${expression} AS TEXT)`;
/** A key that is text would otherwise pass for an integer. */
const integerText = (expression: string): string =>
  `CASE typeof(${expression}) WHEN 'integer' THEN ${asText(expression)} ELSE typeof(${expression}) END`;

function isExact(row: ForeignRowValues | undefined): boolean {
  return row === undefined || Number.isSafeInteger(row[0]);
}
