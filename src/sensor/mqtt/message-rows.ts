/**
 * From a message to rows of a block. An object is read as a line is, and by its templates; of an array each item, where the map does not
 * say otherwise; a number, a word or any other text is the record `{"value": …}`. All rows of a message are in one block.
 */
import { OPEN_BRACE, OPEN_BRACKET } from "../../core/ascii.ts";
import { type Flaw, RECORD_READINGS, type ReadingBlock } from "../../core/reading.ts";
import type { RecordContext } from "../context.ts";
import { JsonValues } from "../json/json-values.ts";
import { appendScalar } from "../json/scalar-record.ts";
import { LineDecoder } from "../lines/decoder.ts";
import type { Line } from "../lines/line.ts";
import { receivedOf } from "../lines/received.ts";
import { templatesOf } from "../lines/templates.ts";
import type { Normalizer } from "../row/normalize.ts";
import type { Message } from "./frames.ts";

const BOM = [0xef, 0xbb, 0xbf] as const;

/** What is left out of a subscription. */
export const EMPTY: Flaw = {
  reason: "filtered",
  field: null,
  detail: "empty messages, which delete a retained one, are left out",
  count: 1,
};
export const RETAINED: Flaw = {
  reason: "filtered",
  field: null,
  detail: "retained messages, which are of a time before the subscription, are left out; ?retained=take takes them",
  count: 1,
};

export class MessageRows {
  readonly #normalizer: Normalizer;
  readonly #decoder: LineDecoder;
  readonly #line: MessageLine;
  /** The map makes readings of an array as a whole. */
  readonly #keepsArrays: boolean;

  constructor(normalizer: Normalizer) {
    this.#normalizer = normalizer;
    this.#decoder = new LineDecoder(normalizer, templatesOf(normalizer));
    this.#line = new MessageLine(normalizer.maxLineBytes);
    const { shape } = normalizer.mapping;
    const takesArray = shape?.each.some(({ steps: [first] }) => first?.members === null && first.segments.length === 0);
    this.#keepsArrays = shape !== null && (shape.isSenml || takesArray === true);
  }

  /** What the map can read beside the messages that follow: their topic. */
  set context(context: RecordContext) {
    this.#decoder.context = context;
  }

  /** Not to be called with an empty payload. */
  append(block: ReadingBlock, { payload, length }: Message, nowMs: number): void {
    const line = this.#line;
    line.read(payload, length);
    const first = firstByte(line.bytes, line.from, line.to);
    if (line.tooLong || first === OPEN_BRACE || (first === OPEN_BRACKET && this.#keepsArrays)) {
      this.#decoder.decode(block, line, nowMs);
    } else if (first === OPEN_BRACKET) this.#appendItems(block, payload, nowMs);
    else {
      line.trim();
      appendScalar(block, line, this.#normalizer, nowMs);
    }
    // Rows are joined within a message: it is acknowledged when all of it is kept.
    this.#normalizer.wide?.flush(block);
  }

  #appendItems(block: ReadingBlock, payload: Buffer, nowMs: number): void {
    const options = { maxBytes: this.#normalizer.maxLineBytes, keepsArrays: false };
    let count = 0;
    for (const values = new JsonValues(payload, options); count <= RECORD_READINGS && values.next(); ) count++;
    if (count > RECORD_READINGS) {
      const detail = `the message has more than ${RECORD_READINGS} readings`;
      const received = receivedOf(this.#line, this.#normalizer.maxLineBytes);
      block.addMalformed(nowMs, { reason: "line_too_long", detail, ...received });
      return;
    }
    block.makeRoom(count);
    for (const values = new JsonValues(payload, options); values.next(); ) {
      const first = values.bytes[values.from];
      if (first === OPEN_BRACE || first === OPEN_BRACKET) this.#decoder.decode(block, values, nowMs);
      else appendScalar(block, values, this.#normalizer, nowMs);
    }
  }
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
