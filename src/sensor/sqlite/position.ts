/**
 * The position of the tail of a foreign table, and where it continues when the table has changed.
 *
 * A rowid alone does not identify a row: a table that is dropped and created again, a database file that is replaced, or a
 * table without AUTOINCREMENT whose newest rows were deleted, all give the same rowids to other rows. So the cursor holds
 * marks: fingerprints of the newest 16 rows taken and of ever fewer older ones. A fingerprint covers sensor id, timestamp
 * and the first measures, and not the whole row, because others update rows too ("uploaded = 1"); its columns are in the
 * cursor, so that another profile or mapping, or a new column, does not change it.
 *
 * The rules, in this order. R is the last row taken.
 *  1. R exists and is unchanged: continue after it. (On a normal turn this is the only check.)
 *  2. The table is empty: every row to come is new. From the start.
 *  3. No row at or below R is left (a retention job): continue after R; every row there is new.
 *  4. AUTOINCREMENT, in the same file, the schema unchanged, the sequence not below R, and R deleted (or changed, with an
 *     older mark intact): rowids are never used twice. Continue after R.
 *  5. A table without INTEGER PRIMARY KEY, whose rows VACUUM renumbers: where R's fingerprint is among the newest 100,000
 *     rows, continue after that row.
 *  6. R is deleted, there are rows above it, and an older mark is intact: rows were deleted one by one. Continue after R.
 *  7. An older mark is intact: the newest rows were deleted or rolled back, and their rowids may be in use again. Continue
 *     after that mark. Rows between the mark and the deletion are taken twice; none is skipped.
 *  8. No mark is intact: another table or another database. From the start, as a new generation.
 * Where columns of the fingerprint are gone, rowids alone decide: from the start where none reaches R, else after R.
 */
export type Mark = readonly [rowid: bigint, fingerprint: string];

export type Position = {
  /** The last row taken; START before the first. A rowid has 64 bits: keys of nanoseconds and snowflake ids need them. */
  readonly rowid: bigint;
  /** How often the table turned out to be another one. */
  readonly generation: number;
  /** The file's inode and SQLite's schema cookie when the row was taken. */
  readonly file: number;
  readonly schema: number;
  readonly columns: readonly string[];
  /** Newest first; the first is the row at `rowid`. */
  readonly marks: readonly Mark[];
};

/** The state of the table when R is not as it was. */
export type TableState = {
  readonly lowest: bigint | null;
  readonly highest: bigint | null;
  readonly headExists: boolean;
  /** The newest mark whose row exists and is unchanged. */
  readonly intact: bigint | null;
  /** AUTOINCREMENT, same file, same schema, sequence at or above R. */
  readonly neverReused: boolean;
  /** Where R's row is now, by rule 5. */
  readonly moved: bigint | null;
};

/** Below every rowid. */
export const START = -(2n ** 63n) - 1n;
/** START in a cursor: the number that it was when rowids were numbers. */
const START_IN_CURSOR = -Number.MAX_SAFE_INTEGER;
const DENSE = 16;
const MARKS = 48;
export const FINGERPRINT_COLUMNS = 8;
const COLUMN_NAME_LENGTH = 64;

export function resumeAt(position: Position, state: TableState): Position {
  const { rowid } = position;
  if (state.lowest === null || state.highest === null) return startAgain(position);
  if (state.lowest > rowid) return position;
  if (state.neverReused && (!state.headExists || state.intact !== null)) return position;
  const [newest] = position.marks;
  if (state.moved !== null && newest !== undefined) {
    return { ...position, rowid: state.moved, marks: [[state.moved, newest[1]]] };
  }
  if (state.intact === null) return startAgain(position);
  if (!state.headExists && state.highest > rowid) return position;
  const { intact } = state;
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
  // The oldest of each distance is kept: it is the next to reach the following distance.
  for (const mark of all.slice(DENSE)) byDistance.set(Math.floor(Math.log2(Number(head - mark[0]) + 1)), mark);
  return [...dense, ...byDistance.values()].slice(0, MARKS);
}

/** How many of the newest rows get a mark each. */
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

/** Version 2 where a rowid is written as text: an agent that only knows numbers must refuse it. */
export function writeCursor(position: Position): string {
  const { rowid, generation, file, schema, columns } = position;
  const marks = position.marks.map(([marked, fingerprint]) => [written(marked), fingerprint]);
  const all = { rowid: rowid === START ? START_IN_CURSOR : written(rowid), generation, file, schema, columns, marks };
  const wide = typeof all.rowid === "string" || marks.some(([marked]) => typeof marked === "string");
  return JSON.stringify({ v: wide ? 2 : 1, ...all });
}

/** A cursor that `writeCursor` wrote, or null where the text is anything else: then the caller must not guess. */
export function readCursor(text: string): Position | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof parsed !== "object" || parsed === null || !("v" in parsed)) return null;
  if (parsed.v !== 1 && parsed.v !== 2) return null;
  // writeCursor wrote it, as its version shows; the buffer keeps it whole.
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

/** JSON.parse reads numbers exactly up to 2^53. */
function written(rowid: bigint): number | string {
  const number = Number(rowid);
  return Number.isSafeInteger(number) && number !== START_IN_CURSOR ? number : String(rowid);
}
