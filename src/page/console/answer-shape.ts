/** What an answer is like: which columns are numbers, which one is a time, and what a chart of it shows. */
import type { SqlValue } from "./worker-words.ts";

export type AnswerRows = {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
};

/** Rows that are looked at to know what a column holds. */
const LOOKED_AT = 200;
const ISO = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;
/** Milliseconds of the years 2001 to 2100. */
const PLAUSIBLE = { from: 978_307_200_000, to: 4_102_444_800_000 };
const TIME_NAME = /time|_at$|_ms$|^at$|minute|hour|day|since|first|last/i;
/** Numbers that are names, places or flags. */
const NO_CURVE =
  /^(?:id|seq|sensor|label|verdict|status_code|anomaly_flag|latitude|longitude|height_meters|orientation_degrees)$/;
const MOST = { lines: 8, groups: 8 };

export function isNumeric(rows: AnswerRows["rows"], column: number): boolean {
  const values = valuesOf(rows, column);
  return values.length > 0 && values.every((value) => typeof value === "number");
}

function valuesOf(rows: AnswerRows["rows"], column: number): readonly SqlValue[] {
  const values: SqlValue[] = [];
  for (const row of rows) {
    const value = row[column] ?? null;
    if (value !== null && values.push(value) === LOOKED_AT) break;
  }
  return values;
}

/** The first column of times; -1: there is none. */
export function timeColumn({ columns, rows }: AnswerRows): number {
  return columns.findIndex((name, at) => {
    const values = valuesOf(rows, at);
    if (values.length === 0) return false;
    if (values.every((value) => typeof value === "string" && ISO.test(value))) return true;
    const isMs = (value: SqlValue) =>
      typeof value === "number" && value >= PLAUSIBLE.from && value < PLAUSIBLE.to && Number.isInteger(value);
    return TIME_NAME.test(name) && values.every(isMs);
  });
}

/** UTC where a text does not say its zone. */
export function timeMsOf(value: SqlValue): number {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return Number.NaN;
  const text = value.replace(" ", "T");
  return Date.parse(text.includes("T") && !/(?:Z|[+-]\d{2}:?\d{2})$/.test(text) ? `${text}Z` : text);
}

/** Lines over time: seconds, oldest first, and one list of values for each line. */
export type ChartLines = {
  readonly seconds: readonly number[];
  readonly lines: readonly { readonly name: string; readonly values: readonly (number | null)[] }[];
  /** Lines that are not drawn: more than a chart can show. */
  readonly leftOut: number;
};

/** Null: there is nothing to draw. `value`: the column that is drawn; null: all that are numbers. */
export function chartLines(answer: AnswerRows, value: string | null): ChartLines | null {
  const time = timeColumn(answer);
  if (time < 0) return null;
  const numbers = numberColumns(answer, time).filter(({ name }) => value === null || name === value);
  const [first] = numbers;
  if (first === undefined) return null;
  const group = numbers.length === 1 ? groupColumn(answer, time) : -1;
  const ordered = answer.rows
    .map((row) => ({ row, ms: timeMsOf(row[time] ?? null) }))
    .filter(({ ms }) => Number.isFinite(ms))
    .toSorted((a, b) => a.ms - b.ms);
  const seconds = [...new Set(ordered.map(({ ms }) => ms / 1_000))];
  const place = new Map(seconds.map((at, index) => [at, index]));
  const byName = new Map<string, (number | null)[]>();
  const leftOut = new Set<string>();
  for (const { row, ms } of ordered) {
    const index = place.get(ms / 1_000) ?? 0;
    for (const { name, at } of numbers) {
      const line = group < 0 ? name : String(row[group] ?? "NULL");
      const values = byName.get(line) ?? new Array<number | null>(seconds.length).fill(null);
      if (byName.size < MOST.lines) byName.set(line, values);
      else if (!byName.has(line)) leftOut.add(line);
      const found = row[at];
      if (typeof found === "number") values[index] = found;
    }
  }
  return { seconds, lines: [...byName].map(([name, values]) => ({ name, values })), leftOut: leftOut.size };
}

/** Whether there is a chart of it. */
export function isChartable(answer: AnswerRows): boolean {
  const time = timeColumn(answer);
  return answer.rows.length > 1 && time >= 0 && numberColumns(answer, time).length > 0;
}

/** The columns that can be drawn. */
export function numberColumns({ columns, rows }: AnswerRows, time: number): readonly { name: string; at: number }[] {
  return columns
    .map((name, at) => ({ name, at }))
    .filter(({ name, at }) => at !== time && !NO_CURVE.test(name) && isNumeric(rows, at));
}

/** The first column of text with few values: a line for each. */
function groupColumn({ columns, rows }: AnswerRows, time: number): number {
  return columns.findIndex((_, at) => {
    if (at === time || isNumeric(rows, at)) return false;
    const values = new Set(valuesOf(rows, at));
    return values.size > 1 && values.size <= MOST.groups * 2;
  });
}

export type AnswerOrder = { readonly column: number; readonly isDown: boolean };

/** NULL comes last, numbers before text, as in SQLite. */
export function ordered(rows: AnswerRows["rows"], order: AnswerOrder | null): AnswerRows["rows"] {
  if (order === null) return rows;
  const { column, isDown } = order;
  const sign = isDown ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [one, other] = [a[column] ?? null, b[column] ?? null];
    if (one === null || other === null) return one === other ? 0 : one === null ? 1 : -1;
    if (typeof one === "number" && typeof other === "number") return sign * (one - other);
    if (typeof one === "number" || typeof other === "number") return typeof one === "number" ? -sign : sign;
    return sign * String(one).localeCompare(String(other), undefined, { numeric: true });
  });
}
