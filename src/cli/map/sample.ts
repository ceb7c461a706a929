/**
 * Sample lines, one record after the other, through the reader of the agent itself: a format as sources use it, or messages as
 * they come from a broker. Lines are handed over one by one, so that each reading has the text that it was made of.
 */
import { ReadingBlock } from "../../core/reading.ts";
import type { RecordContext } from "../../sensor/context.ts";
import type { RecordFormat } from "../../sensor/format.ts";
import { MessageRows } from "../../sensor/mqtt/message-rows.ts";
import type { Normalizer } from "../../sensor/row/normalize.ts";

/** A sample with more records, or bytes, is not tried to its end. */
export const SAMPLE_LIMITS = { records: 1_000, bytes: 16 * 1024 * 1024 } as const;

export type SampleReader = Pick<RecordFormat, "push" | "end" | "read" | "position" | "readTo">;

/** What was read at once, and the rows of it: those of one record, or none. */
export type SampledRecord = {
  /** From 1 on; that of its first line that is not blank. */
  readonly line: number;
  readonly text: string;
  readonly block: ReadingBlock;
};

const LINE_FEED = 0x0a;

/** Each line is the payload of one message. */
export class MessageLines implements SampleReader {
  readonly #rows: MessageRows;
  #waiting: Buffer[] = [];
  position = 0;

  constructor(normalizer: Normalizer, context: RecordContext) {
    this.#rows = new MessageRows(normalizer);
    this.#rows.context = context;
  }

  push(chunk: Uint8Array): void {
    this.#waiting.push(Buffer.from(chunk));
  }

  end(): void {}

  read(block: ReadingBlock, nowMs: number): void {
    for (let line = this.#waiting.shift(); line !== undefined; line = this.#waiting.shift()) {
      this.position += line.length;
      const payload = Buffer.from(line.toString("latin1").replace(/[\r\n]+$/, ""), "latin1");
      if (payload.toString("latin1").trim() === "") continue;
      this.#rows.append(block, { topic: Buffer.alloc(0), payload, length: payload.length, ...NO_FLAGS }, nowMs);
      return;
    }
  }
}

const NO_FLAGS = { qos: 0, id: 0, again: false, retained: false } as const;

export class Sample {
  /** More came than is tried. */
  isCut = false;
  readonly #reader: SampleReader;
  readonly #nowMs: () => number;
  /** What was pushed, and not yet read. */
  #parts: Buffer[] = [];
  /** Of the stream, where `#parts` begin. */
  #from = 0;
  #bytes = 0;
  #line = 1;
  #records = 0;

  constructor(reader: SampleReader, nowMs: () => number) {
    this.#reader = reader;
    this.#nowMs = nowMs;
  }

  async *records(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SampledRecord> {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of chunks) {
      rest = Buffer.concat([rest, chunk]);
      for (let end = rest.indexOf(LINE_FEED); end >= 0; end = rest.indexOf(LINE_FEED)) {
        yield* this.#push(rest.subarray(0, end + 1));
        rest = rest.subarray(end + 1);
        if (this.isCut) return;
      }
      // A line without an end is read as far as it goes.
      if (rest.length > SAMPLE_LIMITS.bytes) this.isCut = true;
      if (this.isCut) return;
    }
    if (rest.length > 0) yield* this.#push(rest);
    this.#reader.end();
    yield* this.#read();
  }

  *#push(line: Buffer): Generator<SampledRecord> {
    this.#bytes += line.length;
    if (this.#records >= SAMPLE_LIMITS.records || this.#bytes > SAMPLE_LIMITS.bytes) {
      this.isCut = true;
      return;
    }
    this.#parts.push(line);
    this.#reader.push(Buffer.from(line));
    yield* this.#read();
  }

  *#read(): Generator<SampledRecord> {
    for (;;) {
      if (this.#records >= SAMPLE_LIMITS.records) {
        this.isCut ||= this.#parts.length > 0;
        return;
      }
      const block = new ReadingBlock(1);
      const { position: before, readTo: readBefore = before } = this.#reader;
      this.#reader.read(block, this.#nowMs());
      const { position, readTo = position } = this.#reader;
      if (position === before && block.count === 0 && block.flaws.size === 0) return;
      if (position === before && readTo > readBefore) {
        this.#records++;
        yield this.#between(readBefore, readTo, block);
        continue;
      }
      const text = this.#taken(position);
      const blank = /^\s*/.exec(text)?.[0] ?? "";
      const line = this.#line + newlinesIn(blank);
      this.#line += newlinesIn(text);
      if (blank.length === text.length && block.count === 0) continue;
      this.#records++;
      // Before the first row of a table are comments and a header.
      const isTable = this.#records === 1 && block.count > 0 && !/^\s*[[{]/.test(text);
      const shown = isTable ? (text.trimEnd().split("\n").at(-1) ?? "") : text;
      const skipped = isTable ? newlinesIn(text.trim()) : 0;
      yield { line: line + skipped, text: shown.trim(), block };
    }
  }

  /** A record that is shown by itself, while those before it wait for others. */
  #between(from: number, to: number, block: ReadingBlock): SampledRecord {
    const all = Buffer.concat(this.#parts);
    const earlier = all.subarray(0, from - this.#from).toString("utf8");
    const text = all.subarray(from - this.#from, to - this.#from).toString("utf8");
    const blank = /^\s*/.exec(text)?.[0] ?? "";
    return { line: this.#line + newlinesIn(earlier) + newlinesIn(blank), text: text.trim(), block };
  }

  /** The text up to this position of the stream. */
  #taken(position: number): string {
    const all = Buffer.concat(this.#parts);
    const read = all.subarray(0, position - this.#from);
    this.#parts = read.length === all.length ? [] : [all.subarray(read.length)];
    this.#from = position;
    return read.toString("utf8");
  }
}

function newlinesIn(text: string): number {
  return text.split("\n").length - 1;
}
