/**
 * `simulator:` as a source. Its state is one number, the count of readings so far: everything else is a function of it, so
 * it resumes from a cursor exactly and at once. Sensors take turns, evenly spread over a sensor's period.
 */
import { AgentError } from "../../core/errors.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import type { SensorCatalogue } from "../../core/sensor.ts";
import type { Source, Taken } from "../source.ts";
import { ANOMALY_KINDS, Anomalies, type AnomalyKind, type Slip, slipAt } from "./faults.ts";
import type { SimulatorParameters } from "./parameters.ts";
import { simulatedSensors } from "./sensors.ts";
import { Signals } from "./signal.ts";

/** Readings that are more overdue are skipped: the sensors were off. Also how far a clock may step back unnoticed. */
const GAP_MS = 5_000;
/** A fast simulation wakes for several readings at once: a timer for each would cost more than the readings. */
const NAP_MS = 20;

/**
 * With a pace, readings come when they are due and carry that time. After a gap (the agent was down, the clock jumped) it
 * continues from now; with `start` given, all readings since `start` come at once, and then each when it is due.
 * With `rate=max` event time advances by one second a sensor, from `start`, or so that `count` readings end about now.
 */
export class SimulatorSource implements Source {
  readonly uri: string;
  onReady: (() => void) | null = null;
  readonly #parameters: SimulatorParameters;
  readonly #clock: () => number;
  readonly #signals: Signals;
  readonly #anomalies: Anomalies;
  readonly #handles: Int32Array;
  readonly #keys: readonly number[];
  readonly #slots: readonly number[];
  readonly #normal: number;
  readonly #labels: Record<AnomalyKind, number>;
  readonly #values: Float64Array;
  /** What `#report` sets beside the values. */
  #timeMs = 0;
  #label = 0;
  readonly #periodMs: number;
  readonly #perSecond: number;
  readonly #paced: boolean;
  /** Readings given so far. */
  #next = 0;
  /** Event time of reading 0; null until the first take of a simulation that has no `start`. */
  #startMs: number | null;
  /** When reading 0 was due: its event time, unless the clock went back under a fixed `start`. */
  #dueMs = 0;

  constructor(parameters: SimulatorParameters, catalogue: SensorCatalogue, cursor: string | null, clock: () => number) {
    const { profile, sensors, rateHz, seed, anomaly } = parameters;
    const made = simulatedSensors(profile, seed, sensors);
    const names = profile.measures.map((measure) => measure.name);
    this.uri = parameters.uri;
    this.#parameters = parameters;
    this.#clock = clock;
    this.#keys = made.map((sensor) => sensor.place.sensorKey);
    this.#signals = new Signals(
      profile.measures,
      made.map((sensor) => sensor.place),
    );
    this.#anomalies = new Anomalies(profile.measures, this.#keys, anomaly);
    this.#handles = Int32Array.from(made, (sensor) => catalogue.internSensor(sensor.identity, names));
    this.#slots = names.map((name) => catalogue.slotOf(name));
    this.#normal = catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
    const labels: Partial<Record<AnomalyKind, number>> = {};
    for (const kind of ANOMALY_KINDS) {
      labels[kind] = catalogue.internLabel({ statusCode: 1, anomalyFlag: 1, anomalyType: kind });
    }
    // Every kind just got its label.
    this.#labels = labels as Record<AnomalyKind, number>;
    this.#values = new Float64Array(names.length);
    this.#paced = rateHz !== "max";
    this.#perSecond = (rateHz === "max" ? 1 : rateHz) * sensors;
    this.#periodMs = 1_000 / (rateHz === "max" ? 1 : rateHz);
    this.#startMs = parameters.startMs;
    if (cursor !== null) this.#resume(cursor);
    this.#dueMs = this.#startMs ?? 0;
  }

  take(block: ReadingBlock, nowMs: number = this.#clock()): Taken {
    const { count } = this.#parameters;
    const left = (count ?? Number.POSITIVE_INFINITY) - this.#next;
    if (left <= 0) return { state: "ended" };
    const startMs = this.#anchor(nowMs);
    const due = this.#paced ? this.#dueUntil(nowMs) - this.#next : Number.POSITIVE_INFINITY;
    const rows = Math.max(0, Math.min(block.capacity - block.count, due, left));
    if (rows > 0) this.#fill(block, rows, startMs);
    if (rows === left) return { state: "ended" };
    if (rows < due) return { state: "more" };
    return { state: "idle", wakeAtMs: Math.max(nowMs + NAP_MS, Math.ceil(this.#dueMs + this.#offsetMs(this.#next))) };
  }

  cursor(): string | null {
    return this.#startMs === null ? null : JSON.stringify({ next: this.#next, start: this.#startMs });
  }

  committed(): void {}

  close(): void {}

  /** When reading `n` comes, after reading 0. */
  #offsetMs(n: number): number {
    return Math.floor((n * 1_000) / this.#perSecond);
  }

  /** The event time of reading 0, moved where the clock and the schedule differ too much. */
  #anchor(nowMs: number): number {
    const { count, sensors, startMs: given } = this.#parameters;
    if (this.#startMs === null) {
      this.#startMs = Math.round(nowMs - (this.#paced || count === null ? 0 : (count / sensors) * this.#periodMs));
      this.#dueMs = this.#startMs;
    }
    if (!this.#paced) return this.#startMs;
    const waitMs = this.#dueMs + this.#offsetMs(this.#next) - nowMs;
    // Reading `next - 1` was already due, so a longer wait than between two readings means that the clock went back.
    const wentBack = this.#next > 0 && waitMs > 1_000 / this.#perSecond + GAP_MS;
    const gap = given === null && -waitMs > GAP_MS;
    if (wentBack || gap) this.#dueMs = Math.round(nowMs) - this.#offsetMs(this.#next);
    if (given === null) this.#startMs = this.#dueMs;
    return this.#startMs;
  }

  /** How many readings are due at `nowMs` since reading 0. */
  #dueUntil(nowMs: number): number {
    const sinceMs = Math.floor(nowMs - this.#dueMs);
    if (sinceMs < 0) return 0;
    let due = Math.ceil(((sinceMs + 1) * this.#perSecond) / 1_000);
    // The product may be wrong in its last bit: the offsets decide.
    while (this.#offsetMs(due - 1) > sinceMs) due--;
    while (this.#offsetMs(due) <= sinceMs) due++;
    return due;
  }

  #fill(block: ReadingBlock, rows: number, startMs: number): void {
    const { sensors } = this.#parameters;
    const values = this.#values;
    const columns = this.#slots.map((slot) => block.column(slot));
    const first = block.count;
    const end = first + rows;
    // Other columns may still hold the values of an earlier block.
    for (const column of block.measures) if (!columns.includes(column)) column.fill(Number.NaN, first, end);
    let sensor = this.#next % sensors;
    let tick = (this.#next - sensor) / sensors;
    for (let row = first; row < end; row++) {
      this.#report(sensor, tick, startMs);
      block.sensor[row] = this.#handles[sensor]!;
      block.time[row] = this.#timeMs;
      block.label[row] = this.#label;
      for (let m = 0; m < columns.length; m++) columns[m]![row] = values[m]!;
      if (++sensor < sensors) continue;
      sensor = 0;
      tick++;
    }
    block.count = end;
    this.#next += rows;
  }

  /** Sets values, label and timestamp to what the sensor sends when its `tick` is due. */
  #report(sensor: number, tick: number, startMs: number): void {
    const { sensors, faults } = this.#parameters;
    let at = tick;
    let slip: Slip | null = null;
    if (faults > 0) {
      const key = this.#keys[sensor]!;
      slip = slipAt(key, at, this.#periodMs, faults);
      // The reading before, with its own wrong time; a duplicate of a duplicate goes further back.
      while (slip?.kind === "duplicate") slip = slipAt(key, --at, this.#periodMs, faults);
    }
    let timeMs = startMs + this.#offsetMs(at * sensors + sensor);
    if (slip !== null) {
      timeMs -= Math.round(slip.ticksBack * this.#periodMs);
      at = Math.floor(at - slip.ticksBack);
    }
    this.#label = this.#measure(sensor, at, timeMs, startMs);
    this.#timeMs = slip === null ? timeMs : timeMs + slip.clockMs;
  }

  /** Writes what the sensor reports into the values and returns the label. */
  #measure(sensor: number, tick: number, timeMs: number, startMs: number): number {
    const values = this.#values;
    const episode = this.#anomalies.at(sensor, tick);
    if (episode?.kind === "stuck" && Number.isNaN(episode.held)) {
      const n = episode.from * this.#parameters.sensors + sensor;
      this.#signals.measure(sensor, episode.from, startMs + this.#offsetMs(n), values);
      episode.held = values[episode.measure]!;
    }
    this.#signals.measure(sensor, tick, timeMs, values);
    if (episode === null) return this.#normal;
    this.#anomalies.distort(episode, tick, values, this.#round);
    return this.#labels[episode.kind];
  }

  readonly #round = (m: number, value: number): number => this.#signals.round(m, value);

  #resume(cursor: string): void {
    const { next, start } = readCursor(cursor, this.uri);
    this.#next = next;
    // Where `start` is given the URI decides: the cursor is stored under it.
    this.#startMs = this.#parameters.startMs ?? start;
  }
}

function readCursor(cursor: string, uri: string): { next: number; start: number } {
  let read: unknown;
  try {
    read = JSON.parse(cursor);
  } catch {
    read = null;
  }
  if (typeof read === "object" && read !== null && "next" in read && "start" in read) {
    const { next, start } = read;
    if (Number.isSafeInteger(next) && Number(next) >= 0 && Number.isSafeInteger(start)) {
      return { next: Number(next), start: Number(start) };
    }
  }
  throw new AgentError(
    `Cannot resume "${uri}": its cursor ${JSON.stringify(cursor.slice(0, 80))} was not written by a simulator`,
    { tryHint: "agent run --source 'simulator:?seed=2'" },
  );
}
