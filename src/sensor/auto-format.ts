/** `format=auto`: what a stream is, by its first line; then it is read as that. */

import { oneOf, text } from "../core/outside/scalar-shapes.ts";
import { optional } from "../core/outside/shape.ts";
import { atLeast, storedJson } from "../core/outside/stored-json.ts";
import type { ReadingBlock } from "../core/reading.ts";
import { NO_CONTEXT, type RecordContext } from "./context.ts";
import { utf16Of } from "./csv/utf16.ts";
import type { FormatStart, MakeFormat, RecordFormat } from "./format.ts";
import type { SourceNormalizers } from "./normalizers.ts";

/** A line that is longer is judged by its beginning. */
const SNIFFED_BYTES = 64 * 1024;

export const SNIFFED = ["ndjson", "json", "csv"] as const;
export type SniffedFormat = (typeof SNIFFED)[number];

const STATE = atLeast({ format: oneOf(SNIFFED), state: optional(text(/^/, "the state of the format")) });

/** The format of a stream that begins so; null where its first line is not there yet. */
export function sniff(begin: Buffer, ended: boolean): SniffedFormat | null {
  // Lines of JSON are UTF-8.
  if (utf16Of(begin) !== null) return "csv";
  const read = begin
    .toString("utf8")
    .replace(/^\ufeff/, "")
    .trimStart();
  const newline = read.indexOf("\n");
  if (newline < 0 && !ended && begin.length < SNIFFED_BYTES) return null;
  const line = (newline < 0 ? read : read.slice(0, newline)).trim();
  if (line.startsWith("[")) return "json";
  if (line.startsWith("{")) return newline >= 0 && !line.endsWith("}") ? "json" : "ndjson";
  // Numbers, text in quotes and words are JSON as well, but no one has lines of them with a delimiter.
  return /[,;\t|]/.test(line) || line.startsWith("#") ? "csv" : "ndjson";
}

export class AutoFormat implements RecordFormat {
  readonly #make: (format: SniffedFormat, start: FormatStart | null) => RecordFormat;
  readonly #start: FormatStart | null;
  #format: SniffedFormat | null = null;
  #inner: RecordFormat | null = null;
  #context: RecordContext = NO_CONTEXT;
  #chunks: Uint8Array[] = [];
  #waiting = 0;
  #ended = false;

  constructor(
    makes: Readonly<Record<SniffedFormat, MakeFormat>>,
    normalizers: SourceNormalizers,
    start: FormatStart | null,
  ) {
    this.#make = (format, from) => makes[format](normalizers, from);
    this.#start = start;
    const known = start?.state == null ? null : storedJson(STATE, start.state);
    if (start === null || known === null) return;
    const { position, bytes } = start;
    this.#begin(known.format, { position, state: known.state ?? null, bytes });
  }

  push(chunk: Uint8Array): void {
    if (this.#inner !== null) this.#inner.push(chunk);
    else {
      this.#chunks.push(chunk);
      this.#waiting += chunk.length;
    }
  }

  end(): void {
    this.#ended = true;
    this.#inner?.end();
  }

  read(block: ReadingBlock, nowMs: number): void {
    if (this.#inner === null && this.#waiting > 0) {
      const format = sniff(this.#firstBytes(), this.#ended);
      if (format !== null) this.#begin(format, this.#start);
    }
    this.#inner?.read(block, nowMs);
  }

  #firstBytes(): Buffer {
    const [first] = this.#chunks;
    if (this.#chunks.length > 1 || first === undefined) this.#chunks = [Buffer.concat(this.#chunks)];
    const all = this.#chunks[0] ?? Buffer.alloc(0);
    return Buffer.from(all.buffer, all.byteOffset, Math.min(all.length, SNIFFED_BYTES));
  }

  #begin(format: SniffedFormat, start: FormatStart | null): void {
    const inner = this.#make(format, start);
    inner.context = this.#context;
    for (const chunk of this.#chunks) inner.push(chunk);
    this.#chunks = [];
    if (this.#ended) inner.end();
    this.#format = format;
    this.#inner = inner;
  }

  get waitingBytes(): number {
    return this.#inner?.waitingBytes ?? this.#waiting;
  }

  get done(): boolean {
    return this.#inner === null ? this.#ended && this.#waiting === 0 : this.#inner.done;
  }

  get position(): number {
    return this.#inner?.position ?? this.#start?.position ?? 0;
  }

  get state(): string | null {
    if (this.#format === null || this.#inner === null) return null;
    const { state } = this.#inner;
    return JSON.stringify({ format: this.#format, ...(state !== null && { state }) });
  }

  get context(): RecordContext {
    return this.#context;
  }

  set context(context: RecordContext) {
    this.#context = context;
    if (this.#inner !== null) this.#inner.context = context;
  }
}
