/** Long work as a generator of small steps: done at once, or in slices between which the rest of the process has its turn. */

import { breathe } from "./bell.ts";
import { nap } from "./nap.ts";

/** Does all steps at once. */
export function finished<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

export type SliceLimits = {
  /** A slice ends with the first step that ends after this long. */
  readonly sliceMs: number;
  /** Of the time, at most this share is spent on the work; 1: only the turns between the slices are given away. */
  readonly share: number;
};

/** Does the steps in slices. Throws the signal's reason when that is aborted. */
export async function inSlices<T>(steps: Generator<void, T>, limits: SliceLimits, stop: AbortSignal): Promise<T> {
  for (;;) {
    const startedAt = performance.now();
    let spentMs = 0;
    do {
      const step = steps.next();
      if (step.done) return step.value;
      spentMs = performance.now() - startedAt;
    } while (spentMs < limits.sliceMs);
    const restMs = spentMs * (1 / limits.share - 1);
    await (restMs < 1 ? breathe() : nap(restMs, stop));
    stop.throwIfAborted();
  }
}
