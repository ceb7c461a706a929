/**
 * The lag of delivered rows: from the time of a reading to the moment when the store had its object. An object is represented by
 * at most SAMPLES of its readings, evenly spaced over its range of seqs, so its cost does not grow with its rows.
 */
import type { StoredBlock } from "../../buffer/buffer.ts";
import { rangeOf } from "../../buffer/buffer.ts";
import { contains, type HourRange, sizeOf } from "../../core/seq-range.ts";
import { MS_PER_HOUR } from "../../core/time/duration.ts";

const SAMPLES = 64;
/** Of an object whose times are not known: its lag is not measured. */
export const NO_TIMES = new Float64Array(0);

/** `nowMs`, and the bounds outside of which no time is plausible, are by the clock of the wall; `runningMs` is not. */
export type LagMoment = {
  readonly nowMs: number;
  readonly earliestMs: number;
  readonly latestMs: number;
  readonly runningMs: number;
};

/** Event times of readings of an object, ms: the first and the last of its range, if they are of its hour, and some between. */
export function sampleTimes(blocks: readonly StoredBlock[], range: HourRange): Float64Array {
  const last = Math.min(SAMPLES, sizeOf(range)) - 1;
  const times = new Float64Array(last + 1);
  let count = 0;
  let at = 0;
  for (let i = 0; i <= last; i++) {
    const seq = last === 0 ? range.first : range.first + Math.round((i * (range.last - range.first)) / last);
    while (at < blocks.length && rangeOf(blocks[at] as StoredBlock).last < seq) at++;
    const stored = blocks[at];
    if (stored === undefined || !contains(rangeOf(stored), { first: seq, last: seq })) continue;
    const time = stored.block.time[seq - stored.firstSeq] ?? Number.NaN;
    if (time >= range.hourMs && time < range.hourMs + MS_PER_HOUR) times[count++] = time;
  }
  // Few readings of a long range are of this hour, and none was met: its middle stands for them.
  if (count === 0) times[count++] = range.hourMs + MS_PER_HOUR / 2;
  return times.subarray(0, count);
}

/** Upper limits, in seconds, of the buckets that Prometheus gets; one more takes what is above the last. */
export const LAG_BUCKETS_S = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 259_200, 604_800,
] as const;

/** `buckets[i]`: rows with a lag of at most `LAG_BUCKETS_S[i]` and more than the one before; the last one: all others. */
export type LagHistogram = { readonly buckets: readonly number[]; readonly rows: number; readonly sumSeconds: number };

/** Steps of the last minutes, each with its own fine histogram. */
const STEP_MS = 10_000;
const STEPS = 30;
const STEPS_OF_A_MINUTE = 6;
/** Buckets of the fine histogram: three for each doubling, from 50 ms to 3 years. */
const FINE_FROM_MS = 50;
const FINE_PER_OCTAVE = 3;
const FINE = 96;

/** The lags of one stage: since the start for Prometheus, and of the last minutes for people. */
export class StageLags {
  readonly #whole = new Float64Array(LAG_BUCKETS_S.length + 1);
  #rows = 0;
  #sumMs = 0;
  readonly #recent = new Uint32Array(STEPS * FINE);
  #step = Number.NEGATIVE_INFINITY;

  /** `rows` more, evenly spread over the samples. What an implausible sample stands for is not measured. */
  add(rows: number, times: Float64Array, { nowMs, earliestMs, latestMs, runningMs }: LagMoment): void {
    this.#advance(runningMs);
    const from = (this.#step % STEPS) * FINE;
    let given = 0;
    for (let i = 0; i < times.length; i++) {
      const until = Math.floor(((i + 1) * rows) / times.length);
      const share = until - given;
      given = until;
      const time = times[i] ?? Number.NaN;
      if (share === 0 || !(time >= earliestMs && time <= latestMs)) continue;
      // A sensor's clock may be ahead.
      const lagMs = Math.max(0, nowMs - time);
      const bucket = bucketOf(lagMs / 1_000);
      const fine = from + fineOf(lagMs);
      this.#whole[bucket] = (this.#whole[bucket] ?? 0) + share;
      this.#recent[fine] = (this.#recent[fine] ?? 0) + share;
      this.#sumMs += lagMs * share;
      this.#rows += share;
    }
  }

  histogram(): LagHistogram {
    return { buckets: [...this.#whole], rows: this.#rows, sumSeconds: this.#sumMs / 1_000 };
  }

  /** Adds the fine histogram of the last minute, where it is empty of the last five, to `into`. */
  addRecent(into: Float64Array, runningMs: number): void {
    this.#advance(runningMs);
    for (const steps of [STEPS_OF_A_MINUTE, STEPS]) {
      let rows = 0;
      for (let back = 0; back < steps; back++) {
        const from = ((this.#step - back + STEPS) % STEPS) * FINE;
        for (let fine = 0; fine < FINE; fine++) {
          const count = this.#recent[from + fine] ?? 0;
          into[fine] = (into[fine] ?? 0) + count;
          rows += count;
        }
      }
      if (rows > 0) return;
    }
  }

  /** Empties the steps that have begun since the last call. */
  #advance(runningMs: number): void {
    const step = Math.max(STEPS, STEPS + Math.floor(runningMs / STEP_MS));
    for (let next = Math.max(this.#step + 1, step - STEPS + 1); next <= step; next++) {
      this.#recent.fill(0, (next % STEPS) * FINE, (next % STEPS) * FINE + FINE);
    }
    this.#step = Math.max(this.#step, step);
  }
}

/** An empty fine histogram, for {@link StageLags.addRecent}. */
export function fineHistogram(): Float64Array {
  return new Float64Array(FINE);
}

/** 95 % of the rows are faster; to a tenth. Null: there are none. */
export function p95Of(fine: Float64Array): number | null {
  const wanted = fine.reduce((sum, count) => sum + count, 0) * 0.95;
  if (wanted === 0) return null;
  let before = 0;
  for (let i = 0; i < FINE; i++) {
    const count = fine[i] ?? 0;
    if (before + count >= wanted) {
      const [low, high] = [i === 0 ? 0 : upperOf(i - 1), upperOf(i)];
      return Math.round(low + ((wanted - before) / count) * (high - low));
    }
    before += count;
  }
  return null;
}

function upperOf(fine: number): number {
  return FINE_FROM_MS * 2 ** (fine / FINE_PER_OCTAVE);
}

function fineOf(lagMs: number): number {
  if (lagMs <= FINE_FROM_MS) return 0;
  return Math.min(FINE - 1, Math.ceil(Math.log2(lagMs / FINE_FROM_MS) * FINE_PER_OCTAVE));
}

function bucketOf(seconds: number): number {
  const found = LAG_BUCKETS_S.findIndex((limit) => seconds <= limit);
  return found < 0 ? LAG_BUCKETS_S.length : found;
}
