/** `format=influx`: lines of InfluxDB's line protocol, as Telegraf sends them. A record is a line; `#` begins a comment. */
import { isUtf8 } from "node:buffer";
import type { ReadingBlock } from "../../core/reading.ts";
import { NO_CONTEXT, type RecordContext } from "../context.ts";
import type { FormatStart, RecordFormat } from "../format.ts";
import { type Received, receivedOf } from "../lines/received.ts";
import { LineSplitter } from "../lines/splitter.ts";
import type { Normalizer } from "../row/normalize.ts";
import { type Precision, readPoint } from "./line-protocol.ts";
import { LineProtocolError } from "./point-scan.ts";

export class InfluxFormat implements RecordFormat {
  readonly state = null;
  context: RecordContext = NO_CONTEXT;
  readonly #normalizer: Normalizer;
  readonly #precision: Precision;
  readonly #lines: LineSplitter;
  readonly #start: number;

  constructor(normalizer: Normalizer, precision: Precision, start: FormatStart | null = null) {
    this.#normalizer = normalizer;
    this.#precision = precision;
    this.#lines = new LineSplitter(normalizer.maxLineBytes);
    this.#start = start?.position ?? 0;
  }

  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  end(): void {
    this.#lines.end();
  }

  read(block: ReadingBlock, nowMs: number): void {
    this.#normalizer.context = this.context;
    const lines = this.#lines;
    while (!block.full && lines.next()) this.#add(block, nowMs);
  }

  get waitingBytes(): number {
    return this.#lines.waitingBytes;
  }

  get done(): boolean {
    return this.#lines.done;
  }

  get position(): number {
    return this.#start + this.#lines.readBytes;
  }

  #add(block: ReadingBlock, nowMs: number): void {
    const { bytes, from, to, length, tooLong } = this.#lines;
    const most = this.#normalizer.maxLineBytes;
    const received = (): Received => receivedOf({ bytes, from, to, length }, most);
    if (tooLong) {
      const detail = `the line has ${length} bytes, at most ${most} are read`;
      block.addMalformed(nowMs, { reason: "line_too_long", detail, ...received() });
      return;
    }
    const raw = bytes.subarray(from, to);
    if (!isUtf8(raw)) {
      block.addMalformed(nowMs, { reason: "invalid_utf8", detail: "the line is not UTF-8", ...received() });
      return;
    }
    const line = raw.toString("utf8").trim();
    if (line === "" || line.startsWith("#")) return;
    try {
      const { record, texts } = readPoint(line, this.#precision);
      this.#normalizer.addRecord(block, record, nowMs, { received, textOf: (name) => texts.get(name) ?? "null" });
    } catch (error) {
      if (!(error instanceof LineProtocolError)) throw error;
      block.addMalformed(nowMs, { reason: "not_line_protocol", detail: error.message, ...received() });
    }
  }
}
