/** From the lines of an object to rows of a table: the columns that are wanted, each as the table's type has it. */
import type { Database, Statement } from "bun:sqlite";
import type { TableColumn } from "../lakehouse/columns.ts";

type Cell = string | number | null;
/** undefined: the value is none of the column's. */
type Reading = (value: unknown) => Cell | undefined;

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

const READ: Readonly<Record<string, Reading>> = {
  string: (value) => (typeof value === "string" ? value : JSON.stringify(value)),
  double: (value) => (typeof value === "number" ? value : undefined),
  bigint: (value) => (Number.isInteger(value) ? (value as number) : undefined),
  "array<string>": (value) => (Array.isArray(value) ? JSON.stringify(value) : undefined),
  timestamp: (value) => {
    if (typeof value !== "string") return undefined;
    if (ISO.test(value)) return value;
    const ms = Date.parse(value);
    return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
  },
};

/** Twenty rows a statement cost half of one by one (docs/decisions.md). */
const ROWS_AT_ONCE = 20;
const ADDED = new Set(["received_at", "processing_timestamp", "source_file", "_rescued_data", "_corrupt_record"]);

/** Of the values of a row, those that are not in its line; the same in every row of an object. */
export type SharedValues = Readonly<Record<string, Cell>>;

export class RowLoader {
  readonly #wanted: readonly { readonly name: string; readonly read: Reading }[];
  readonly #many: Statement;
  readonly #one: Statement;
  readonly #cells: number;
  readonly #shared: readonly string[];

  /** `shared`: the columns that `load` is given values for. What else the loader of the cloud adds stays null. */
  constructor(db: Database, table: string, columns: readonly TableColumn[], shared: readonly string[]) {
    const wanted = columns.filter(({ name }) => !ADDED.has(name));
    this.#wanted = wanted.map(({ name, type }) => ({ name, read: READ[type]! }));
    this.#shared = shared;
    const into = [...wanted.map(({ name }) => `"${name}"`), "_corrupt_record", ...shared];
    this.#cells = into.length;
    const row = `(${into.map(() => "?").join(", ")})`;
    const insert = `INSERT INTO ${table} (${into.join(", ")}) VALUES `;
    this.#one = db.prepare(insert + row);
    this.#many = db.prepare(insert + Array(ROWS_AT_ONCE).fill(row).join(", "));
  }

  /** Answers how many rows there were. */
  load(lines: Iterable<string>, values: SharedValues): number {
    const shared = this.#shared.map((name) => values[name] ?? null);
    let rows = 0;
    let cells: Cell[] = [];
    for (const line of lines) {
      this.#read(line, cells);
      cells.push(...shared);
      rows++;
      if (cells.length < ROWS_AT_ONCE * this.#cells) continue;
      this.#many.run(...cells);
      cells = [];
    }
    for (let at = 0; at < cells.length; at += this.#cells) this.#one.run(...cells.slice(at, at + this.#cells));
    return rows;
  }

  /** What does not fit its column is null, and the line is kept as it was. */
  #read(line: string, cells: Cell[]): void {
    const row = this.#wanted.length === 0 ? {} : objectIn(line);
    let corrupt = row === null ? line : null;
    for (const { name, read } of this.#wanted) {
      const value = row?.[name] ?? null;
      const cell = value === null ? null : read(value);
      if (cell === undefined) corrupt = line;
      cells.push(cell ?? null);
    }
    cells.push(corrupt);
  }
}

function objectIn(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const row: unknown = JSON.parse(line);
    return typeof row === "object" && row !== null && !Array.isArray(row) ? (row as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
