/**
 * From a message to rows of a block. An object is read as a line is, and by its templates; a number, a word or any other text is the
 * record `{"value": …}`.
 */
import { CLOSE_BRACE } from "../../core/ascii.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { NO_CONTEXT, type RecordContext } from "../context.ts";
import { LineDecoder } from "../lines/decoder.ts";
import type { Line } from "../lines/line.ts";
import { receivedOf } from "../lines/received.ts";
import type { Normalizer } from "../row/normalize.ts";
import type { Message } from "./frames.ts";

const BOM = [0xef, 0xbb, 0xbf] as const;
const OPEN_BRACE = CLOSE_BRACE - 2;
const OPEN_BRACKET = 0x5b;
/** What JSON begins with, other than an object or a list. */
const SCALAR = /^(?:-?\d[\d.eE+-]*|true|false|null|".*")$/s;

export class MessageRows {
  /** What the map can read beside the message: its topic. */
  context: RecordContext = NO_CONTEXT;
  readonly #normalizer: Normalizer;
  readonly #decoder: LineDecoder;
  readonly #line: MessageLine;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(normalizer: Normalizer) {
    this.#normalizer = normalizer;
    this.#decoder = new LineDecoder(normalizer);
    this.#line = new MessageLine(normalizer.maxLineBytes);
  }

  /** Not to be called with an empty payload. */
  append(block: ReadingBlock, { payload, length }: Message, nowMs: number): void {
    const line = this.#line;
    line.read(payload, length);
    const first = line.tooLong ? OPEN_BRACE : firstByte(line.bytes, line.from, line.to);
    if (first === OPEN_BRACE || first === OPEN_BRACKET) this.#decoder.decode(block, line, nowMs);
    else this.#appendScalar(block, line, nowMs);
  }

  #appendScalar(block: ReadingBlock, line: MessageLine, nowMs: number): void {
    line.trim();
    const received = () => receivedOf(line, this.#normalizer.maxLineBytes);
    let text: string;
    try {
      text = this.#utf8.decode(line.bytes.subarray(line.from, line.to)).trim();
    } catch {
      block.addMalformed(nowMs, { reason: "invalid_utf8", detail: "the message is not UTF-8", ...received() });
      return;
    }
    const { value, json } = scalarOf(text);
    this.#normalizer.add(block, { value }, nowMs, { received, textOf: () => json });
  }
}

/** The value, and its JSON text to the letter where it is JSON. */
function scalarOf(text: string): { readonly value: unknown; readonly json: string } {
  if (SCALAR.test(text)) {
    try {
      return { value: JSON.parse(text), json: text };
    } catch {
      // A date, a version, 007: text.
    }
  }
  return { value: text, json: JSON.stringify(text) };
}

/** Skips a mark of the byte order and white space. */
function firstByte(bytes: Buffer, from: number, to: number): number {
  let at = BOM.every((code, i) => bytes[from + i] === code) ? from + BOM.length : from;
  while (at < to && (bytes[at] ?? 0) <= 0x20) at++;
  return bytes[at] ?? 0;
}

/** Whether nothing is in it but white space, or the NUL at the end of a C string. */
export function isBlank(payload: Buffer): boolean {
  for (const byte of payload) if (byte > 0x20) return false;
  return true;
}

/** A payload as a line. One object for all messages, as a splitter is for all lines. */
class MessageLine implements Line {
  bytes: Buffer = Buffer.alloc(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  from = 0;
  to = 0;
  length = 0;
  paddings = 0;
  readonly #maxBytes: number;
  #memory: ArrayBufferLike = this.view.buffer;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get tooLong(): boolean {
    return this.length > this.#maxBytes;
  }

  read(payload: Buffer, length: number): void {
    const { buffer, byteOffset } = payload;
    // Many messages are in one chunk.
    if (buffer !== this.#memory) {
      this.#memory = buffer;
      this.bytes = Buffer.from(buffer);
      this.view = new DataView(buffer);
    }
    this.from = byteOffset;
    this.to = byteOffset + payload.length;
    this.length = length;
  }

  trim(): void {
    if (this.length !== this.to - this.from) return;
    if (BOM.every((code, i) => this.bytes[this.from + i] === code) && this.from + BOM.length <= this.to) {
      this.from += BOM.length;
    }
    // A device that sends a C string sends its end too.
    while (this.to > this.from && this.bytes[this.to - 1] === 0) this.to--;
    this.length = this.to - this.from;
  }
}
