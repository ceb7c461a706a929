/**
 * Small tables as text, for people. Without a terminal a table is never folded: a row is a line, as `grep` and
 * `awk` expect.
 */
import { longestWord, wrapWords } from "./wrap.ts";

type Cells = readonly string[];

export type Table = {
  readonly head: Cells;
  readonly rows: readonly Cells[];
  /** Columns of numbers, by index. */
  readonly right?: readonly number[];
  /** The terminal's width; undefined: there is no terminal. */
  readonly columns: number | undefined;
};

const GAP = 2;
/** A column of text that is narrower than this is hard to read. */
const LEAST_TEXT = 20;

/** Columns as wide as their widest cell, or folded to the terminal. Lines have no spaces at their ends. */
export function textTable(table: Table): string {
  return [...tableLines(table)].join("");
}

/** The same, a line at a time; it reads `rows` twice. */
export function* tableLines({ head, rows, right = [], columns }: Table): Iterable<string> {
  const widths = widthsOf(head, rows);
  if (columns === undefined) return yield* plainLines(head, rows, { widths, right });
  const excess = widths.reduce((sum, width) => sum + width + GAP, -GAP) - columns;
  if (excess <= 0) return yield* plainLines(head, rows, { widths, right });
  const widest = widths.reduce(
    (best, width, at) => (right.includes(at) || width <= (widths[best] ?? 0) ? best : at),
    -1,
  );
  const left = (widths[widest] ?? 0) - excess;
  const isWrapped = left >= LEAST_TEXT && rows.every((row) => longestWord(row[widest] ?? "") <= left);
  if (!isWrapped) return yield* recordLines(head, rows, columns);
  const folded = rows.flatMap((row) => {
    const [first = "", ...more] = wrapWords(row[widest] ?? "", left);
    return [row.with(widest, first), ...more.map((text) => row.map((_, at) => (at === widest ? text : "")))];
  });
  yield* plainLines(head, folded, { widths: widths.with(widest, left), right });
}

function widthsOf(head: Cells, rows: readonly Cells[]): number[] {
  const widths = head.map((name) => name.length);
  for (const row of rows) {
    for (const [column, text] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, text.length);
  }
  return widths;
}

type Layout = { readonly widths: readonly number[]; readonly right: readonly number[] };

function* plainLines(head: Cells, rows: Iterable<Cells>, { widths, right }: Layout): Iterable<string> {
  const cell = (text: string, column: number) => {
    const width = widths[column] ?? 0;
    return right.includes(column) ? text.padStart(width) : text.padEnd(width);
  };
  const line = (cells: Cells) => `${cells.map(cell).join(" ".repeat(GAP)).trimEnd()}\n`;
  yield line(head);
  for (const row of rows) yield line(row);
}

/** A record for each row, `name: value` lines with an empty line between two; a column without a name has its value alone. */
function* recordLines(head: Cells, rows: Iterable<Cells>, columns: number): Iterable<string> {
  let isFirst = true;
  for (const row of rows) {
    if (!isFirst) yield "\n";
    isFirst = false;
    for (const [column, text] of row.entries()) {
      const name = head[column] ?? "";
      const [first = "", ...more] = wrapWords(name === "" ? text : `${name}: ${text}`, columns - GAP);
      if (text !== "") yield [first, ...more.map((line) => `${" ".repeat(GAP)}${line}`), ""].join("\n");
    }
  }
}
