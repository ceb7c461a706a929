/**
 * How long until the buffer is at its limit with readings that the store does not have: delivered ones are deleted when room is
 * short, so they fill nothing.
 */
import type { CountedStatus } from "../../status/live-status.ts";

type FillStatus = {
  readonly buffer: Pick<CountedStatus["buffer"], "first_seq" | "last_seq" | "bytes" | "limit_bytes">;
  readonly stages: Readonly<Record<string, Pick<CountedStatus["stages"]["raw"], "pending" | "oldest_pending_at">>>;
  readonly uplink: Pick<CountedStatus["uplink"], "state">;
};
type Sample = { readonly atMs: number; readonly bytes: number };

/** Samples are this far apart, and of the last minutes. */
const SAMPLE_MS = 5_000;
const SAMPLES_MOST = 60;
/** With fewer, what is between two deliveries would look like growth. */
const SAMPLES_LEAST = 24;
/** What waits for less time than this says nothing of how fast it grows. */
const WAITED_LEAST_MS = 30_000;
/** Further away it is no forecast. */
const FORECAST_MOST_MS = 10 * 366 * 86_400_000;

export class FillForecast {
  #samples: Sample[] = [];

  /** Null: it does not fill, or too little is known. Call about once a second. */
  fullInMs(status: FillStatus, nowMs: number, runningMs: number): number | null {
    const { first_seq: first, last_seq: last, bytes, limit_bytes: limit } = status.buffer;
    if (first === null || last === null) return null;
    const rowBytes = bytes / (last - first + 1);
    const waiting = Object.entries(status.stages).filter(([stage]) => stage !== "aggregated");
    const rows = Math.max(0, ...waiting.map(([, { pending }]) => pending));
    const undelivered = Math.min(bytes, rows * rowBytes);
    this.#sample({ atMs: runningMs, bytes: undelivered });
    const oldest = waiting.flatMap(([, { oldest_pending_at: at }]) => (at === null ? [] : [Date.parse(at)]));
    const speed =
      status.uplink.state === "down" && oldest.length > 0
        ? speedSince(undelivered, nowMs - Math.min(...oldest))
        : this.#speed();
    if (speed === null || speed <= 0) return null;
    const fullInMs = Math.max(0, limit - undelivered) / speed;
    return fullInMs > FORECAST_MOST_MS ? null : fullInMs;
  }

  #sample(sample: Sample): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && sample.atMs - last.atMs < SAMPLE_MS) return;
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES_MOST) this.#samples.shift();
  }

  /**
   * Between two deliveries readings wait, and then there are fewer: what is left when there are fewest, in the later half of the time
   * against the earlier one, is what grows.
   */
  #speed(): number | null {
    const { length } = this.#samples;
    if (length < SAMPLES_LEAST) return null;
    const half = length >> 1;
    const [before, after] = [fewest(this.#samples.slice(0, half)), fewest(this.#samples.slice(half))];
    const grown = after.bytes - before.bytes;
    // A few rows more are the chance of the moment.
    return grown > 0.2 * before.bytes ? grown / (after.atMs - before.atMs) : null;
  }
}

/** All that waits has come since then: nothing of it was delivered. */
function speedSince(bytes: number, waitedMs: number): number | null {
  return waitedMs < WAITED_LEAST_MS ? null : bytes / waitedMs;
}

function fewest(samples: readonly Sample[]): Sample {
  return samples.reduce((least, sample) => (sample.bytes < least.bytes ? sample : least));
}
