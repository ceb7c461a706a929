/**
 * What precedes the rows of a CSV file: comments with facts (`# Turbine: Site 1`), lines to skip, Excel's `sep=;`, and the names of
 * the columns, which may be behind a comment sign as well (`# Date and time,Power (kW)`).
 */
import { shortened } from "../row/row-problem.ts";
import { CellReader, sniffDelimiter } from "./cells.ts";
import { COLUMNS_MOST, type CsvOptions, DELIMITERS } from "./options.ts";

/** With more lines or bytes before the first row, there is no row. */
export const HEAD_LIMITS = { lines: 20_000, bytes: 4 * 1024 * 1024 } as const;

/** Whether more lines can come: `ended`: none; `full`: none are waited for. */
export type HeadEnd = "open" | "ended" | "full";
const FACTS_MOST = 64;
const FACT_NAME = 64;
const FACT_LENGTH = 256;

export type Facts = Readonly<Record<`@head.${string}`, string>>;

export type Head = {
  readonly delimiter: string;
  /** What comments begin with; null where the file has none. */
  readonly comment: string | null;
  /** The cells of the header as they are there; empty without one. */
  readonly header: readonly string[];
  /** Which of the lines they are in: `[first, last]`, or null. */
  readonly headerAt: readonly [number, number] | null;
  /** Rows begin with a cell that the header has no name for, as R writes them. */
  readonly hasRowNames: boolean;
  /** How many lines the head has. */
  readonly lines: number;
  readonly facts: Facts;
  /** Why no row can be read, as a sentence; else null. */
  readonly problem: string | null;
};

/** How a head is found: what the user said, and which names the map or a profile knows. */
export type HeadOptions = { readonly csv: CsvOptions; readonly isKnown: (name: string) => boolean };

/** The head of a file that begins with these lines, or null where more of them are needed. */
export function findHead(lines: readonly string[], end: HeadEnd, options: HeadOptions): Head | null {
  const { csv } = options;
  const isLast = end !== "open";
  const scan = scanLines(lines, csv);
  const { first, second } = scan;
  if (first === null) {
    if (!isLast) return null;
    return headWith(scan, lines, end === "ended" ? { csv } : { csv, problem: NO_ROW });
  }
  const ofComment = csv.header === "auto" ? commentHeader(scan, lines, options) : null;
  if (ofComment !== null) return ofComment;
  if (second === null && !isLast) return null;
  const row = second === null ? null : (lines[second] ?? null);
  const text = lines[first] ?? "";
  if (csv.header === "none") {
    const delimiter = scan.delimiter ?? delimiterOfColumns(text, csv);
    return headWith(scan, lines, { csv, delimiter, lines: first });
  }
  const delimiter = scan.delimiter ?? sniffDelimiter(text, row, csv.quote);
  const found = recordAt(lines, first, new CellReader(delimiter, csv.quote));
  if (found === null) return isLast ? headWith(scan, lines, { csv, delimiter, problem: UNCLOSED, lines: first }) : null;
  if (csv.header === "auto" && looksLikeRow(found.cells, options)) {
    const problem = `there is no header: the file begins with ${JSON.stringify(shortened(text))}; name the columns (header=none&columns=timestamp,temperature), or say that this is the header (header=line)`;
    return headWith(scan, lines, { csv, delimiter, problem, lines: first });
  }
  const headerAt = [first, found.last] as const;
  const hasRowNames = found.last < (second ?? 0) && isOneLonger(found.cells, row, new CellReader(delimiter, csv.quote));
  return headWith(scan, lines, { csv, delimiter, header: found.cells, headerAt, hasRowNames, lines: found.last + 1 });
}

function isOneLonger(header: readonly string[], row: string | null, reader: CellReader): boolean {
  const found = row === null ? null : reader.read(row);
  if (found?.kind !== "cells" || found.cells.length !== header.length + 1) return false;
  return header.length > 1 && header.every((name) => name !== "") && found.cells.at(-1) !== "" && found.cells[0] !== "";
}

const NO_ROW = "there are only comments before it, more of them than are read";
const UNCLOSED = "the header has a cell in quotes without an end";

type Scan = {
  readonly comment: string | null;
  /** Given, or from a line `sep=;`. */
  readonly delimiter: string | null;
  /** Lines that may hold facts: comments, and those that are skipped. */
  readonly notes: readonly number[];
  readonly comments: readonly number[];
  /** The first line that is neither, and the next one. */
  readonly first: number | null;
  readonly second: number | null;
};

function scanLines(lines: readonly string[], csv: CsvOptions): Scan {
  const begin = lines.find((line) => line.trim() !== "") ?? "";
  const comment = csv.comment ?? (begin.startsWith("#") ? "#" : null);
  let delimiter = DELIMITERS[csv.delimiter] ?? null;
  const notes: number[] = [];
  const comments: number[] = [];
  const rows: number[] = [];
  let skipped = 0;
  for (const [at, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const said = rows.length === 0 ? /^"?sep=([,;|\t])"?$/i.exec(line.trimEnd()) : null;
    if (said !== null) delimiter ??= said[1] ?? null;
    else if (comment !== null && line.startsWith(comment)) {
      if (rows.length === 0) notes.push(at);
      if (rows.length === 0) comments.push(at);
    } else if (skipped < csv.skip) {
      skipped++;
      notes.push(at);
    } else rows.push(at);
    if (rows.length === 2) break;
  }
  return { comment, delimiter, notes, comments, first: rows[0] ?? null, second: rows[1] ?? null };
}

/** The last comment before the first row that has as many cells as it. */
function commentHeader(scan: Scan, lines: readonly string[], options: HeadOptions): Head | null {
  const { csv } = options;
  const { first, comment } = scan;
  if (first === null || comment === null) return null;
  const row = lines[first] ?? "";
  for (const at of scan.comments.toReversed()) {
    const text = withoutSign(lines[at] ?? "", comment);
    const delimiter = scan.delimiter ?? sniffDelimiter(text, row, csv.quote);
    const reader = new CellReader(delimiter, csv.quote);
    const [names, values] = [reader.read(text), reader.read(row)];
    if (names.kind !== "cells" || values.kind !== "cells" || names.cells.length < 2) continue;
    const beyond = values.cells.slice(names.cells.length);
    const isAsLong = names.cells.length <= values.cells.length && beyond.every((cell) => cell === "");
    if (!isAsLong || !looksLikeRow(values.cells, options) || looksLikeRow(names.cells, options)) continue;
    return headWith(scan, lines, { csv, delimiter, header: names.cells, headerAt: [at, at], lines: first });
  }
  return null;
}

function withoutSign(line: string, comment: string | null): string {
  if (comment === null || !line.startsWith(comment)) return line;
  return line.slice(comment.length).trimStart();
}

/** The cells of the record that begins in a line, and its last line; null where it has no end. */
function recordAt(
  lines: readonly string[],
  at: number,
  reader: CellReader,
): { cells: readonly string[]; last: number } | null {
  let text = "";
  for (let last = at; last < lines.length && last < at + 100; last++) {
    text += `${last === at ? "" : "\n"}${lines[last]}`;
    const found = reader.read(text);
    if (found.kind === "cells") return { cells: found.cells, last };
    if (found.kind === "bad") break;
  }
  return null;
}

/** A date, or a number, and no name that is known. */
export function looksLikeRow(cells: readonly string[], { isKnown }: HeadOptions): boolean {
  if (cells.some((cell) => isKnown(cell))) return false;
  return cells.some((cell) => /^[+-]?[\d.,]*\d(?:e[+-]?\d+)?$/i.test(cell) || /^\d{1,4}[-/.]\d{1,2}[-/.]\d/.test(cell));
}

function delimiterOfColumns(row: string, { columns, quote }: CsvOptions): string {
  const fits = ["\t", ";", "|", ","].find((delimiter) => {
    const found = new CellReader(delimiter, quote).read(row);
    return found.kind === "cells" && found.cells.length === columns.length && columns.length > 1;
  });
  return fits ?? sniffDelimiter(row, null, quote);
}

type FoundHead = {
  readonly csv: CsvOptions;
  readonly delimiter?: string;
  readonly header?: readonly string[];
  readonly headerAt?: readonly [number, number];
  readonly hasRowNames?: boolean;
  readonly lines?: number;
  readonly problem?: string;
};

function headWith(scan: Scan, lines: readonly string[], found: FoundHead): Head {
  const delimiter = found.delimiter ?? scan.delimiter ?? ",";
  const notes = scan.notes.filter((at) => at !== found.headerAt?.[0]).map((at) => lines[at] ?? "");
  const columns = found.csv.header === "none" ? found.csv.columns : (found.header ?? []);
  const many =
    columns.length > COLUMNS_MOST ? `the header has ${columns.length} columns, at most ${COLUMNS_MOST} are read` : null;
  return {
    delimiter,
    comment: scan.comment,
    header: found.header ?? [],
    headerAt: found.headerAt ?? null,
    hasRowNames: found.hasRowNames ?? false,
    lines: found.lines ?? lines.length,
    facts: factsOf(notes, scan.comment, delimiter),
    problem: found.problem ?? many,
  };
}

/** `# Turbine: Site 1`, `Station;Uccle`: the last of each name counts. */
export function factsOf(notes: readonly string[], comment: string | null, delimiter: string): Facts {
  const facts: Record<`@head.${string}`, string> = {};
  for (const note of notes) {
    const text = withoutSign(note, comment).trim();
    const colon = /^([^:;,|\t]+):(.+)$/.exec(text);
    const cells = text.split(delimiter);
    const [name = "", value = ""] = colon?.slice(1) ?? (cells.slice(2).some((cell) => cell.trim() !== "") ? [] : cells);
    const [key, fact] = [bare(name, delimiter), bare(value, delimiter)];
    if (key === "" || fact === "" || key.length > FACT_NAME || fact.length > FACT_LENGTH) continue;
    if (Object.keys(facts).length < FACTS_MOST || Object.hasOwn(facts, `@head.${key}`)) facts[`@head.${key}`] = fact;
  }
  return facts;
}

/** Without delimiters, blanks and quotes around it. */
function bare(text: string, delimiter: string): string {
  const signs = `[\\s${delimiter === "|" ? "\\|" : delimiter}]+`;
  return text.replace(new RegExp(`^${signs}|${signs}$`, "g"), "").replace(/^"(.*)"$/, "$1");
}

/** A name for each column: one that is empty or occurs twice gets a number. */
export function columnNames(header: readonly string[]): readonly string[] {
  const taken = new Set(header);
  const used = new Set<string>();
  return header.map((name, at) => {
    let unique = name === "" ? `column_${at + 1}` : name;
    if (name !== "" && !used.has(name)) {
      used.add(name);
      return name;
    }
    const base = unique;
    for (let many = 2; used.has(unique) || taken.has(unique); many++) unique = `${base}_${many}`;
    used.add(unique);
    return unique;
  });
}

/** Behind a comment's sign, a map may have the first name with it: `# Date and time`. */
export function asMapped(
  names: readonly string[],
  comment: string | null,
  { isKnown }: HeadOptions,
): readonly string[] {
  const [first = "", ...others] = names;
  const signed = [`${comment} ${first}`, `${comment}${first}`].find(isKnown);
  return comment === null || signed === undefined || isKnown(first) ? names : [signed, ...others];
}
