/**
 * The port of a format: from the bytes of one stream (stdin, a file, the body of a request) to rows of a block. A source makes one
 * for each stream, by `loadFormat` of open-format.ts.
 */
import type { ReadingBlock } from "../core/reading.ts";
import type { RecordContext } from "./context.ts";
import type { SourceNormalizers } from "./normalizers.ts";

/** Where an earlier reader of the same stream stopped. */
export type FormatStart = {
  /** Its `position`: the first byte that is pushed is the one at this offset. */
  readonly position: number;
  /** Its `state` there. */
  readonly state: string | null;
  /** The bytes `[from, to)` of the stream, which the format has read before: the header of a CSV file. */
  readonly bytes: (from: number, to: number) => Uint8Array;
};

/**
 * Bad input never throws: it becomes a malformed row. A record gives one row, or none (a blank line, a comment), or several; all
 * rows of a record are in one block.
 */
export interface RecordFormat {
  /** Takes over the chunk: it is not copied, and must not be written to again. */
  push(chunk: Uint8Array): void;
  /** No more chunks come: what is left is a record too. */
  end(): void;
  /**
   * Appends the rows of whole records until the block is full, or until the rest needs more bytes. Never waits. A block that is not
   * full afterwards has everything that can be read now.
   */
  read(block: ReadingBlock, nowMs: number): void;
  /** Bytes that were pushed and not yet read: a source stops to read ahead by them. */
  readonly waitingBytes: number;
  /** `end` was called, and everything was read. */
  readonly done: boolean;
  /**
   * The offset in the stream after the last record that was read: from here, with `state`, a later format continues as if there had been no
   * break. It can be behind what was read where a record is in several blocks; then `state` says how much of it is taken.
   */
  readonly position: number;
  /** What must be known to continue at `position`, beside the bytes there: text of at most 1 KiB, or null where that is nothing. */
  readonly state: string | null;
  /** How far it has read, where records wait for others: `position` is before these. */
  readonly readTo?: number;
  /** Records wait for others, until then at most (ms): so long `position` is before them. `read` appends them when it is called then. */
  readonly dueAtMs?: number | null;
  /** Nothing will be read any more: appends what waits for other records. */
  finish?(block: ReadingBlock): void;
  /** What the map can read beside the record's fields. Set by the source, between two calls of `read`. */
  context: RecordContext;
}

/** `start`: null for a stream from its beginning. */
export type MakeFormat = (normalizers: SourceNormalizers, start: FormatStart | null) => RecordFormat;
