/**
 * `stdin:`, readings as lines of JSON: one object a line, `\n` or `\r\n`, blank lines skipped, a byte-order mark at the start
 * and a last line without newline allowed. Every other line becomes one row, a reading or a malformed one. A pipe cannot be
 * read twice, so there is no cursor: lines that were not committed are lost when the process ends.
 */
import { messageOf, TransientError } from "../../core/errors.ts";
import type { Problem } from "../../core/problem.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import type { SourceNames } from "../row/mapped-names.ts";
import type { Normalizer } from "../row/normalize.ts";
import type { TimestampReader } from "../row/timestamp.ts";
import type { Source, Taken } from "../source.ts";
import { LineDecoder } from "./decoder.ts";
import { LineSplitter } from "./splitter.ts";

/** At most this much, and one chunk, is read ahead of the buffer; then the pipe fills and its writer waits. */
export const QUEUE_BYTES = 4 * 1024 * 1024;

export class StdinSource implements Source {
  readonly uri: string;
  onReady: (() => void) | null = null;
  readonly #lines: LineSplitter;
  readonly #decoder: LineDecoder;
  readonly #queueBytes: number;
  readonly #names: SourceNames | null;
  readonly #timestamps: TimestampReader;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #room: (() => void) | null = null;
  #closed = false;
  #failure: TransientError | null = null;

  /** Reads from `stream` at once. Its chunks must not be written to again. */
  constructor(options: {
    readonly stream: AsyncIterable<Uint8Array>;
    readonly normalizer: Normalizer;
    readonly uri?: string;
    readonly queueBytes?: number;
  }) {
    this.uri = options.uri ?? "stdin:";
    this.#lines = new LineSplitter(options.normalizer.maxLineBytes);
    this.#decoder = new LineDecoder(options.normalizer);
    this.#names = options.normalizer.names;
    this.#timestamps = options.normalizer.timestamps;
    this.#queueBytes = options.queueBytes ?? QUEUE_BYTES;
    this.#chunks = options.stream[Symbol.asyncIterator]();
    void this.#read();
  }

  take(block: ReadingBlock, nowMs: number): Taken {
    const before = block.count;
    while (!block.full && this.#lines.next()) this.#decoder.decode(block, this.#lines, nowMs);
    this.#names?.took(block.count - before, this.#lines.done);
    if (this.#lines.waitingBytes < this.#queueBytes) this.#makeRoom();
    if (block.full) return { state: "more" };
    if (!this.#lines.done) return { state: "idle", wakeAtMs: null };
    if (this.#failure === null || block.count > 0) return { state: this.#failure === null ? "ended" : "more" };
    const failure = this.#failure;
    this.#failure = null;
    throw failure;
  }

  cursor(): string | null {
    return null;
  }

  committed(): void {}

  otherTime(timeMs: number): string | null {
    return this.#timestamps.otherMeaning(timeMs);
  }

  problems(): readonly Problem[] {
    return this.#names?.problems() ?? [];
  }

  close(): void {
    this.#closed = true;
    this.#makeRoom();
    // A read that is still pending ends with the process: nothing waits for it.
    this.#chunks.return?.().catch(() => {});
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#chunks.next();
        if (done === true || this.#closed) break;
        this.#lines.push(value);
        this.onReady?.();
        if (this.#lines.waitingBytes >= this.#queueBytes) await new Promise<void>((resolve) => (this.#room = resolve));
      }
    } catch (cause) {
      this.#failure = new TransientError(`Cannot read ${this.uri}: ${messageOf(cause)}; what was read before is kept`, {
        tryHint: "agent status",
        cause,
        // A pipe cannot be read twice.
        isFinal: true,
      });
    }
    this.#lines.end();
    this.onReady?.();
  }

  #makeRoom(): void {
    this.#room?.();
    this.#room = null;
  }
}
