/**
 * Integers beyond 2^53, to the letter. Rows are read with values as numbers, which is fast and rounds such integers; only a row
 * that has one is read again, with 64-bit integers.
 */
import type { Database, Statement } from "bun:sqlite";
import { quoted } from "./known.ts";

/** A column, and where its value is in a row; null: its values are numbers until the row as it was received is needed. */
export type ExactColumn = { readonly name: string; readonly at: number | null };

export class ExactIntegers {
  readonly #columns: readonly ExactColumn[];
  readonly #places: readonly { readonly name: string; readonly at: number }[];
  readonly #query: string;
  readonly #db: Database;
  #statement: Statement | null = null;

  /** `where` ends a query that names one row by its rowid, the parameter. */
  constructor(db: Database, where: string, columns: readonly ExactColumn[]) {
    this.#db = db;
    this.#columns = columns;
    this.#places = columns.flatMap(({ name, at }) => (at === null ? [] : [{ name, at }]));
    // A row without a column is skipped.
    this.#query = `SELECT ${["1", ...columns.map(({ name }) => quoted(name))].join(", ")} ${where}`;
  }

  /** Puts the exact integers, as `bigint`, in the places of rounded ones. Call it on the snapshot that the row is from. */
  restore(row: unknown[], rowid: (row: unknown[]) => bigint): void {
    for (const { at } of this.#places) {
      // Positions grow, and only a row of an unknown identity has those of one.
      if (at >= row.length) return;
      if (!isRounded(row[at])) continue;
      const exact = this.rowAt(rowid(row));
      for (const place of this.#places) if (place.at < row.length) row[place.at] = exact.get(place.name) ?? null;
      return;
    }
  }

  /** All values of a row by name; empty where it is gone. */
  rowAt(rowid: bigint): Map<string, unknown> {
    this.#statement ??= this.#db.prepare(this.#query).safeIntegers(true);
    const values = this.#statement.values(rowid)[0]?.slice(1) ?? [];
    return new Map(values.map((value, i) => [this.#columns[i]?.name ?? "", asNumber(value)]));
  }

  close(): void {
    this.#statement?.finalize();
  }
}

/** Whether a value may be an integer whose last digits are lost. */
export function isRounded(value: unknown): boolean {
  return typeof value === "number" && (value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER);
}

/** SQLite's rules of affinity: a column of text or reals holds no integers. */
export function mayHoldIntegers(type: string): boolean {
  return /INT/i.test(type) || !/CHAR|CLOB|TEXT|REAL|FLOA|DOUB/i.test(type);
}

function asNumber(value: unknown): unknown {
  return typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
