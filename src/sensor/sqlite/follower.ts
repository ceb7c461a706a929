/** Follows the rows of a foreign table: where to continue, and what happened to the rows that were taken. */

import { type Continued, continueAt, continueByRowid, type MarkState, type SeenTable, stateOf } from "./continuity.ts";
import {
  AT_START,
  chooseColumns,
  FRESH_MARKS,
  type Mark,
  type MarkNames,
  markOf,
  type Position,
  readCursor,
  START,
  timeColumnsOf,
  withMarks,
  writeCursor,
} from "./position.ts";
import { type ForeignRowValues, type ForeignTable, rowidOf } from "./table.ts";

/** For rule 6 of continuity.ts: takes about 0.3 s. */
const SEARCHED_ROWS = 100_000;
/** More doubtful rows than this are not counted. */
const COUNTED_ROWS = 100_000;

/** One look at the table. It changes nothing until `arrive` is called with it. */
export type Look = {
  readonly from: Position;
  readonly event: Exclude<Continued["event"], "deleted">;
  /** The last row taken before. */
  readonly last: bigint;
  readonly edited: number;
  /** How many marked rows there are, edited or not. */
  readonly marked: number;
  readonly doubtful: number;
  /** Marks of an older agent now have a hash of time and sensor: the cursor is worth a commit. */
  readonly hasLearned: boolean;
};

export class Follower {
  readonly #names: () => MarkNames;
  #position: Position;

  /** Null where the cursor is of a newer agent. */
  static from(cursor: string | null, names: () => MarkNames): Follower | null {
    const position = cursor === null ? AT_START : readCursor(cursor);
    if (position === null) return null;
    const isOld = position.timeColumns === 0 && position.columns.length > 0;
    return new Follower(
      isOld ? { ...position, timeColumns: timeColumnsOf(position.columns, names()) } : position,
      names,
    );
  }

  private constructor(position: Position, names: () => MarkNames) {
    this.#position = position;
    this.#names = names;
  }

  cursor(): string | null {
    const { rowid, generation } = this.#position;
    return rowid === START && generation === 0 ? null : writeCursor(this.#position);
  }

  /** Call it on a snapshot. Without `thorough` it looks at the last row only, and at all marked rows when that has changed. */
  look(table: ForeignTable, thorough: boolean): Look {
    const from = this.#position;
    const { rowid: last, marks } = from;
    const unchanged: Look = {
      from,
      event: "none",
      last,
      edited: 0,
      marked: marks.length,
      doubtful: 0,
      hasLearned: false,
    };
    if (last === START) return unchanged;
    const there = new Set(table.columns);
    const [newest] = marks;
    if (newest === undefined || from.columns.some((name) => !there.has(name))) {
      const next = continueByRowid(from, table.span()[1]);
      return { ...unchanged, from: next, event: next.rowid === last ? "none" : "another" };
    }
    if (!thorough && stateOf(newest, this.#markAt(table, newest)) === "same") return unchanged;
    return this.#lookAtAll(table);
  }

  /** The position after `rows`, which were read from `look.from` on; call it on the same snapshot. */
  advanced(table: ForeignTable, look: Look, rows: readonly ForeignRowValues[]): Position {
    const { from } = look;
    const last = rows.at(-1);
    const first = rows.at(-FRESH_MARKS) ?? rows[0];
    if (first === undefined || last === undefined) return from;
    const chosen = from.columns.length > 0 ? from : chooseColumns(this.#names(), new Set(table.columns));
    const { columns, timeColumns } = chosen;
    const fresh = table
      .between(rowidOf(first), rowidOf(last), columns)
      .map((row) => markOf(rowidOf(row), row.slice(1), timeColumns))
      .reverse();
    for (let distance = FRESH_MARKS; distance < rows.length; distance *= 2) {
      const row = rows.at(-1 - distance) ?? first;
      fresh.push(markOf(rowidOf(row), table.at(rowidOf(row), columns) ?? [], timeColumns));
    }
    // The first row of a table that was read at once: another table has another one.
    const oldest = rows[0] ?? first;
    if (from.marks.length === 0 && rowidOf(oldest) !== fresh.at(-1)?.rowid) {
      fresh.push(markOf(rowidOf(oldest), table.at(rowidOf(oldest), columns) ?? [], timeColumns));
    }
    return {
      rowid: rowidOf(last),
      generation: from.generation,
      file: table.inode,
      schema: table.schema,
      columns,
      timeColumns,
      marks: withMarks(from.marks, fresh),
      counts: from.counts,
    };
  }

  /** The rows up to here were taken. */
  arrive(at: Position): void {
    this.#position = at;
  }

  #lookAtAll(table: ForeignTable): Look {
    const before = this.#position;
    const now = before.marks.map((mark) => this.#markAt(table, mark));
    const states = before.marks.map((mark, i) => stateOf(mark, now[i] ?? null));
    const { position, doubtful, ...judged } =
      states[0] === "same"
        ? ({ position: before, event: "none", doubtful: null } as const)
        : continueAt(before, this.#seen(table, states));
    // Marks newer than the position are of deleted rows; the others now hold what their rows hold.
    const kept = before.marks.length - position.marks.length;
    const isKept = position.rowid === before.marks[kept]?.rowid;
    const edits = isKept ? states.slice(kept).filter(isEdit).length : 0;
    const count = doubtful === null ? 0 : table.countBetween(...doubtful, COUNTED_ROWS);
    const event = judged.event !== "deleted" ? judged.event : count > 0 ? "changed" : "none";
    const { counts } = before;
    const from = {
      ...position,
      marks: isKept ? position.marks.map((mark, i) => now[kept + i] ?? mark) : position.marks,
      counts: {
        edited: counts.edited + edits,
        rolledBack: counts.rolledBack + (event === "changed" ? 1 : 0),
        doubtful: counts.doubtful + count,
      },
    };
    const hasLearned = isKept && before.marks[kept]?.time === null && from.marks[0]?.time !== null;
    return { from, event, last: before.rowid, edited: edits, marked: states.length, doubtful: count, hasLearned };
  }

  #seen(table: ForeignTable, states: readonly MarkState[]): SeenTable {
    const from = this.#position;
    const sameFile = table.inode === from.file;
    const sameSchema = table.schema === from.schema;
    const [lowest, highest] = table.span();
    const mayBeRenumbered = !table.keepsRowids && !(sameFile && sameSchema);
    return {
      states,
      lowest,
      highest,
      sameFile,
      sameSchema,
      keepsRowids: table.keepsRowids,
      neverReused: sameFile && (table.sequence() ?? START) >= from.rowid,
      moved: mayBeRenumbered ? this.#movedTo(table) : null,
    };
  }

  #markAt(table: ForeignTable, { rowid }: Mark): Mark | null {
    const { columns, timeColumns } = this.#position;
    const values = table.at(rowid, columns);
    return values === null ? null : markOf(rowid, values, timeColumns);
  }

  /** The newest marked row that is among the newest rows, whatever its rowid is now. */
  #movedTo(table: ForeignTable): SeenTable["moved"] {
    const { columns, marks, timeColumns } = this.#position;
    const wanted = new Map(marks.map(({ whole }, mark) => [whole, mark] as const).reverse());
    let found: SeenTable["moved"] = null;
    for (const row of table.newest(columns, SEARCHED_ROWS)) {
      const rowid = rowidOf(row);
      const mark = wanted.get(markOf(rowid, row.slice(1), timeColumns).whole);
      if (mark !== undefined && (found === null || mark < found.mark)) found = { mark, rowid };
      if (found?.mark === 0) break;
    }
    return found;
  }
}

function isEdit(state: MarkState): boolean {
  return state === "edited" || state === "retimed" || state === "other";
}
