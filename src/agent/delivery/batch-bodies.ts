/** The body of a batch: encoded from the buffer for readings, as it was written down for windows. */
import type { Batch } from "../../buffer/buffer.ts";
import { CorruptRowError } from "../../buffer/corruption.ts";
import type { Outbox } from "../../buffer/outbox.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { HeapWatch } from "../../core/bytes/heap-watch.ts";
import { sizeOf } from "../../core/seq-range.ts";
import type { ReadingStage } from "../../core/stage.ts";
import type { StageEncoder } from "../../stages/encode.ts";
import { parseKey } from "../../uplink/object-key.ts";
import { NO_TIMES, sampleTimes } from "./lag.ts";

/** `times`: event times of some of its rows, for the lag. */
export type Prepared = { readonly batch: Batch; readonly body: Uint8Array; readonly times: Float64Array };

export type BodyParts = {
  readonly buffer: SqliteBuffer;
  readonly outbox: Outbox;
  /** Writes the ids that the reading with this seq has. */
  readonly encoderAt: (seq: number) => StageEncoder;
  readonly heap: HeapWatch;
  /** The length of a window. */
  readonly windowMs: number;
};

/** Batches of the same rows for other stages; a batch of windows has none. */
export function areSiblings({ range: one }: Batch, { range: other }: Batch): boolean {
  if (one === null || other === null) return false;
  return one.first === other.first && one.last === other.last && one.hourMs === other.hourMs;
}

export class BatchBodies {
  readonly #parts: BodyParts;

  constructor(parts: BodyParts) {
    this.#parts = parts;
  }

  /** The bodies of a batch and its siblings, made in one pass. Throws CorruptRowError when readings are missing. */
  of(batch: Batch, siblings: readonly Batch[]): Prepared[] {
    const { range } = batch;
    const { buffer, outbox, encoderAt, heap } = this.#parts;
    if (range === null) return [{ batch, body: outbox.body(batch), times: this.#windowTimes(batch) }];
    const all = [batch, ...siblings];
    const stages = new Set(all.map(({ stage }) => stage as ReadingStage));
    // Counted before encoding, when the leftovers of earlier batches are garbage.
    heap.count(sizeOf(range));
    const blocks = buffer.read(range);
    const made = encoderAt(range.first).encode(blocks, range, stages);
    const times = sampleTimes(blocks, range);
    return all.map((one) => {
      const object = made.get(one.stage as ReadingStage);
      if (object?.count === one.count) return { batch: one, body: object.body, times };
      // Only a damaged page removes promised readings: retention never does.
      throw new CorruptRowError(
        `Cannot make ${one.stage}/${one.key}: ${object?.count ?? 0} readings are there, ${one.count} were promised`,
      );
    });
  }

  /** The end of a window: its newest reading can be no newer. */
  #windowTimes({ stage, key }: Batch): Float64Array {
    const of = parseKey(stage, key);
    return of?.kind === "window" ? Float64Array.of(of.windowStartMs + this.#parts.windowMs) : NO_TIMES;
  }
}
