/** A small table of metadata by id, out of a file or a SQLite database: read whole, or refused with the reason. */
import { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { codeOf, messageOf } from "../../core/errors.ts";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { readFileText, readJsonFileText } from "../../core/outside/file-text.ts";
import { isObject } from "../../core/outside/shape.ts";
import type { TablePlace } from "./lookup-key.ts";

const ROWS_MOST = 10_000;
const BYTES_MOST = 4 * 1024 * 1024;

type TableRow = Readonly<Record<string, unknown>>;
/** By id. */
export type LookupTable = ReadonlyMap<string, TableRow>;
export type Columns = { readonly key: string; readonly wanted: readonly string[] };

/** Changes where the file does; "" where there is none. */
export function signatureOf({ form }: TablePlace, path: string): string {
  const files = form === "sqlite" ? [path, `${path}-wal`] : [path];
  return files.map(one).join(" ");
}

function one(path: string): string {
  try {
    const { ino, size, mtimeNs } = statSync(path, { bigint: true });
    return `${ino}:${size}:${mtimeNs}`;
  } catch {
    return "";
  }
}

/** Throws an Error whose message is the reason. */
export function readTable(place: TablePlace, path: string, columns: Columns): LookupTable {
  const rows = rowsOf(place, path, columns);
  if (rows.length > ROWS_MOST) throw new Error(`it has more than ${ROWS_MOST} rows`);
  const { key } = columns;
  const table = new Map<string, TableRow>();
  for (const row of rows) {
    const id = idOf(row[key]);
    if (id === null) continue;
    if (table.has(id)) throw new Error(`the ${key} ${JSON.stringify(id)} is in it twice`);
    table.set(id, row);
  }
  if (table.size === 0) throw new Error("it has no rows");
  return table;
}

function rowsOf(place: TablePlace, path: string, columns: Columns): readonly TableRow[] {
  try {
    if (place.form === "sqlite") return sqliteRows(path, place.table ?? "", columns);
    if (place.form === "json") return jsonRows(readJsonFileText(path, BYTES_MOST), columns);
    return csvRows(readFileText(path, BYTES_MOST), columns);
  } catch (error) {
    throw new Error(codeOf(error) === "ENOENT" ? "there is no such file" : messageOf(error));
  }
}

/** An id as text: of the record, and of the table. */
export function idOf(value: unknown): string | null {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "string" && typeof value !== "number") return null;
  const id = String(value).trim();
  return id === "" ? null : id;
}

function sqliteRows(path: string, table: string, { key, wanted }: Columns): readonly TableRow[] {
  statSync(path);
  const db = new Database(path, { readonly: true, create: false });
  try {
    const names = db.query<{ name: string }, [string]>("SELECT name FROM pragma_table_xinfo(?)").all(table);
    if (names.length === 0) throw new Error(`it has no table ${JSON.stringify(table)}`);
    const known = names.map(({ name }) => name);
    checkColumns(known, [key, ...wanted]);
    const selected = [key, ...wanted].map(quoted).join(", ");
    const statement = db.prepare<TableRow, []>(`SELECT ${selected} FROM ${quoted(table)} LIMIT ${ROWS_MOST + 1}`);
    return statement.safeIntegers(true).all().map(withNumbers);
  } finally {
    db.close();
  }
}

function withNumbers(row: TableRow): TableRow {
  const asNumber = (value: unknown) =>
    typeof value === "bigint" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, asNumber(value)]));
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A list of objects, or an object of objects by id. */
function jsonRows(text: string, { key, wanted }: Columns): readonly TableRow[] {
  const value: unknown = JSON.parse(text.replace(/^\ufeff/, ""));
  const items = Array.isArray(value)
    ? value
    : isObject(value)
      ? Object.entries(value).map(([id, row]) => (isObject(row) ? { [key]: id, ...row } : row))
      : [];
  const rows = items.filter(isObject);
  if (rows.length === 0 || rows.length < items.length)
    throw new Error("it must be a list of objects, or an object of them");
  checkColumns([...new Set(rows.flatMap((row) => Object.keys(row)))], [key, ...wanted]);
  return rows;
}

/** The first row has the names; the delimiter is the one that it has. */
function csvRows(text: string, { key, wanted }: Columns): readonly TableRow[] {
  // Synchronous, and only where there is such a table.
  const { parse } = require("papaparse") as typeof import("papaparse");
  const { sniffDelimiter } = require("../csv/cells.ts") as typeof import("../csv/cells.ts");
  const plain = text.replace(/^\ufeff/, "");
  const [header = "", row = null] = plain.split(/\r?\n/, 2);
  const { data, errors } = parse<string[]>(plain, {
    delimiter: sniffDelimiter(header, row, '"'),
    skipEmptyLines: "greedy",
  });
  const [problem] = errors;
  if (problem !== undefined)
    throw new Error(`${problem.message}${problem.row === undefined ? "" : ` in row ${problem.row + 1}`}`);
  const [names = [], ...rows] = data.map((cells) => cells.map((cell) => cell.trim()));
  checkColumns(names, [key, ...wanted]);
  return rows.map((cells) => Object.fromEntries(names.map((name, i) => [name, cells[i] === "" ? null : cells[i]])));
}

function checkColumns(known: readonly string[], wanted: readonly string[]): void {
  const missing = wanted.find((name) => !known.includes(name));
  if (missing === undefined) return;
  const near = didYouMean(missing, known);
  throw new Error(
    `it has no column ${JSON.stringify(missing)}${near === "" ? `; it has ${known.slice(0, 10).join(", ")}` : near}`,
  );
}
