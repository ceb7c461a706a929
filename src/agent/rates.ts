/**
 * How fast a node works. Counted where it works: a few additions for each commit and each delivered object, none for a reading. The
 * clock is the one that cannot be set.
 */
import type { Settings } from "../core/settings/settings.ts";
import { STAGES, type Stage } from "../core/stage.ts";
import { SANE_SINCE_MS } from "../core/time/clock.ts";
import { fineHistogram, type LagHistogram, p95Of, StageLags } from "./delivery/lag.ts";

/** Over the last minute, or since the start where that is later. */
export type Rates = {
  /** Readings that were committed. */
  readonly readingsPerSecond: number;
  /** Readings that broke a rule, and malformed ones: what goes to the stage `anomalies`. */
  readonly anomaliesPerMinute: number;
  /** Sent to the store, all stages. */
  readonly bytesPerSecond: number;
  /**
   * From the sensor's time to the stored object, 95 % of readings are faster. Of the last minute; of the last five where nothing was
   * delivered in it; null: nothing was in those either. Times that are ahead of the clock count as 0, implausible ones not at all.
   */
  readonly lagP95Ms: number | null;
  readonly stages: Readonly<
    Record<Stage, { readonly rowsPerSecond: number; readonly bytesPerSecond: number; readonly lagP95Ms: number | null }>
  >;
};

/** Seconds that are counted: a minute, and the one that has begun. */
const SECONDS = 61;
/** What a second has: readings, anomalies, and rows and bytes of each stage. */
const WIDTH = 2 + 2 * STAGES.length;
const ROWS_AT: Readonly<Record<Stage, number>> = { raw: 2, validated: 4, anomalies: 6, schematized: 8, aggregated: 10 };

/** Since the agent started. Failures: puts that are tried again, and objects that the store refuses for good. */
export type Totals = {
  readonly readings: number;
  readonly anomalies: number;
  readonly stages: Readonly<Record<Stage, { readonly rows: number; readonly objects: number; readonly bytes: number }>>;
  readonly failures: Readonly<Record<Failure, number>>;
};
export type Failure = "unreachable" | "denied" | "refused";

/** Event times before `earliestTime`, or further ahead of the clock, are implausible. */
type RateBounds = Pick<Settings, "earliestTime" | "latestAhead">;

export class RateCounter {
  readonly #running: () => number;
  readonly #bounds: RateBounds;
  readonly #seconds = new Float64Array(SECONDS * WIDTH);
  readonly #sinceMs: number;
  #second: number;
  readonly #totals = {
    readings: 0,
    anomalies: 0,
    stages: Object.fromEntries(STAGES.map((stage) => [stage, { rows: 0, objects: 0, bytes: 0 }])) as Record<
      Stage,
      { rows: number; objects: number; bytes: number }
    >,
    failures: { unreachable: 0, denied: 0, refused: 0 },
  };
  readonly #lags = Object.fromEntries(STAGES.map((stage) => [stage, new StageLags()])) as Record<Stage, StageLags>;

  constructor(running: () => number, bounds: RateBounds) {
    this.#running = running;
    this.#bounds = bounds;
    this.#sinceMs = running();
    this.#second = secondOf(this.#sinceMs);
  }

  committed(readings: number, anomalies: number): void {
    const at = this.#now();
    this.#add(at, readings);
    this.#add(at + 1, anomalies);
    this.#totals.readings += readings;
    this.#totals.anomalies += anomalies;
  }

  /** `times`: event times of some of its rows; `nowMs`: by the clock of the wall. */
  delivered(
    stage: Stage,
    object: { readonly rows: number; readonly bytes: number },
    times: Float64Array,
    nowMs: number,
  ): void {
    const at = this.#now() + ROWS_AT[stage];
    this.#add(at, object.rows);
    this.#add(at + 1, object.bytes);
    const totals = this.#totals.stages[stage];
    totals.rows += object.rows;
    totals.objects++;
    totals.bytes += object.bytes;
    // A clock that is far behind measures nothing.
    if (nowMs < SANE_SINCE_MS) return;
    const { earliestTime: earliestMs, latestAhead } = this.#bounds;
    const moment = { nowMs, earliestMs, latestMs: nowMs + latestAhead, runningMs: this.#running() };
    this.#lags[stage].add(object.rows, times, moment);
  }

  failed(why: Failure): void {
    this.#totals.failures[why]++;
  }

  get totals(): Totals {
    return this.#totals;
  }

  /** Since the agent started. */
  lag(stage: Stage): LagHistogram {
    return this.#lags[stage].histogram();
  }

  read(): Rates {
    const nowMs = this.#running();
    const sums = this.#sums();
    // The second that has begun, and a minute before it.
    const covered = Math.min(SECONDS - 1 + ((nowMs / 1_000) % 1), (nowMs - this.#sinceMs) / 1_000);
    const seconds = Math.max(1, covered);
    const perSecond = (at: number) => rounded((sums[at] ?? 0) / seconds);
    const all = fineHistogram();
    const stages = STAGES.map((stage) => {
      const own = fineHistogram();
      this.#lags[stage].addRecent(own, nowMs);
      // A row of a window is no reading.
      if (stage !== "aggregated") for (let i = 0; i < own.length; i++) all[i] = (all[i] ?? 0) + (own[i] ?? 0);
      const at = ROWS_AT[stage];
      const rates = { rowsPerSecond: perSecond(at), bytesPerSecond: perSecond(at + 1), lagP95Ms: p95Of(own) };
      return [stage, rates] as const;
    });
    return {
      readingsPerSecond: perSecond(0),
      anomaliesPerMinute: rounded(((sums[1] ?? 0) / seconds) * 60),
      bytesPerSecond: rounded(STAGES.reduce((sum, stage) => sum + perSecond(ROWS_AT[stage] + 1), 0)),
      lagP95Ms: p95Of(all),
      stages: Object.fromEntries(stages) as Rates["stages"],
    };
  }

  #sums(): Float64Array {
    this.#now();
    const sums = new Float64Array(WIDTH);
    for (let i = 0; i < this.#seconds.length; i++) sums[i % WIDTH] = (sums[i % WIDTH] ?? 0) + (this.#seconds[i] ?? 0);
    return sums;
  }

  #add(at: number, many: number): void {
    this.#seconds[at] = (this.#seconds[at] ?? 0) + many;
  }

  /** Where this second is counted; empties those that have begun since the last call. */
  #now(): number {
    const second = secondOf(this.#running());
    for (let next = Math.max(this.#second + 1, second - SECONDS + 1); next <= second; next++) {
      this.#seconds.fill(0, (next % SECONDS) * WIDTH, (next % SECONDS) * WIDTH + WIDTH);
    }
    this.#second = Math.max(this.#second, second);
    return (this.#second % SECONDS) * WIDTH;
  }
}

/** To a thousandth: more digits would only make reports longer. */
function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

function secondOf(runningMs: number): number {
  return Math.max(0, Math.floor(runningMs / 1_000));
}
