/**
 * `stdin:`, readings in one of the formats of open-format.ts. Without a parameter, lines of JSON: one object a line, `\n` or `\r\n`,
 * blank lines skipped, a byte-order mark at the start and a last line without newline allowed. Every other line becomes one row, a
 * reading or a malformed one. A pipe cannot be read twice, so there is no cursor: lines that were not committed are lost when the
 * process ends.
 */
import { messageOf, TransientError } from "../../core/errors.ts";
import type { Problem } from "../../core/problem.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import type { RecordFormat } from "../format.ts";
import type { SourceNames } from "../map/mapped-names.ts";
import type { Normalizer } from "../row/normalize.ts";
import type { TimestampReader } from "../row/timestamp.ts";
import type { Source, Taken } from "../source.ts";
import { NdjsonFormat } from "./ndjson.ts";

/** At most this much, and one chunk, is read ahead of the buffer; then the pipe fills and its writer waits. */
export const QUEUE_BYTES = 4 * 1024 * 1024;

export class StdinSource implements Source {
  readonly uri: string;
  onReady: (() => void) | null = null;
  readonly #format: RecordFormat;
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
    /** Of another format than lines of JSON. */
    readonly format?: RecordFormat;
  }) {
    this.uri = options.uri ?? "stdin:";
    this.#names = options.normalizer.names;
    this.#timestamps = options.normalizer.timestamps;
    this.#queueBytes = options.queueBytes ?? QUEUE_BYTES;
    this.#chunks = options.stream[Symbol.asyncIterator]();
    this.#format = options.format ?? new NdjsonFormat(options.normalizer);
    void this.#read(this.#format);
  }

  take(block: ReadingBlock, nowMs: number): Taken {
    const format = this.#format;
    const before = block.count;
    format.read(block, nowMs);
    this.#names?.took(block.count - before, format.done);
    if (format.waitingBytes < this.#queueBytes) this.#makeRoom();
    if (block.full) return { state: "more" };
    if (!format.done) return { state: "idle", wakeAtMs: format.dueAtMs ?? null };
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

  finish(block: ReadingBlock): void {
    this.#format.finish?.(block);
  }

  close(): void {
    this.#closed = true;
    this.#makeRoom();
    // A read that is still pending ends with the process: nothing waits for it.
    this.#chunks.return?.().catch(() => {});
  }

  async #read(format: RecordFormat): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#chunks.next();
        if (done === true || this.#closed) break;
        format.push(value);
        this.onReady?.();
        if (format.waitingBytes >= this.#queueBytes) await new Promise<void>((resolve) => (this.#room = resolve));
      }
    } catch (cause) {
      this.#failure = new TransientError(`Cannot read ${this.uri}: ${messageOf(cause)}; what was read before is kept`, {
        tryHint: "agent status",
        cause,
        // A pipe cannot be read twice.
        isFinal: true,
      });
    }
    format.end();
    this.onReady?.();
  }

  #makeRoom(): void {
    this.#room?.();
    this.#room = null;
  }
}
