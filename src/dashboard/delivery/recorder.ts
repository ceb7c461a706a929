/**
 * The history of delivery while the agent runs with its page: a few numbers are read every ten seconds, nothing is counted for it where
 * delivery works.
 */
import type { Totals } from "../../agent/rates.ts";
import { STAGES } from "../../core/stage.ts";
import { type StepCounts, StepRing } from "./step-ring.ts";

export const LOOK_MS = 10_000;
export const FINE_STEP_MS = LOOK_MS;
export const COARSE_STEP_MS = 60_000;
const FINE_STEPS = 6 * 16;
const COARSE_STEPS = 24 * 60 + 10;

/** What a look sees: counts since the agent's start, the link, and the buffer. */
export type DeliveryNow = {
  readonly totals: Totals;
  /** When the agent started, and counted from. */
  readonly sinceMs: number;
  readonly isUp: boolean;
  /** When the link came up or went down, by the clock of the wall. */
  readonly linkSinceMs: number;
  readonly bufferBytes: number;
};

type Sums = Pick<StepCounts, "rows" | "objects" | "bytes" | "failures">;

const NOTHING: Sums = { rows: 0, objects: 0, bytes: 0, failures: 0 };

export class DeliveryRecorder {
  readonly fine = new StepRing(FINE_STEP_MS, FINE_STEPS);
  readonly coarse = new StepRing(COARSE_STEP_MS, COARSE_STEPS);
  #before: { readonly sums: Sums; readonly atMs: number } | null = null;

  look(nowMs: number, { totals, sinceMs: startedMs, isUp, linkSinceMs, bufferBytes }: DeliveryNow): void {
    const sums = sumsOf(totals);
    const before = this.#before ?? { sums: NOTHING, atMs: startedMs };
    this.#before = { sums, atMs: nowMs };
    // A clock that was set, or a machine that slept: that time was not watched.
    const passedMs = nowMs - before.atMs;
    const watchedMs = passedMs >= 0 && passedMs <= 6 * LOOK_MS ? passedMs : 0;
    // Before the link changed last, it was the other way.
    const sinceMs = Math.min(watchedMs, Math.max(0, nowMs - linkSinceMs));
    const counts = {
      rows: sums.rows - before.sums.rows,
      objects: sums.objects - before.sums.objects,
      bytes: sums.bytes - before.sums.bytes,
      failures: sums.failures - before.sums.failures,
      upMs: isUp ? sinceMs : watchedMs - sinceMs,
      watchedMs,
      bufferBytes,
    };
    this.fine.add(nowMs, counts);
    this.coarse.add(nowMs, counts);
  }
}

function sumsOf({ stages, failures }: Totals): Sums {
  const sum = (count: "rows" | "objects" | "bytes") => STAGES.reduce((all, stage) => all + stages[stage][count], 0);
  return {
    rows: sum("rows"),
    objects: sum("objects"),
    bytes: sum("bytes"),
    failures: failures.unreachable + failures.denied + failures.refused,
  };
}
