/** An answer as a table for people, as one JSON value, and as CSV; in parts, so that no copy of all of it is made. */
import { UsageError } from "../core/errors.ts";
import { oneLine } from "../core/log/log.ts";
import type { AnswerKind, LeftOut, QueryAnswer } from "../query/answer.ts";
import { tableLines } from "./frame/table.ts";

export type PrintedAnswer = QueryAnswer & {
  readonly leftOut: readonly LeftOut[];
  readonly doubtful: readonly LeftOut[];
  /** Objects that are not the agent's, and the first of them. */
  readonly foreign: number;
  readonly foreignNamed: readonly string[];
  /** The name of the question; null for a statement. */
  readonly query: string | null;
  /** The terminal's; undefined: there is no terminal. */
  readonly width: number | undefined;
};

/** A cell of the table is cut here; JSON and CSV have all of it. */
const CELL_CHARS = 60;
const ROWS_AT_ONCE = 1_000;

export function* tableAnswer({ columns, rows, width }: PrintedAnswer): Iterable<string> {
  const right = columns.flatMap(({ kind }, at) => (kind === "number" ? [at] : []));
  const head = columns.map(({ name }) => short(name));
  const cells = rows.map((row) => row.map((value) => (value === null ? "null" : short(value))));
  let part: string[] = [];
  for (const line of tableLines({ head, rows: cells, right, columns: width })) {
    part.push(line);
    if (part.length < ROWS_AT_ONCE) continue;
    yield part.join("");
    part = [];
  }
  yield part.join("");
}

function short(value: string): string {
  const line = oneLine(value);
  return line.length <= CELL_CHARS ? line : `${line.slice(0, CELL_CHARS - 1)}…`;
}

/** A number is written as the engine gave it, so that none is rounded. Throws UsageError where two columns have one name. */
export function* jsonAnswer(answer: PrintedAnswer): Iterable<string> {
  const { columns, rows, truncated, leftOut, doubtful, foreign, foreignNamed, query } = answer;
  const names = columns.map(({ name }) => JSON.stringify(name));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) {
    throw new UsageError(`Cannot print as JSON: two columns are named ${twice}; name one of them otherwise with AS`);
  }
  yield `{\n  "query": ${JSON.stringify(query)},\n  "columns": ${JSON.stringify(columns)},\n  "rows": [`;
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    const lines = rows.slice(at, at + ROWS_AT_ONCE).map((row) => {
      const values = row.map((value, column) => jsonValue(value, columns[column]?.kind ?? "text"));
      return `{${values.map((text, column) => `${names[column]}: ${text}`).join(", ")}}`;
    });
    yield `${at === 0 ? "" : ","}\n    ${lines.join(",\n    ")}`;
  }
  yield `${rows.length === 0 ? "" : "\n  "}],\n  "truncated": ${truncated},\n  "left_out": ${JSON.stringify(leftOut)},\n  "doubtful": ${JSON.stringify(doubtful)},\n  "foreign": ${JSON.stringify({ objects: foreign, named: foreignNamed })}\n}\n`;
}

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

const AS_JSON: Readonly<Record<AnswerKind, (value: string) => string>> = {
  // Not a number in JSON: NaN and Infinity.
  number: (value) => (JSON_NUMBER.test(value) ? value : JSON.stringify(value)),
  boolean: (value) => (/^(true|false)$/.test(value) ? value : JSON.stringify(value)),
  json: (value) => {
    try {
      JSON.parse(value);
      return value.replace(/\n/g, " ");
    } catch {
      return JSON.stringify(value);
    }
  },
  text: (value) => JSON.stringify(value),
};

function jsonValue(value: string | null, kind: AnswerKind): string {
  return value === null ? "null" : AS_JSON[kind](value);
}

/** https://www.rfc-editor.org/rfc/rfc4180. NULL is empty, and an empty text is a pair of quotes. */
export function* csvAnswer({ columns, rows }: PrintedAnswer): Iterable<string> {
  yield record(columns.map(({ name }) => name));
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    yield rows
      .slice(at, at + ROWS_AT_ONCE)
      .map(record)
      .join("");
  }
}

function record(values: readonly (string | null)[]): string {
  return `${values.map(field).join(",")}\r\n`;
}

function field(value: string | null): string {
  if (value === null) return "";
  return value === "" || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
