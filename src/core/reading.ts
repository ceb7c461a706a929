/**
 * Readings in columns: a source fills them, the judge reads them, the buffer keeps them and a stage encodes them. A thousand readings
 * are a few typed arrays, so the hot path allocates nothing per reading.
 */
import { NO_SENSOR } from "./sensor.ts";

/** A line or row that was too malformed to be a reading; kept as received (up to a stated length), with the reason. */
export type Malformed = {
  /** A code for counters: one of few values, without data. */
  readonly reason: MalformedReason;
  /** A sentence for a person: the problem, its place, and the expected form. It quotes at most 80 characters of data. */
  readonly detail: string;
  /** As received: text where it is valid UTF-8, else base64. Whole up to the limit of a line, else MALFORMED_KEPT_BYTES. */
  readonly received: string;
  readonly encoding: "utf8" | "base64";
  /** The length of the whole line or row, in bytes, also where `received` was cut. */
  readonly bytes: number;
};
export const MALFORMED_REASONS = [
  "not_json",
  "not_an_object",
  "not_csv",
  "not_line_protocol",
  "line_too_long",
  "invalid_utf8",
  "missing_field",
  "wrong_type",
  "bad_timestamp",
  "not_finite",
  "unknown_unit",
  "expression_failed",
  "not_in_lookup",
  "text_too_long",
  "too_many_kinds",
  "too_many_readings",
] as const;
export type MalformedReason = (typeof MALFORMED_REASONS)[number];
/**
 * What was wrong with a reading that was taken all the same: a field that could not be read and is null, or NULs around a
 * line, which a loss of power leaves in a file.
 */
export type Flaw = {
  /**
   * A code for counters: a MalformedReason, `nul_padding`, `repeated_time` (a local time that occurs twice), or `filtered`: a record
   * that is no reading because the map says so.
   */
  readonly reason: MalformedReason | "nul_padding" | "repeated_time" | "filtered";
  /** The field, by its foreign name: one that the profile or the map knows. Null where it is not about a field. */
  readonly field: string | null;
  /** A sentence for a person, about the first one. */
  readonly detail: string;
  readonly count: number;
};
/** In `extra`: the fields of a reading that could not be read, each with the reason and what was received. */
export const BAD_FIELDS = "bad_fields";
/** In `extra`: the timestamp as it was received, where it says more than the millisecond that was read. */
export const RECEIVED_TIME = "timestamp_received";
/** How much is kept of a line above the limit. */
export const MALFORMED_KEPT_BYTES = 64 * 1024;
/** The most readings that one line, row or message may hold; with more it is malformed. */
export const RECORD_READINGS = 10_000;
/** A block with this much text beside its columns (unknown fields, malformed lines), in UTF-16 units, is full. */
export const BLOCK_TEXT_LENGTH = 16 * 1024 * 1024;

/** One rule that a reading broke, and why: what `agent why` shows and the anomalies stage carries. */
export type Finding = {
  readonly rule: string;
  readonly severity: Severity;
  /** A sentence: `temperature 72.4 is above 60`. */
  readonly reason: string;
  /** The value that broke it, or null where no single value did. */
  readonly observed: number | string | null;
  /** The limit as the rule states it, or null. */
  readonly limit: string | null;
  /** The readings that a stateful rule looked at, or null. */
  readonly window: unknown;
};
export const SEVERITIES = ["info", "warning", "critical"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Whether the node's clock could be trusted when readings were committed. */
export type ClockQuality = "ok" | "unsynced" | "stepped";
/**
 * Whether a reading's time can be trusted: its own one, if it is plausible and the clock was good; `arrival`: the reading came
 * without a time, and has that of a good clock at its arrival.
 */
export type TimeQuality = ClockQuality | "arrival";

/** The facts of a commit about the times of its readings; outside the two bounds, where they are given, no time is plausible. */
export type TimeFacts = {
  readonly timeQuality: ClockQuality;
  readonly earliestMs?: number;
  readonly latestMs?: number;
};

export function isImplausible({ earliestMs, latestMs }: Omit<TimeFacts, "timeQuality">, timeMs: number): boolean {
  return timeMs < (earliestMs ?? Number.NEGATIVE_INFINITY) || timeMs > (latestMs ?? Number.POSITIVE_INFINITY);
}

/** A good clock does not make an implausible time right. */
export const IMPLAUSIBLE_QUALITY = "unsynced" satisfies ClockQuality;

export function timeQualityOf(facts: TimeFacts, timeMs: number, isArrival: boolean): TimeQuality {
  return isImplausible(facts, timeMs) ? IMPLAUSIBLE_QUALITY : qualityAt(facts.timeQuality, isArrival);
}

/** Of a plausible time. That the clock was not good is worse than that the time is its own. */
export function qualityAt(clock: ClockQuality, isArrival: boolean): TimeQuality {
  return isArrival && clock === "ok" ? "arrival" : clock;
}

/**
 * Up to `capacity` readings in columns, in the order they were taken (fewer where they have much text). A missing or null
 * measure is NaN. `measures[slot]` exists for every slot of the catalogue that a row of this block uses; rows without that
 * measure hold NaN. What must be kept together, or not at all (the readings of one message), may take it beyond its capacity.
 */
export class ReadingBlock {
  capacity: number;
  count = 0;
  /** Handle in the SensorCatalogue; NO_SENSOR where the reading is malformed. */
  sensor: Int32Array;
  /** Event time, ms since 1970 UTC, an integer; for a malformed row the time it was taken. */
  time: Float64Array;
  /** Handle in the catalogue's labels; -1 where the reading is malformed. */
  label: Int32Array;
  measures: Float64Array[] = [];
  /** Fields that the profile does not know, as JSON text of an object, by row. */
  readonly extra = new Map<number, string>();
  readonly malformed = new Map<number, Malformed>();
  /** By reason and field; a caller that wants them by source takes them out after each source. */
  readonly flaws = new Map<string, Flaw>();
  /** The findings of the judge, by row; absent where the reading is valid. Malformed rows are never judged. */
  readonly findings = new Map<number, readonly Finding[]>();
  /** The length of `extra` and of what `malformed` received, in UTF-16 units. */
  textLength = 0;
  /** A format that must know where each record ends: the block then says behind each that it is full (`isPaused`). */
  pausesAfterRecords = false;
  isPaused = false;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.sensor = new Int32Array(capacity);
    this.time = new Float64Array(capacity);
    this.label = new Int32Array(capacity);
  }

  get full(): boolean {
    return this.isPaused || this.count >= this.capacity || this.textLength >= BLOCK_TEXT_LENGTH;
  }

  clear(): void {
    this.count = 0;
    this.extra.clear();
    this.malformed.clear();
    this.flaws.clear();
    this.findings.clear();
    this.textLength = 0;
    this.pausesAfterRecords = this.isPaused = false;
  }

  /** Room for so many rows more, beyond the capacity that it had if need be. */
  makeRoom(rows: number): void {
    const needed = this.count + rows;
    if (needed <= this.capacity) return;
    this.capacity = needed;
    this.sensor = grown(Int32Array, this.sensor, needed);
    this.time = grown(Float64Array, this.time, needed);
    this.label = grown(Int32Array, this.label, needed);
    this.measures = this.measures.map((column) => {
      const wider = new Float64Array(needed).fill(Number.NaN);
      wider.set(column);
      return wider;
    });
  }

  /** Adds a reading whose measures are all absent and returns its row; the caller then sets `measures[slot][row]`. */
  add(sensor: number, time: number, label: number): number {
    const row = this.count++;
    this.sensor[row] = sensor;
    this.time[row] = time;
    this.label[row] = label;
    for (let slot = 0; slot < this.measures.length; slot++) this.measures[slot]![row] = Number.NaN;
    return row;
  }

  /** The column of a slot, made (all NaN) on first use. */
  column(slot: number): Float64Array {
    while (this.measures.length <= slot) this.measures.push(new Float64Array(this.capacity).fill(Number.NaN));
    return this.measures[slot]!;
  }

  /** `fields`: JSON text of an object. */
  addExtra(row: number, fields: string): void {
    this.extra.set(row, fields);
    this.textLength += fields.length;
  }

  addFlaw(flaw: Flaw): void {
    countFlaw(this.flaws, flaw);
  }

  addMalformed(takenAtMs: number, what: Malformed): number {
    const row = this.add(NO_SENSOR, takenAtMs, -1);
    this.malformed.set(row, what);
    this.textLength += what.received.length;
    return row;
  }
}

function grown<A extends Int32Array | Float64Array>(kind: new (length: number) => A, from: A, length: number): A {
  const wider = new kind(length);
  wider.set(from);
  return wider;
}

/** Flaws of one reason and field are counted together. */
export function flawKey({ reason, field }: Pick<Flaw, "reason" | "field">): string {
  return `${reason} ${field ?? ""}`;
}

/** Adds to the flaws of the same reason and field, or as the first of them. */
export function countFlaw(flaws: Map<string, Flaw>, flaw: Flaw): void {
  const key = flawKey(flaw);
  const known = flaws.get(key);
  flaws.set(key, known === undefined ? flaw : { ...known, count: known.count + flaw.count });
}
