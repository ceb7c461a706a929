/** When a buffer is at its limit, if it continues to fill as it did in the last minutes. */

export type FillSample = { readonly atMs: number; readonly bytes: number };

/** Samples that are older say nothing about now. */
export const FILL_MS = 10 * 60_000;
/** Below this the slope is that of the pages of one commit. */
const LEAST_MS = 60_000;
/** Beyond this, retention and the seasons decide. */
const MOST_MS = 365 * 86_400_000;

/** `samples`: the oldest first. Null: it does not fill, or it is not known yet. */
export function fullInMs(samples: readonly FillSample[], limitBytes: number): number | null {
  const last = samples.at(-1);
  const first = samples.find(({ atMs }) => last !== undefined && last.atMs - atMs <= FILL_MS);
  if (first === undefined || last === undefined || last.atMs - first.atMs < LEAST_MS) return null;
  const perMs = (last.bytes - first.bytes) / (last.atMs - first.atMs);
  if (perMs <= 0) return null;
  const left = Math.max(0, limitBytes - last.bytes) / perMs;
  return left > MOST_MS ? null : left;
}
