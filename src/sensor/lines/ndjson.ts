/** `format=ndjson`: one JSON object a line. A record is a line. */
import type { ReadingBlock } from "../../core/reading.ts";
import { NO_CONTEXT, type RecordContext } from "../context.ts";
import type { FormatStart, RecordFormat } from "../format.ts";
import type { Normalizer } from "../row/normalize.ts";
import { LineDecoder } from "./decoder.ts";
import { LineSplitter } from "./splitter.ts";
import { templatesOf } from "./templates.ts";

export class NdjsonFormat implements RecordFormat {
  readonly state = null;
  context: RecordContext = NO_CONTEXT;
  readonly #lines: LineSplitter;
  readonly #decoder: LineDecoder;
  readonly #start: number;

  constructor(normalizer: Normalizer, start: FormatStart | null = null) {
    this.#lines = new LineSplitter(normalizer.maxLineBytes);
    this.#decoder = new LineDecoder(normalizer, templatesOf(normalizer));
    this.#start = start?.position ?? 0;
  }

  push(chunk: Uint8Array): void {
    this.#lines.push(chunk);
  }

  end(): void {
    this.#lines.end();
  }

  read(block: ReadingBlock, nowMs: number): void {
    const lines = this.#lines;
    this.#decoder.context = this.context;
    while (!block.full && lines.next()) {
      this.#decoder.decode(block, lines, nowMs);
      // A line that was cut at its padding is one record: no position is within it.
      while (lines.hasRest && lines.next()) {
        block.makeRoom(1);
        this.#decoder.decode(block, lines, nowMs);
      }
    }
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
}
