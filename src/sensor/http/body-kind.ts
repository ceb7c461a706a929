/** What a body is: by the URI of the source, else by its Content-Type, else by its first bytes. */
import { CARRIAGE_RETURN, CLOSE_BRACE, LINE_FEED, OPEN_BRACE, OPEN_BRACKET, SPACE } from "../../core/ascii.ts";
import { JsonValues } from "../json/json-values.ts";
import { mediaType, type RequestHead } from "./admission.ts";

/** `text`: lines that are texts or numbers. `form`: names and values, as of a page's form or a query. Others are formats of every source. */
export type BodyKind = "ndjson" | "json" | "text" | "form" | "csv" | "tsv";

const BY_TYPE: Readonly<Record<string, BodyKind>> = {
  "application/x-ndjson": "ndjson",
  "application/ndjson": "ndjson",
  "application/x-jsonl": "ndjson",
  "application/jsonl": "ndjson",
  "application/json-lines": "ndjson",
  "application/x-jsonlines": "ndjson",
  // A program that sends lines often calls them so; values are read the same way, line or not.
  "application/json": "json",
  "application/json-seq": "json",
  "text/json": "json",
  "text/csv": "csv",
  "application/csv": "csv",
  "text/tab-separated-values": "tsv",
};

/** `curl --data` says application/x-www-form-urlencoded of whatever it sends, so JSON is looked for first. */
export function bodyKindOf({ headers }: RequestHead, bytes: Buffer): BodyKind {
  const type = mediaType(headers);
  const named = BY_TYPE[type] ?? (type.endsWith("+json") ? "json" : undefined);
  if (named !== undefined) return named;
  const from = contentStart(bytes);
  const first = bytes[from];
  if (first === OPEN_BRACKET) return "json";
  if (first === OPEN_BRACE) return isLine(bytes, from) ? "ndjson" : "json";
  if (isTable(bytes.toString("latin1", from, from + SNIFFED_BYTES))) return "csv";
  return type.endsWith("form-urlencoded") && bytes.includes("=") ? "form" : "text";
}

const SNIFFED_BYTES = 64 * 1024;

/** Two lines with the same mark between their cells: a number with a decimal comma is one line. */
function isTable(text: string): boolean {
  const [first = "", second = ""] = text.split(/[\r\n]+/, 2);
  return [";", "\t", ",", "|"].some((mark) => first.includes(mark) && second.includes(mark));
}

/** Behind a byte-order mark and white space. */
function contentStart(bytes: Buffer): number {
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (at < bytes.length && (bytes[at] ?? 0) <= SPACE) at++;
  return at;
}

/** The object that begins there ends with its line. */
function isLine(bytes: Buffer, from: number): boolean {
  const newline = bytes.indexOf(LINE_FEED, from);
  let end = newline < 0 ? bytes.length : newline;
  while (end > from && (bytes[end - 1] === SPACE || bytes[end - 1] === CARRIAGE_RETURN)) end--;
  const first = new JsonValues(bytes.subarray(from, end), { maxBytes: end - from, keepsArrays: true });
  return first.next() && first.done && bytes[end - 1] === CLOSE_BRACE;
}
