/** Whether the clock can be trusted, judged by two clocks: the wall clock, which people and NTP set, and a monotonic one. */
import type { ClockQuality } from "../reading.ts";

/** A clock before the release of this software is wrong: a board without a battery starts in 1970 or at a build date. */
export const SANE_SINCE_MS = Date.UTC(2026, 0, 1);
/** More than an NTP daemon slews in a minute, less than a person changes by hand. */
const STEP_MS = 2_000;
/** For so long after a jump the quality is `stepped`: readings around it may carry the wrong time. */
const STEPPED_FOR_MS = 60_000;

export class ClockWatch {
  #offset: number | null = null;
  #steppedUntil = Number.NEGATIVE_INFINITY;
  /** As it was observed last. */
  quality: ClockQuality = "ok";

  /** `runningMs` never goes back and is never set (`performance.now()`). */
  observe(wallMs: number, runningMs: number): ClockQuality {
    const offset = wallMs - runningMs;
    if (this.#offset !== null && Math.abs(offset - this.#offset) > STEP_MS) {
      this.#steppedUntil = runningMs + STEPPED_FOR_MS;
    }
    this.#offset = offset;
    const sane = runningMs < this.#steppedUntil ? "stepped" : "ok";
    this.quality = wallMs < SANE_SINCE_MS ? "unsynced" : sane;
    return this.quality;
  }
}
