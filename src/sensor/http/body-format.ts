/** What a body is, by its Content-Type and else by its first bytes, and its rows. */
import { CARRIAGE_RETURN, LINE_FEED, OPEN_BRACE, OPEN_BRACKET, SPACE } from "../../core/ascii.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { NO_CONTEXT, type RecordContext } from "../context.ts";
import type { RecordFormat } from "../format.ts";
import type { LineDecoder } from "../lines/decoder.ts";
import { mediaType, type RequestHead } from "./admission.ts";
import { JsonValues } from "./json-values.ts";

export type BodyFormat = "ndjson" | "json" | "csv" | "tsv" | "influx";

const BY_TYPE: Readonly<Record<string, BodyFormat>> = {
  "application/x-ndjson": "ndjson",
  "application/ndjson": "ndjson",
  "application/x-jsonl": "ndjson",
  "application/jsonl": "ndjson",
  "application/json-lines": "ndjson",
  "application/x-jsonlines": "ndjson",
  "application/json-seq": "json",
  "text/json": "json",
  "application/json": "json",
  "text/csv": "csv",
  "application/csv": "csv",
  "text/tab-separated-values": "tsv",
};

/** `curl --data` says x-www-form-urlencoded of whatever it sends, so only types that say what a body is are believed. */
export function bodyFormatOf(head: RequestHead, bytes: Buffer): BodyFormat {
  const type = mediaType(head.headers);
  const named = BY_TYPE[type] ?? (type.endsWith("+json") ? "json" : undefined);
  // A program that sends lines often calls them application/json; values are read the same way, line or not.
  if (named !== undefined && named !== "json") return named;
  return named ?? (beginsLikeLines(bytes) ? "ndjson" : "json");
}

/** Not an array, and not an object that is longer than its first line. */
function beginsLikeLines(bytes: Buffer): boolean {
  let at = bytes[0] === 0xef ? 3 : 0;
  while (at < bytes.length && bytes[at]! <= SPACE) at++;
  if (bytes[at] === OPEN_BRACKET) return false;
  if (bytes[at] !== OPEN_BRACE) return true;
  const newline = bytes.indexOf(LINE_FEED, at);
  let end = newline < 0 ? bytes.length : newline;
  while (end > at && (bytes[end - 1] === SPACE || bytes[end - 1] === CARRIAGE_RETURN)) end--;
  const first = new JsonValues(bytes.subarray(at, end), { maxBytes: end - at, keepsArrays: true });
  return first.next() && first.done && bytes[end - 1] === 0x7d;
}

/** JSON values with white space between them, or the items of an array. */
export class JsonBody implements RecordFormat {
  context: RecordContext = NO_CONTEXT;
  readonly #values: JsonValues;
  readonly #decoder: LineDecoder;

  constructor(values: JsonValues, decoder: LineDecoder) {
    this.#values = values;
    this.#decoder = decoder;
  }

  /** The body is whole. */
  push(): void {}
  end(): void {}

  read(block: ReadingBlock, nowMs: number): void {
    while (!block.full && this.#values.next()) this.#decoder.decode(block, this.#values, nowMs);
  }

  get waitingBytes(): number {
    return this.#values.bytes.length - this.#values.position;
  }

  get done(): boolean {
    return this.#values.done;
  }

  get position(): number {
    return this.#values.position;
  }

  get state(): string | null {
    return this.#values.state;
  }
}
