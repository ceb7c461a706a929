/**
 * Where the tail of a foreign table stands, and where it goes on when the table is not what it was.
 *
 * A rowid alone does not say which row was meant: a table that is dropped and made again, a database file that is replaced,
 * or a table without AUTOINCREMENT whose newest rows were deleted, all give the same rowids to other rows. So the cursor
 * holds marks: fingerprints of the last 16 rows and of ever fewer older ones. A fingerprint is over sensor id, timestamp
 * and the first measures, and not over the whole row, because others update rows too ("uploaded = 1"); which columns it was
 * made of is in the cursor, so that another profile or mapping, or a column that appears, does not change it.
 *
 * The rules, in this order. R is the last row taken.
 *  1. R is there and is the same: go on behind it. (Nothing else is asked on a normal turn.)
 *  2. The table is empty: whatever comes is new. From the start.
 *  3. Nothing at or below R is left (a retention job): go on behind R; there is nothing there that was taken.
 *  4. AUTOINCREMENT, in the same file, the schema untouched, the sequence not behind R, and R gone (or changed, with an
 *     older mark intact): rowids are never used twice. Go on behind R.
 *  5. A table without INTEGER PRIMARY KEY, whose rows VACUUM numbers anew: where R's fingerprint is among the newest
 *     100,000 rows, go on behind that row.
 *  6. R is gone, there are rows above it, and an older mark is intact: rows were deleted one by one. Go on behind R.
 *  7. An older mark is intact: the newest rows were deleted or rolled back, and their rowids may be in use again. Go on
 *     behind that mark. Rows between the mark and the deletion are taken twice; none is skipped.
 *  8. Nothing is as it was: another table or another database. From the start, as a new generation.
 * When columns of the fingerprint are gone, rowids alone decide: from the start where none reaches R, else behind R.
 */
export type Mark = readonly [rowid: bigint, fingerprint: string];

export type Position = {
  /** The last row taken; START before the first. A rowid has 64 bits: keys of nanoseconds and snowflakes need them. */
  readonly rowid: bigint;
  /** Counts the times that the table turned out to be another one. */
  readonly generation: number;
  /** The file's inode and SQLite's schema cookie when the row was taken. */
  readonly file: number;
  readonly schema: number;
  readonly columns: readonly string[];
  /** Newest first; the first is the row at `rowid`. */
  readonly marks: readonly Mark[];
};

/** What the table shows when R is not what it was. */
export type Seen = {
  readonly lowest: bigint | null;
  readonly highest: bigint | null;
  readonly headExists: boolean;
  /** The newest mark whose row is there and the same. */
  readonly intact: bigint | null;
  /** AUTOINCREMENT, same file, same schema, sequence at or above R. */
  readonly neverReused: boolean;
  /** Where R's row is now, by rule 5. */
  readonly moved: bigint | null;
};

/** Below every rowid. */
export const START = -(2n ** 63n) - 1n;
/** How a cursor says START: the number that it was when rowids were numbers. */
const START_IN_CURSOR = -Number.MAX_SAFE_INTEGER;
const DENSE = 16;
const MARKS = 48;
export const FINGERPRINT_COLUMNS = 8;
const COLUMN_NAME_LENGTH = 64;

export function resumeAt(position: Position, seen: Seen): Position {
  const { rowid } = position;
  if (seen.lowest === null || seen.highest === null) return startAgain(position);
  if (seen.lowest > rowid) return position;
  if (seen.neverReused && (!seen.headExists || seen.intact !== null)) return position;
  if (seen.moved !== null) return { ...position, rowid: seen.moved, marks: [[seen.moved, position.marks[0]![1]]] };
  if (seen.intact === null) return startAgain(position);
  if (!seen.headExists && seen.highest > rowid) return position;
  const { intact } = seen;
  return { ...position, rowid: intact, marks: position.marks.filter(([marked]) => marked <= intact) };
}

/** The rule for when the columns of the fingerprint are gone. */
export function resumeByRowid(position: Position, highest: bigint | null): Position {
  const next = highest === null || highest < position.rowid ? startAgain(position) : position;
  return { ...next, columns: [], marks: [] };
}

function startAgain(position: Position): Position {
  return { ...position, rowid: START, generation: position.generation + 1, columns: [], marks: [] };
}

/** Adds the rows just taken (newest first, at most 16 are needed) and thins the older ones: one per doubling of distance. */
export function withMarks(older: readonly Mark[], fresh: readonly Mark[]): readonly Mark[] {
  const all = [...fresh, ...older];
  const head = all[0]?.[0] ?? 0n;
  const dense = all.slice(0, DENSE);
  const byDistance = new Map<number, Mark>();
  // The oldest of each distance stays: it is the one that grows into the next.
  for (const mark of all.slice(DENSE)) byDistance.set(Math.floor(Math.log2(Number(head - mark[0]) + 1)), mark);
  return [...dense, ...byDistance.values()].slice(0, MARKS);
}

/** How many of the newest rows are worth a mark of their own. */
export const FRESH_MARKS = DENSE;

export function chooseColumns(candidates: readonly string[], existing: ReadonlySet<string>): readonly string[] {
  return candidates
    .filter((name) => existing.has(name) && name.length <= COLUMN_NAME_LENGTH)
    .slice(0, FINGERPRINT_COLUMNS);
}

export function fingerprintOf(values: readonly unknown[]): string {
  const texts = values.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value));
  const text = JSON.stringify(texts);
  return new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 12);
}

/** Version 2 where a rowid is written as text: what only knows numbers must not guess. */
export function writeCursor(position: Position): string {
  const { rowid, generation, file, schema, columns } = position;
  const marks = position.marks.map(([marked, fingerprint]) => [written(marked), fingerprint]);
  const all = { rowid: rowid === START ? START_IN_CURSOR : written(rowid), generation, file, schema, columns, marks };
  const wide = typeof all.rowid === "string" || marks.some(([marked]) => typeof marked === "string");
  return JSON.stringify({ v: wide ? 2 : 1, ...all });
}

/** A cursor of ours, or null where it is none: then the caller must not guess. */
export function readCursor(text: string): Position | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof parsed !== "object" || parsed === null || !("v" in parsed)) return null;
  if (parsed.v !== 1 && parsed.v !== 2) return null;
  // Written by writeCursor, as its version says; the buffer keeps it whole.
  const { rowid, generation, file, schema, columns, marks } = parsed as unknown as WrittenPosition;
  return {
    rowid: rowid === START_IN_CURSOR ? START : BigInt(rowid),
    generation,
    file,
    schema,
    columns,
    marks: marks.map(([marked, fingerprint]): Mark => [BigInt(marked), fingerprint]),
  };
}

type WrittenPosition = Omit<Position, "rowid" | "marks"> & {
  readonly rowid: number | string;
  readonly marks: readonly (readonly [rowid: number | string, fingerprint: string])[];
};

/** JSON's numbers are exact up to 2^53 for those who read them here. */
function written(rowid: bigint): number | string {
  const number = Number(rowid);
  return Number.isSafeInteger(number) && number !== START_IN_CURSOR ? number : String(rowid);
}
