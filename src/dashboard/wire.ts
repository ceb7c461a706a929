/**
 * What the agent and its page say to each other, as JSON. Times are milliseconds since 1970, UTC; null where there is none.
 * Paths are under `/api`; the token goes in the header `authorization: Bearer TOKEN`. Errors are {@link WireProblem} with a status of
 * 400 or more.
 */

import type { Rates } from "../agent/rates.ts";
import type { Problem } from "../core/problem.ts";
import type { Stage } from "../core/stage.ts";
import type { CountedStatus } from "../status/live-status.ts";
import type { Explanation } from "../verdicts/explain.ts";

/** `try`: what to type or do next; null: nothing helps but what the message says. */
export type WireProblem = { readonly message: string; readonly try: string | null };

/**
 * `GET /api/live?watch=SENSOR%00MEASURE&watch=…` (at most {@link WATCHED_MOST}): Server-Sent Events, without end.
 * `event: state` once a second, `event: points` at most once a second, `event: episodes` when there are new ones or old ones changed,
 * `event: changed` when sensors or rules are no longer those that were listed. A slow client gets fewer of them.
 */
export const WATCHED_MOST = 64;
export type LiveEvent = {
  readonly state: LiveState;
  readonly points: LivePoints;
  readonly episodes: readonly Episode[];
  readonly changed: { readonly sensors: number; readonly rules: string };
};

/**
 * `GET /api/node`: which node answers; null: it does not know yet. What writes may name the node that it means in this header, and
 * another one refuses it (412).
 */
export const NODE_HEADER = "x-agent-node";
export type WireNode = { readonly node: string | null };

/** `status`: the same as `/healthz`. While the agent starts or waits: null, and `problems` says for what. */
export type LiveState = {
  readonly nowMs: number;
  readonly startedAtMs: number | null;
  readonly store: string;
  readonly status: CountedStatus | null;
  readonly problems: readonly Problem[];
  readonly rates: Rates | null;
  /** At the rate of the last minutes, how long until the buffer is at its limit; null: it does not fill. */
  readonly fullInMs: number | null;
  readonly sensors: number;
  /** Of this process. */
  readonly residentBytes: number;
  readonly cpuShare: number;
};

/** By `SENSOR\0MEASURE`: what came since the last event. */
export type LivePoints = Readonly<Record<string, SeriesPart>>;

/**
 * Points of one series, oldest first, at most two (the least and the greatest) for each pixel that was asked for. `anomalies`: those
 * that broke a rule, never left out by thinning within `SERIES_ANOMALIES_MOST`.
 */
export type SeriesPart = {
  readonly atMs: readonly number[];
  /** Null: a gap, where the line is broken. */
  readonly values: readonly (number | null)[];
  readonly anomalies: readonly SeriesAnomaly[];
  /** There are more than are listed: the newest are. */
  readonly anomaliesLeftOut?: true;
  /** Of live points: some before these were left out, because the client was slow or there were too many. `/api/series` has them. */
  readonly isBroken?: true;
};
export const SERIES_ANOMALIES_MOST = 500;
export type SeriesAnomaly = {
  readonly atMs: number;
  readonly value: number | null;
  readonly seq: number;
  readonly rules: readonly string[];
  readonly reason: string;
};

/** `GET /api/sensors`: all of them, newest readings first. */
export type WireSensors = { readonly sensors: readonly WireSensor[]; readonly isCut: boolean };
export type WireSensor = {
  readonly sensorId: string;
  readonly sensorType: string | null;
  readonly location: string | null;
  readonly measures: readonly { readonly name: string; readonly unit: string | null }[];
  /** Event time of its last reading; null: none is among the newest 1,000,000 of the buffer. */
  readonly lastAtMs: number | null;
  /** How far that is ahead of the agent's clock; null: by no more than a minute. */
  readonly aheadMs: number | null;
  /** A rule of silence misses it. */
  readonly isSilent: boolean;
};

/**
 * `GET /api/series?series=SENSOR%00MEASURE&…&from=MS&to=MS&pixels=N`: newline-delimited {@link SeriesAnswer}s, the newest part
 * of the time first, so that a chart fills from its right edge while the buffer is read without haste. A part replaces what earlier
 * parts said of its time: readings that came late are found later. At most {@link WATCHED_MOST} series and {@link PIXELS_MOST} pixels.
 */
export const PIXELS_MOST = 4_000;
export type SeriesAnswer = {
  readonly series: Readonly<Record<string, SeriesPart>>;
  /** What these parts cover: from the first of these moments on, and before the second. */
  readonly fromMs: number;
  readonly toMs: number;
  /**
   * The last part: all that the buffer holds of the time has been read, but for readings whose clock was ahead of the agent's by more
   * than a minute, or by more than the time that was asked for.
   */
  readonly isWhole: boolean;
  /** How much of the reading is done, 0 to 1, as an estimate. */
  readonly doneShare: number;
};

/**
 * `GET /api/limits?series=…`: what the rules in force say of a series. `window`: the time that a rule which remembers looks back.
 */
export type WireLimits = Readonly<Record<string, readonly RuleLimit[]>>;
export type RuleLimit = {
  readonly rule: string;
  readonly severity: "info" | "warning" | "critical";
  readonly kind: string;
  readonly min: number | null;
  readonly max: number | null;
  readonly windowMs: number | null;
  /** The same of a rule that counts readings. */
  readonly windowReadings: number | null;
};

/**
 * `GET /api/episodes?limit=N`: the newest first. Readings of one sensor that break one rule, one after another: no more than 30 s of
 * their times apart, or three times as long as the sensor usually takes between two. A silence that a rule misses is one too, from
 * the last reading on: while it is open it has no reading and no seq (0), then that of the reading that ended it.
 */
export const EPISODES_MOST = 500;
export type Episode = {
  /** Stays the same while it lasts. */
  readonly id: string;
  /** `malformed`, as in `agent why`: of rows that were no readings. */
  readonly rule: string;
  readonly severity: "info" | "warning" | "critical";
  /** Empty: of rows that were too malformed to name a sensor. */
  readonly sensorId: string;
  readonly measure: string | null;
  /** Of its last reading. */
  readonly reason: string;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly readings: number;
  /** Its sensor broke the rule a moment ago: within 5 s, or three times as long as it usually takes between two readings. */
  readonly isOpen: boolean;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** A late reading joined it to another episode, or it is no longer among the newest: it is not shown any more. */
  readonly isGone?: true;
};

/** `GET /api/why?seq=N`: as `agent why --json`. */
export type WireWhy = Explanation["json"];

/** `/api/rules` and the editor: rules-wire.ts. */

/**
 * `GET /api/delivery?minutes=N`: by stage, and the last N minutes in steps, the newest step last. `minutes`: one of
 * {@link DELIVERY_MINUTES}; without it the first.
 */
export const DELIVERY_MINUTES = [15, 60, 360, 1_440] as const;
export type WireDelivery = {
  /** Since when `ofAgent`, `retries` and `refused` count. */
  readonly sinceMs: number;
  readonly stages: Readonly<Record<Stage, StageDelivery>>;
  /** Puts that failed and are tried again: the store was away, or denied them. */
  readonly retries: number;
  /** Objects that the store refused for good. */
  readonly refused: number;
  readonly parked: readonly WireParked[];
  /** Batches that are parked and not in `parked`. */
  readonly parkedLeftOut: number;
  readonly stepMs: number;
  readonly steps: readonly DeliveryStep[];
};
export type StageDelivery = {
  /** That the agent which runs has sent. */
  readonly ofAgent: { readonly objects: number; readonly rows: number; readonly bytes: number };
  /** When the store had its newest object; null: none is among the newest batches of the buffer. */
  readonly lastAtMs: number | null;
};
/** A batch that the store refused for good; it waits for `agent buffer requeue`. */
export type WireParked = { readonly stage: Stage; readonly key: string; readonly rows: number; readonly error: string };
export const PARKED_MOST = 50;
/** Null: not known. Of the time before this agent started, rows and objects are known as far as the buffer remembers them. */
export type DeliveryStep = {
  readonly atMs: number;
  /** Of the step's time that the agent ran, how much the uplink was up. */
  readonly upShare: number | null;
  /** How long the agent ran without the uplink. */
  readonly downMs: number | null;
  readonly rows: number | null;
  readonly objects: number | null;
  readonly bytes: number | null;
  readonly failures: number | null;
  readonly bufferBytes: number | null;
};

/** `GET /api/settings`: as `agent config show`. A secret that is set has the value "set". */
export type WireSettings = readonly {
  readonly name: string;
  /** As a user would write it; null: it is not set. */
  readonly value: string | null;
  /** Where the value came from, as `flag` or `.env`. */
  readonly from: string;
  readonly fallback: string | null;
  readonly about: string;
  readonly isSecret: boolean;
}[];

/**
 * `GET /api/snapshot/size?readings=N` or `?hours=H`: what a snapshot of the newest readings would be, without making it.
 * `GET /api/snapshot?…` with the same words: the snapshot, a SQLite file, with its length. It is made first, which takes seconds for
 * millions of readings; meanwhile `GET /api/snapshot/progress` says how far it is. One at a time: a second one gets status 429.
 */
export const SNAPSHOT_READINGS_MOST = 5_000_000;
export const SNAPSHOT_BYTES_MOST = 256 * 1024 * 1024;
export type SnapshotSize = {
  /** About. */
  readonly readings: number;
  readonly bytes: number;
  /** Why it is less than was asked for, as a sentence; null: it is all of it. */
  readonly cut: string | null;
  /** That the buffer holds, about. */
  readonly held: number;
  /** When the agent took the first of these readings; null: there is none. */
  readonly fromMs: number | null;
};
export type SnapshotProgress = {
  readonly state: "idle" | "making" | "sending";
  /** Copied so far, and of how many, about. */
  readonly readings: number;
  readonly of: number;
  readonly bytes: number;
};
