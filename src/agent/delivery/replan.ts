/**
 * A batch whose key another object has taken, promised again: the rows that are not in that object, under another epoch, with
 * ids of that epoch and the same seqs.
 */
import type { Batch } from "../../buffer/buffer.ts";
import type { WindowRevision } from "../../buffer/conflicts.ts";
import { newEpoch } from "../../buffer/epoch.ts";
import type { BatchWithBody, Outbox } from "../../buffer/outbox.ts";
import type { Gzip } from "../../core/bytes/gzip.ts";
import { parseKey, readingKey, windowKey } from "../../uplink/object-key.ts";

export type Replanned = {
  readonly again: BatchWithBody;
  readonly epoch: string;
  readonly window: WindowRevision | null;
  /** The key that is taken was of such another epoch already. */
  readonly isAgain: boolean;
};

/** Null: the key is not of a form that this version can write again. */
export function replanned(
  { stage, key }: Batch,
  missing: readonly string[],
  { outbox, gzip, nowMs }: { readonly outbox: Outbox; readonly gzip: Gzip; readonly nowMs: number },
): Replanned | null {
  const parsed = parseKey(stage, key);
  if (parsed === null) return null;
  const { epoch, isAgain } = otherEpoch(parsed.epoch, outbox, nowMs);
  const count = missing.length;
  // In JSON a quote inside a text is escaped, so this can only be the row's own column.
  const name = parsed.kind === "window" ? "window_id" : "reading_id";
  const [own, other] = [`"${name}":"${parsed.epoch}-`, `"${name}":"${epoch}-`];
  const text = missing.map((line) => `${line.replace(own, other)}\n`).join("");
  const body = gzip.compress(text, count);
  if (parsed.kind === "window") {
    const { windowStartMs: startMs, revision } = parsed;
    const again = { stage, count, body, key: windowKey({ ...parsed, epoch, count }) };
    return { again, epoch, isAgain, window: { startMs, revision } };
  }
  return { again: { stage, count, body, key: readingKey({ ...parsed, epoch, count }) }, epoch, isAgain, window: null };
}

/** One for all conflicts of a buffer, so that a reader has few epochs; another one where that is taken too. */
function otherEpoch(taken: string, outbox: Outbox, nowMs: number): Pick<Replanned, "epoch" | "isAgain"> {
  const known = outbox.newestConflict()?.epoch;
  if (known !== undefined && known !== taken) return { epoch: known, isAgain: false };
  return { epoch: newEpoch(nowMs, crypto.getRandomValues(new Uint8Array(10))), isAgain: known === taken };
}
