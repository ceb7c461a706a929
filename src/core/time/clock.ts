/** How far the clock can be trusted, told from two clocks: the wall's, which people and NTP set, and one that only runs. */
import type { TimeQuality } from "../reading.ts";

/** No clock of this software is right before its own release: a board without a battery starts in 1970 or at a build date. */
export const SANE_SINCE_MS = Date.UTC(2026, 0, 1);
/** More than a slewing NTP daemon makes of a minute, less than anyone sets by hand. */
const STEP_MS = 2_000;
/** After a jump, this long is `stepped`: what came in around it may carry the wrong time. */
const STEPPED_FOR_MS = 60_000;

export class ClockWatch {
  #offset: number | null = null;
  #steppedUntil = Number.NEGATIVE_INFINITY;

  /** `runningMs` never goes back and is not set by anyone (`performance.now()`). */
  observe(wallMs: number, runningMs: number): TimeQuality {
    const offset = wallMs - runningMs;
    if (this.#offset !== null && Math.abs(offset - this.#offset) > STEP_MS) {
      this.#steppedUntil = runningMs + STEPPED_FOR_MS;
    }
    this.#offset = offset;
    if (wallMs < SANE_SINCE_MS) return "unsynced";
    return runningMs < this.#steppedUntil ? "stepped" : "ok";
  }
}
