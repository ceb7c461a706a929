/** A table of a foreign SQLite database, opened read-only, with the queries that its tail needs. */
import { Database, type Statement } from "bun:sqlite";
import { statSync } from "node:fs";
import { TransientError, UsageError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";
import { type ExactColumn, ExactIntegers, mayHoldIntegers } from "./exact.ts";
import { KnownIdentities, quoted } from "./known.ts";

type Column = { readonly name: string; readonly type: string; readonly pk: number; readonly hidden: number };
const ROWID_NAMES = ["rowid", "_rowid_", "oid"] as const;

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

const HIDDEN_OF_VIRTUAL_TABLE = 1;
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
  #autoincrement = false;
  /** A rowid was too large for a number: they are read as text, which costs about 0.2 µs a row. */
  #wide = false;
  readonly #path: string;
  readonly #name: string;
  readonly #roleOf: (column: string) => ColumnRole;
  readonly #db: Database;
  readonly #cookie: Statement;
  #rowid = "rowid";
  #after: Statement | null = null;
  #identityOf: Statement | null = null;
  #exact: ExactIntegers | null = null;
  #between: { readonly key: string; readonly statement: Statement } | null = null;
  #known: KnownIdentities | null = null;

  /** Throws where there is no database yet. */
  constructor(path: string, name: string, roleOf: (column: string) => ColumnRole) {
    this.#path = path;
    this.#name = name;
    this.#roleOf = roleOf;
    this.inode = statSync(path).ino;
    this.#db = new Database(path, { readonly: true, create: false });
    try {
      // `take` never waits: a busy database is tried again later.
      this.#db.run("PRAGMA busy_timeout = 0");
      // Rows are read once, in order: a cache of 2 MiB, SQLite's default, would only hold rows that were already read.
      this.#db.run("PRAGMA cache_size = -256");
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
    const name = `main.${quoted(this.#name)}`;
    const known = this.#known;
    if (known === null) throw new Error("rows are read within a snapshot");
    known.settle();
    const own = `f.${this.#rowid}`;
    this.#after ??= this.#db.prepare(
      `SELECT ${[this.#wide ? asText(own) : own, "k.handle", ...this.values.map((each) => `f.${quoted(each)}`)].join(", ")}
       FROM ${name} f ${known.join} WHERE ${own} > ? ORDER BY ${own} LIMIT ?`,
    );
    this.#identityOf ??= this.#db.prepare(
      `SELECT ${this.#select(this.identity)} FROM ${name} WHERE ${this.#rowid} = ?`,
    );
    const rows = this.#after.values(rowid < LOWEST_ROWID ? Number.NEGATIVE_INFINITY : rowid, limit);
    // Rows are in order: where the first and the last rowid are exact, all are.
    if (!this.#wide && !(isExact(rows[0]) && isExact(rows.at(-1)))) {
      this.#wide = true;
      this.#after.finalize();
      this.#after = null;
      return this.after(rowid, limit);
    }
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
    if (this.#between?.key !== key) {
      this.#between?.statement.finalize();
      const names = this.#select(columns);
      const sql = `SELECT ${names} FROM main.${quoted(this.#name)} WHERE ${this.#rowid} BETWEEN ? AND ? ORDER BY ${this.#rowid}`;
      this.#between = { key, statement: this.#db.prepare(sql) };
    }
    return this.#between.statement.values(first, last);
  }

  /** The newest rows, from the end: the rowid as text, then `columns`. */
  *newest(columns: readonly string[], limit: number): Generator<unknown[]> {
    const names = this.#select(columns);
    const page = this.#db.prepare(
      `SELECT ${names} FROM main.${quoted(this.#name)} WHERE ${this.#rowid} < ? ORDER BY ${this.#rowid} DESC LIMIT 1000`,
    );
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
    const sql = `SELECT count(*) FROM (SELECT 1 FROM main.${quoted(this.#name)} WHERE ${this.#rowid} > ? AND ${this.#rowid} < ? LIMIT ?)`;
    const bounds = [above, below].map((rowid) => {
      if (rowid === null || rowid > HIGHEST_ROWID) return Number.POSITIVE_INFINITY;
      return rowid < LOWEST_ROWID ? Number.NEGATIVE_INFINITY : rowid;
    });
    return Number(this.#db.query(sql).values(...bounds, most)[0]?.[0]);
  }

  /** The lowest and the highest rowid; null where the table is empty. */
  span(): readonly [lowest: bigint | null, highest: bigint | null] {
    const one = (which: "min" | "max"): bigint | null => {
      const sql = `SELECT ${asText(`${which}(${this.#rowid})`)} FROM main.${quoted(this.#name)}`;
      const found = this.#db.query(sql).values()[0]?.[0];
      return typeof found === "string" ? BigInt(found) : null;
    };
    return [one("min"), one("max")];
  }

  /** The highest rowid that an AUTOINCREMENT table ever gave; null for any other table. */
  sequence(): bigint | null {
    if (!this.#autoincrement) return null;
    const sql = "SELECT CAST(seq AS INTEGER) FROM sqlite_sequence WHERE name = ? COLLATE NOCASE";
    const found = this.#db.query(sql).safeIntegers(true).values(this.#name)[0]?.[0];
    return typeof found === "bigint" ? found : null;
  }

  /** The rowid is not quoted where it has no other name: quoted it might be read as text. */
  #select(columns: readonly string[]): string {
    return [asText(this.#rowid), ...columns.map(quoted)].join(", ");
  }

  #inspect(cookie: number): void {
    this.#closeStatements();
    const found = this.#db
      .query(
        "SELECT l.type, l.wr, s.sql FROM pragma_table_list(?1) l JOIN sqlite_schema s ON s.name = l.name WHERE l.schema = 'main'",
      )
      .values(this.#name)[0];
    if (found === undefined) throw this.#noTable();
    const [type, withoutRowid, sql] = found;
    if (type !== "table") throw this.#unfit(`it is a ${type}`);
    if (withoutRowid === 1) throw this.#unfit("it is a table WITHOUT ROWID");
    // The shape of this pragma is SQLite's: cid, name, type, notnull, dflt_value, pk, hidden.
    const columns = this.#db
      .query("SELECT name, type, pk, hidden FROM pragma_table_xinfo(?)")
      .all(this.#name) as Column[];
    const taken = new Set(columns.map(({ name }) => name.toLowerCase()));
    const [key, ...moreKeys] = columns.filter(({ pk }) => pk > 0);
    const alias = key?.type.toUpperCase() === "INTEGER" && moreKeys.length === 0 ? key.name : null;
    const rowid = alias ?? ROWID_NAMES.find((name) => !taken.has(name));
    if (rowid === undefined) throw this.#unfit(`its columns ${ROWID_NAMES.join(", ")} hide the rowid`);
    this.#rowid = alias === null ? rowid : quoted(alias);
    this.#wide = false;
    this.keepsRowids = alias !== null;
    this.key = alias ?? "rowid";
    this.#autoincrement = alias !== null && /\bAUTOINCREMENT\b/i.test(String(sql));
    this.columns = columns
      .filter(
        ({ name, hidden }) => hidden !== HIDDEN_OF_VIRTUAL_TABLE && (name !== alias || this.#roleOf(name) !== "other"),
      )
      .map(({ name }) => name);
    const isIdentity = (name: string): boolean => /^(?:sensor_id|identity)$/.test(this.#roleOf(name));
    // The sensor's id comes first: most identities differ in it.
    const isId = (name: string): boolean => this.#roleOf(name) === "sensor_id";
    this.identity = this.columns.filter(isIdentity).toSorted((a, b) => Number(isId(b)) - Number(isId(a)));
    this.values = this.columns.filter((name) => !isIdentity(name));
    const types = new Map(columns.map(({ name, type }) => [name, type]));
    const exact = [...this.values, ...this.identity].map((name, i): ExactColumn => {
      const isWanted = this.#roleOf(name) !== "value" && mayHoldIntegers(types.get(name) ?? "");
      return { name, at: isWanted ? i + FIRST_VALUE : null };
    });
    this.#exact = new ExactIntegers(this.#db, `FROM main.${quoted(this.#name)} WHERE ${this.#rowid} = ?`, exact);
    this.#known = new KnownIdentities(this.#db, this.#name, this.identity);
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

  #noTable(): TransientError {
    // Only tables that can be followed: no views, none without rowids, none of SQLite's own.
    const tables = this.#db
      .query(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND wr = 0 AND name NOT GLOB 'sqlite_*' ORDER BY name LIMIT 20",
      )
      .values();
    const [first, ...more] = tables.flat().map(String);
    const known = first === undefined ? "it has none" : `it has ${[first, ...more].join(", ")}`;
    const missing = `Cannot read table "${this.#name}" of "${this.#path}": there is no such table yet, ${known}`;
    return new TransientError(missing, {
      tryHint:
        first === undefined
          ? `sqlite3 ${shellWord(this.#path)} .tables`
          : `agent run --source ${shellWord(`sqlite:${this.#path}?table=${first}`)}`,
    });
  }

  #unfit(why: string): UsageError {
    return new UsageError(`Cannot tail "${this.#name}" of "${this.#path}": ${why}, and only a rowid says what is new`, {
      tryHint: `sqlite3 ${shellWord(this.#path)} .schema`,
    });
  }
}

const asText = (expression: string): string => `CAST(${expression} AS TEXT)`;

function isExact(row: ForeignRowValues | undefined): boolean {
  return row === undefined || Number.isSafeInteger(row[0]);
}
