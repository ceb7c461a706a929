/**
 * The position of the tail of a foreign table, and its text in the buffer.
 *
 * A rowid alone does not identify a row: a database whose power cut took its newest rows, a table that is created again, a
 * file that is replaced, or a table without AUTOINCREMENT whose newest rows were deleted, all give the same rowids to other
 * rows. So the position has marks: hashes of the newest 16 rows taken and of ever fewer older ones. They cover sensor id,
 * timestamp and the first measures, and not the whole row, because others update rows too ("uploaded = 1"). Their columns
 * are in the cursor, so that another profile or mapping, or a new column, does not change them. continuity.ts compares.
 */
export type Mark = {
  readonly rowid: bigint;
  /** Of all columns. */
  readonly whole: string;
  /** Of the columns that say when the row was measured and by which sensor; null where there are none. */
  readonly time: string | null;
  /** Of the other columns; null where a comparison would prove nothing. */
  readonly rest: string | null;
};

export type Position = {
  /** The last row taken; START before the first. A rowid has 64 bits: keys of nanoseconds and snowflake ids need them. */
  readonly rowid: bigint;
  /** How often the table turned out to be another one. */
  readonly generation: number;
  /** The file's inode and SQLite's schema cookie when the row was taken. */
  readonly file: number;
  readonly schema: number;
  readonly columns: readonly string[];
  /** How many of `columns`, from the first, identify a row in time. */
  readonly timeColumns: number;
  /** Newest first; the first is the row at `rowid`. */
  readonly marks: readonly Mark[];
  readonly counts: Counts;
};

/** What was noticed since the first reading. */
export type Counts = {
  /** Marked rows that were edited after they were taken. */
  readonly edited: number;
  /** How often the newest rows were gone or other ones. */
  readonly rolledBack: number;
  /** Rows that were taken after that and may have been taken before. */
  readonly doubtful: number;
};

/** Below every rowid. */
export const START = -(2n ** 63n) - 1n;
/** START in a cursor: the number that it was when rowids were numbers. */
const START_IN_CURSOR = -Number.MAX_SAFE_INTEGER;
const DENSE = 16;
const MARKS = 48;
export const FINGERPRINT_COLUMNS = 8;
const COLUMN_NAME_LENGTH = 64;
const NO_COUNTS: Counts = { edited: 0, rolledBack: 0, doubtful: 0 };

export const AT_START: Position = {
  rowid: START,
  generation: 0,
  file: 0,
  schema: 0,
  columns: [],
  timeColumns: 0,
  marks: [],
  counts: NO_COUNTS,
};

/** From the first row, as another table. */
export function startAgain(position: Position): Position {
  const { generation, counts } = position;
  return { ...AT_START, generation: generation + 1, counts };
}

/** Adds the rows just taken (newest first: 16 and one per doubling of distance) and thins the older ones in the same way. */
export function withMarks(older: readonly Mark[], fresh: readonly Mark[]): readonly Mark[] {
  const all = [...fresh, ...older];
  const head = all[0]?.rowid ?? 0n;
  const dense = all.slice(0, DENSE);
  const byDistance = new Map<number, Mark>();
  // The oldest of each distance is kept: it is the next to reach the following distance.
  for (const mark of all.slice(DENSE)) byDistance.set(Math.floor(Math.log2(Number(head - mark.rowid) + 1)), mark);
  return [...dense, ...byDistance.values()].slice(0, MARKS);
}

/** How many of the newest rows get a mark each; of older ones, those at twice, four times, … this distance. */
export const FRESH_MARKS = DENSE;

/** The foreign names of the columns that marks are made of. */
export type MarkNames = { readonly sensorId: string; readonly timestamp: string; readonly measures: readonly string[] };

/** Those of the columns that exist, the ones that identify a row in time first. */
export function chooseColumns(
  names: MarkNames,
  existing: ReadonlySet<string>,
): Pick<Position, "columns" | "timeColumns"> {
  const columns = [names.sensorId, names.timestamp, ...names.measures]
    .filter((name) => existing.has(name) && name.length <= COLUMN_NAME_LENGTH)
    .slice(0, FINGERPRINT_COLUMNS);
  return { columns, timeColumns: timeColumnsOf(columns, names) };
}

/** How many of `columns` identify a row in time: none without a timestamp. */
export function timeColumnsOf(columns: readonly string[], { sensorId, timestamp }: MarkNames): number {
  const isTime = (name: string | undefined) => name === sensorId || name === timestamp;
  const count = columns.findIndex((name) => !isTime(name));
  const first = columns.slice(0, count < 0 ? columns.length : count);
  return first.includes(timestamp) ? first.length : 0;
}

/** The mark of a row, from its values in the columns of the position. */
export function markOf(rowid: bigint, values: readonly unknown[], timeColumns: number): Mark {
  const texts = values.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value));
  const whole = Bun.SHA256.hash(JSON.stringify(texts), "hex").slice(0, 12);
  if (timeColumns === 0) return { rowid, whole, time: null, rest: null };
  return { rowid, whole, time: shortHash(texts.slice(0, timeColumns)), rest: shortHash(texts.slice(timeColumns)) };
}

/** CRC-32, whose values no version of the engine changes. */
function shortHash(texts: readonly unknown[]): string {
  return Bun.hash.crc32(JSON.stringify(texts)).toString(36);
}

/**
 * Version 2 where a rowid is written as text: an agent that only knows numbers must refuse it. Anything else was added in a
 * way that older agents ignore.
 */
export function writeCursor(position: Position): string {
  const { rowid, generation, file, schema, columns, timeColumns, counts } = position;
  const marks = position.marks.map(({ rowid: marked, whole, time, rest }) => {
    return time === null ? [written(marked), whole] : [written(marked), whole, time, ...(rest === null ? [] : [rest])];
  });
  const all = { rowid: rowid === START ? START_IN_CURSOR : written(rowid), generation, file, schema, columns, marks };
  const wide = typeof all.rowid === "string" || marks.some(([marked]) => typeof marked === "string");
  const noticed = Object.entries(counts).filter(([, count]) => count > 0);
  const added = [...(timeColumns > 0 ? [["timeColumns", timeColumns]] : []), ...noticed];
  return JSON.stringify({ v: wide ? 2 : 1, ...all, ...Object.fromEntries(added) });
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
  const {
    rowid,
    generation,
    file,
    schema,
    columns,
    marks,
    timeColumns = 0,
    ...rest
  } = parsed as unknown as WrittenPosition;
  return {
    rowid: rowid === START_IN_CURSOR ? START : BigInt(rowid),
    generation,
    file,
    schema,
    columns,
    timeColumns,
    marks: marks.map(([marked, whole, time = null, rest = null]) => ({ rowid: BigInt(marked), whole, time, rest })),
    counts: { edited: rest.edited ?? 0, rolledBack: rest.rolledBack ?? 0, doubtful: rest.doubtful ?? 0 },
  };
}

type WrittenPosition = {
  readonly rowid: number | string;
  readonly generation: number;
  readonly file: number;
  readonly schema: number;
  readonly columns: readonly string[];
  readonly marks: readonly (readonly [rowid: number | string, whole: string, time?: string, rest?: string])[];
  readonly timeColumns?: number;
} & Partial<Counts>;

/** JSON.parse reads numbers exactly up to 2^53. */
function written(rowid: bigint): number | string {
  const number = Number(rowid);
  return Number.isSafeInteger(number) && number !== START_IN_CURSOR ? number : String(rowid);
}
