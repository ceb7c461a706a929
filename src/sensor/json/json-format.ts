/**
 * `format=json`: the stream is one JSON value, an array of records or an object; or several, with white space between them, each of
 * which may be written over many lines. It is read when it is whole.
 */
import type { ReadingBlock } from "../../core/reading.ts";
import { NO_CONTEXT, type RecordContext } from "../context.ts";
import type { FormatStart, RecordFormat } from "../format.ts";
import { LineDecoder } from "../lines/decoder.ts";
import { receivedOf } from "../lines/received.ts";
import { templatesOf } from "../lines/templates.ts";
import { takesArrays } from "../map/record-shape.ts";
import type { Normalizer } from "../row/normalize.ts";
import { JsonValues } from "./json-values.ts";

/** The most bytes of a stream of JSON, which is in memory as a whole. */
export const JSON_BYTES = 16 * 1024 * 1024;

export class JsonFormat implements RecordFormat {
  context: RecordContext = NO_CONTEXT;
  readonly #normalizer: Normalizer;
  readonly #decoder: LineDecoder;
  readonly #start: FormatStart | null;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  /** Null until the stream is whole. */
  #values: JsonValues | null = null;
  /** A stream that was too long is one malformed row, and then nothing. */
  #isRefused = false;

  constructor(normalizer: Normalizer, start: FormatStart | null = null) {
    this.#normalizer = normalizer;
    this.#decoder = new LineDecoder(normalizer, templatesOf(normalizer));
    this.#start = start;
  }

  push(chunk: Uint8Array): void {
    // Of more than the limit only the beginning is needed: to show it.
    if (this.#bytes <= JSON_BYTES) this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  end(): void {
    const { mapping, maxLineBytes: maxBytes } = this.#normalizer;
    const values = new JsonValues(Buffer.concat(this.#chunks), { maxBytes, keepsArrays: takesArrays(mapping.shape) });
    this.#chunks = [];
    if (this.#start !== null) values.resume(0, this.#start.state);
    this.#values = values;
  }

  read(block: ReadingBlock, nowMs: number): void {
    const values = this.#values;
    if (values === null || this.done) return;
    if (this.#bytes > JSON_BYTES) {
      this.#refuse(block, values.bytes, nowMs);
      return;
    }
    this.#decoder.context = this.context;
    while (!block.full && values.next()) this.#decoder.decode(block, values, nowMs);
  }

  #refuse(block: ReadingBlock, bytes: Buffer, nowMs: number): void {
    const detail = `the JSON has ${this.#bytes} bytes, at most ${JSON_BYTES} are read; records on lines of their own (format=ndjson) have no such limit`;
    const received = receivedOf({ bytes, from: 0, to: bytes.length, length: this.#bytes }, 0);
    block.addMalformed(nowMs, { reason: "line_too_long", detail, ...received });
    this.#isRefused = true;
  }

  /** A value that is not whole fills no queue: more must come. */
  get waitingBytes(): number {
    const values = this.#values;
    return values === null ? 0 : values.bytes.length - values.position;
  }

  get done(): boolean {
    return this.#isRefused || (this.#values?.done === true && this.#bytes <= JSON_BYTES);
  }

  get position(): number {
    const start = this.#start?.position ?? 0;
    if (this.#isRefused) return start + this.#bytes;
    return start + (this.#values?.position ?? 0);
  }

  get state(): string | null {
    return this.#values === null ? (this.#start?.state ?? null) : this.#values.state;
  }
}
