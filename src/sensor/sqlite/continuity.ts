/**
 * Where reading continues when a table has changed: a pure judgement from the marks of the position.
 *
 * The marks say what happened to each marked row. A row whose time and sensor are as they were is the same row,
 * even if its measures were edited. R is the last row taken, M the newest marked row that is the same. In this order:
 *  1. R is the same row, edited or not: continue after it.
 *  2. The table is empty: wait. The marks judge the rows to come.
 *  3. Every marked row has another time and the old measures: all timestamps were edited. Continue after R.
 *  4. No row at or below R is left (a retention job): continue after R; every row there is new.
 *  5. AUTOINCREMENT, in the same file, the sequence not below R, no row newer than M is another one, and there is an M or
 *     the schema is unchanged: rows were deleted, and their rowids are never used again. Continue after R.
 *  6. A table without INTEGER PRIMARY KEY, whose rows VACUUM renumbers: where a marked row is among the newest 100,000
 *     rows, continue after it.
 *  7. There is an M: the newest rows were deleted, or a power cut took them from the database, and their rowids may be in
 *     use again. Continue after M. The rows between M and the first other row may have been taken; none is skipped.
 *  8. There is no M: another table or another database. From the start, as a new generation.
 * Where columns of the marks are gone, rowids alone decide: from the start where none reaches R, else after R.
 */
import { type Mark, type Position, START, startAgain } from "./position.ts";

/**
 * `edited`: the time is as it was, the rest is not. `retimed`: the time is another one, the rest is as it was.
 * `other`: another row. `gone`: there is no row.
 */
export type MarkState = "same" | "edited" | "retimed" | "other" | "gone";

export type SeenTable = {
  /** Of each mark of the position. */
  readonly states: readonly MarkState[];
  readonly lowest: bigint | null;
  readonly highest: bigint | null;
  readonly sameFile: boolean;
  readonly sameSchema: boolean;
  /** The table has an INTEGER PRIMARY KEY, so that VACUUM leaves its rowids alone. */
  readonly keepsRowids: boolean;
  /** AUTOINCREMENT, same file, sequence at or above R. */
  readonly neverReused: boolean;
  /** Where the newest marked row that can be found is now, by rule 6. */
  readonly moved: { readonly mark: number; readonly rowid: bigint } | null;
};

export type Continued = {
  readonly position: Position;
  /**
   * `changed`: the newest rows are gone or other ones. `deleted`: rows were deleted while new ones came, which is news only
   * where rows are doubtful. `another`: no row is as it was.
   */
  readonly event: "none" | "changed" | "deleted" | "another";
  /** Rows that exist between these rowids may have been taken before. */
  readonly doubtful: readonly [above: bigint, below: bigint | null] | null;
};

const NONE = -1;

export function stateOf(mark: Mark, now: Mark | null): MarkState {
  if (now === null) return "gone";
  if (now.whole === mark.whole) return "same";
  if (mark.time === null || now.time === null) return "other";
  if (now.time === mark.time) return "edited";
  return mark.rest !== null && now.rest === mark.rest ? "retimed" : "other";
}

export function continueAt(position: Position, seen: SeenTable): Continued {
  const { rowid, marks } = position;
  const stay: Continued = { position, event: "none", doubtful: null };
  const states = trusted(seen);
  if (isTheRow(states[0])) return stay;
  // Rows that are written again must not be taken for rows whose times were edited.
  if (seen.lowest === null) return { ...stay, position: { ...position, marks: marks.map(withoutRest) } };
  if (isEditOfAllTimes(position, states, seen) || seen.lowest > rowid) return stay;
  const m = states.findIndex(isTheRow);
  const newer = m < 0 ? states : states.slice(0, m);
  const isReused = newer.some((state) => state !== "gone");
  if (seen.neverReused && !isReused && (m >= 0 || seen.sameSchema)) return stay;
  if (seen.moved !== null) return movedTo(position, seen.moved);
  // Below the first row that is another one, rows may be old ones. Where no row is gone, all may have been edited, times too.
  const mayBeEdits =
    states !== seen.states || (seen.sameFile && seen.sameSchema && states.every((one) => one === "other"));
  const other = mayBeEdits ? NONE : newer.lastIndexOf("other");
  const below = other < 0 ? rowid + 1n : (marks[other]?.rowid ?? null);
  // It was seen empty, so that no row of it can have been taken before.
  if (m < 0 && marks.every(isWithoutRest)) return { ...stay, position: startAgain(position) };
  if (m < 0) {
    const isRenumbered = !seen.keepsRowids && !(seen.sameSchema && seen.sameFile);
    return { position: startAgain(position), event: "another", doubtful: [START, isRenumbered ? null : below] };
  }
  const at = marks[m]?.rowid ?? START;
  return {
    position: { ...position, rowid: at, marks: marks.slice(m) },
    event: isReused || (seen.highest ?? START) <= rowid ? "changed" : "deleted",
    doubtful: [at, below],
  };
}

/** The rule for when the columns of the marks are gone. */
export function continueByRowid(position: Position, highest: bigint | null): Position {
  const next = highest === null || highest < position.rowid ? startAgain(position) : position;
  return { ...next, columns: [], timeColumns: 0, marks: [] };
}

/** In another file, rows of the same times count only beside rows that are wholly the same: a copy, and not a stranger. */
function trusted({ states, sameFile }: SeenTable): readonly MarkState[] {
  if (sameFile || states.includes("same")) return states;
  return states.map((state) => (state === "edited" ? "other" : state));
}

function isTheRow(state: MarkState | undefined): boolean {
  return state === "same" || state === "edited";
}

/** Three different values at their old places are not a coincidence; a constant value would prove nothing. */
const TELLING_VALUES = 3;

function isEditOfAllTimes({ marks }: Position, states: readonly MarkState[], seen: SeenTable): boolean {
  if (states[0] !== "retimed" || !seen.sameFile || !seen.sameSchema) return false;
  if (!states.every((state) => state === "retimed" || state === "gone")) return false;
  const values = marks.filter((_, i) => states[i] === "retimed").map(({ rest }) => rest);
  return new Set(values).size >= TELLING_VALUES;
}

function withoutRest(mark: Mark): Mark {
  return { ...mark, rest: null };
}

function isWithoutRest({ time, rest }: Mark): boolean {
  return time !== null && rest === null;
}

function movedTo(position: Position, moved: { readonly mark: number; readonly rowid: bigint }): Continued {
  const { rowid } = moved;
  const marks = position.marks.slice(moved.mark, moved.mark + 1).map((mark) => ({ ...mark, rowid }));
  return {
    position: { ...position, rowid, marks },
    event: moved.mark === 0 ? "none" : "changed",
    doubtful: moved.mark === 0 ? null : [rowid, null],
  };
}
