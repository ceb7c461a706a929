/**
 * Where the map joins rows to readings: only rows of whole sets are taken, so that no position is within one. Which these are says
 * a normalizer beside the one that appends, because it must be known on the snapshot that the rows are from.
 */
import { RECORD_READINGS, ReadingBlock } from "../../core/reading.ts";
import type { Normalizer } from "../row/normalize.ts";
import { SqliteRows } from "./rows.ts";
import { type ForeignRowValues, type ForeignTable, rowidOf } from "./table.ts";

/** One read: as many as a set may have, so that one without the end of a set is one that is too large. */
export const JOINED_READ_ROWS = RECORD_READINGS;

type OpenSet = { readonly first: bigint; readonly size: number; readonly sinceMs: number };

export class JoinedRows {
  readonly #normalizer: Normalizer;
  readonly #block = new ReadingBlock(1);
  #rows: SqliteRows | null = null;
  #schema = Number.NaN;
  #open: OpenSet | null = null;

  /** `normalizer`: no one else's. */
  constructor(normalizer: Normalizer) {
    this.#normalizer = normalizer;
  }

  /** Those of `rows` to take now. `isEnd`: there are no more now; `mayWait`: there may be later. */
  whole(
    table: ForeignTable,
    rows: readonly ForeignRowValues[],
    at: { readonly isEnd: boolean; readonly mayWait: boolean; readonly nowMs: number },
  ): readonly ForeignRowValues[] {
    const { begin, size } = this.#lastSet(table, rows, at.nowMs);
    const first = rows[begin];
    if (first === undefined) {
      this.#open = null;
      return rows;
    }
    // A read that is one set from its first row to its last holds no end of it, and never will.
    if (!at.isEnd) return begin === 0 ? rows : rows.slice(0, begin);
    // Rows that the map leaves out are no sign that more of it come.
    const open = { first: rowidOf(first), size, sinceMs: at.nowMs };
    const isSame = this.#open?.first === open.first && this.#open.size === size;
    if (!isSame) this.#open = open;
    const waitMs = this.#normalizer.wide?.rule.waitMs ?? 0;
    const isDue = at.nowMs - (this.#open?.sinceMs ?? at.nowMs) >= waitMs;
    return !at.mayWait || isDue ? rows : rows.slice(0, begin);
  }

  /** Where the set begins that is open behind these rows, and how many of them it has; behind the last one where none is. */
  #lastSet(table: ForeignTable, rows: readonly ForeignRowValues[], nowMs: number) {
    const { wide } = this.#normalizer;
    if (this.#rows === null || this.#schema !== table.schema) {
      this.#rows = new SqliteRows(table, this.#normalizer);
      this.#schema = table.schema;
    }
    let begin = rows.length;
    for (const [i, row] of rows.entries()) {
      const sets = wide?.sets;
      this.#rows.append(this.#block, row, nowMs);
      if (wide?.sets !== sets) begin = i;
      this.#block.clear();
    }
    const size = wide?.rows ?? 0;
    wide?.flush(this.#block);
    this.#block.clear();
    return { begin, size };
  }
}
