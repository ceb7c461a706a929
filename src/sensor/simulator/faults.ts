/**
 * What broken sensors report: anomalies, in episodes that a hash places in each sensor's time, every reading labelled with
 * the kind; and wrong times, which sensors do not know of. Pure, like the signals: any reading can be computed alone.
 */
import type { Measure } from "../../core/profile.ts";
import { bell, between, hashAt, mix, pick, unit } from "../../core/random.ts";
import { simulationOf } from "../profile/simulation.ts";

export const ANOMALY_KINDS = ["spike", "trend", "pattern", "missing_data", "noise", "stuck"] as const;
export type AnomalyKind = (typeof ANOMALY_KINDS)[number];

/** Each sensor's ticks are cut into slots of this length; a slot has at most one episode. */
const SLOT_TICKS = 32;

/** One episode of one sensor, computed when its slot begins. */
export type Episode = {
  slot: number;
  /** Its ticks: `[from, until)`; no episode where they are equal. */
  from: number;
  until: number;
  kind: AnomalyKind;
  /** The measure that is affected; every measure where it is −1. */
  measure: number;
  /** A value outside the plausible range, within the range of a broken sensor. */
  outside: number;
  /** The value at which the measure got stuck; NaN until it is computed. */
  held: number;
  key: number;
};

type Shape = {
  /** How often it occurs, relative to the others. */
  readonly weight: number;
  readonly shortest: number;
  readonly longest: number;
  /** Turns the healthy value into the reported one. */
  readonly distort: (value: number, episode: Episode, tick: number, span: number) => number;
};

const SHAPES: Record<AnomalyKind, Shape> = {
  spike: { weight: 40, shortest: 1, longest: 1, distort: (_, episode) => episode.outside },
  trend: {
    weight: 12,
    shortest: 8,
    longest: 16,
    distort: (value, e, tick) => value + ((e.outside - value) * (tick - e.from + 1)) / (e.until - e.from),
  },
  pattern: {
    weight: 12,
    shortest: 8,
    longest: 16,
    distort: (value, e, tick, span) => value + (((tick - e.from) & 2) === 0 ? 0.6 : -0.6) * span,
  },
  missing_data: { weight: 12, shortest: 1, longest: 4, distort: () => Number.NaN },
  noise: {
    weight: 12,
    shortest: 6,
    longest: 12,
    distort: (value, e, tick, span) => value + bell(hashAt(e.key, tick)) * 0.35 * span,
  },
  stuck: { weight: 12, shortest: 8, longest: 16, distort: (_, episode) => episode.held },
};
const TOTAL_WEIGHT = ANOMALY_KINDS.reduce((sum, kind) => sum + SHAPES[kind].weight, 0);
/** The share of its slot that an episode takes on average. */
const MEAN_SHARE =
  ANOMALY_KINDS.reduce((sum, kind) => {
    const { weight, shortest, longest } = SHAPES[kind];
    return sum + (weight / TOTAL_WEIGHT) * ((shortest + longest) / 2);
  }, 0) / SLOT_TICKS;

/** The ranges of a measure that anomalies use. */
type Target = {
  readonly measure: number;
  readonly plausible: readonly [number, number];
  readonly faulty: readonly [number, number];
};

/** The anomalies of many sensors; `probability` is the share of readings that are in an episode. */
export class Anomalies {
  readonly #keys: readonly number[];
  /** The measures that anomalies may affect. */
  readonly #hit: readonly Target[];
  readonly #probability: number;
  readonly #episodes: Episode[];

  constructor(measures: readonly Measure[], sensorKeys: readonly number[], probability: number) {
    this.#hit = measures.flatMap((measure, m) => {
      const { anomalies, faulty } = simulationOf(measure);
      return anomalies ? [{ measure: m, plausible: measure.plausible, faulty }] : [];
    });
    this.#probability = this.#hit.length === 0 ? 0 : probability;
    this.#keys = sensorKeys.map((key) => mix(key ^ 0x616e6f6d));
    this.#episodes = sensorKeys.map(() => ({
      slot: Number.NaN,
      from: 0,
      until: 0,
      kind: "spike" as const,
      measure: 0,
      outside: 0,
      held: Number.NaN,
      key: 0,
    }));
  }

  /** The episode that a sensor's tick is in, or null. Valid until the next call for the same sensor. */
  at(sensor: number, tick: number): Episode | null {
    if (this.#probability === 0) return null;
    const episode = this.#episodes[sensor]!;
    const slot = Math.floor(tick / SLOT_TICKS);
    if (slot !== episode.slot) this.#enter(episode, slot, this.#keys[sensor]!);
    return tick >= episode.from && tick < episode.until ? episode : null;
  }

  /** Turns healthy values into what the sensor reports; `round` is the rounding of a measure. */
  distort(episode: Episode, tick: number, values: Float64Array, round: (m: number, value: number) => number): void {
    const { distort } = SHAPES[episode.kind];
    for (const { measure: m, plausible, faulty } of this.#hit) {
      if (episode.measure !== m && episode.measure >= 0) continue;
      const value = distort(values[m] ?? Number.NaN, episode, tick, plausible[1] - plausible[0]);
      values[m] = round(m, Math.min(Math.max(value, faulty[0]), faulty[1]));
    }
  }

  #enter(episode: Episode, slot: number, sensorKey: number): void {
    const key = hashAt(sensorKey, slot);
    const share = this.#probability;
    episode.slot = slot;
    episode.key = key;
    episode.held = Number.NaN;
    episode.from = slot * SLOT_TICKS;
    episode.until = episode.from;
    // Up to MEAN_SHARE more episodes, above it longer ones, so that `probability` is right all the way to 1.
    if (unit(mix(key + 1)) >= share / MEAN_SHARE) return;
    const kind = kindOf(unit(mix(key + 2)) * TOTAL_WEIGHT);
    const { shortest, longest } = SHAPES[kind];
    const usual = between(mix(key + 3), shortest, longest);
    const stretch = share <= MEAN_SHARE ? 0 : (share - MEAN_SHARE) / (1 - MEAN_SHARE);
    const length = Math.floor(usual + (SLOT_TICKS - usual) * stretch + unit(mix(key + 4)));
    episode.kind = kind;
    episode.from += between(mix(key + 5), 0, SLOT_TICKS - Math.min(length, SLOT_TICKS));
    episode.until = episode.from + Math.min(length, SLOT_TICKS);
    const whole = kind === "missing_data" && unit(mix(key + 6)) < 0.25;
    const target = whole ? undefined : pick(mix(key + 7), this.#hit);
    episode.measure = target?.measure ?? -1;
    episode.outside = target === undefined ? Number.NaN : outsideOf(target, key);
  }
}

function kindOf(point: number): AnomalyKind {
  let rest = point;
  for (const kind of ANOMALY_KINDS) {
    rest -= SHAPES[kind].weight;
    if (rest < 0) return kind;
  }
  return "spike";
}

/** Clearly outside: at least a tenth of the way from the end of the plausible range to the end of the possible one. */
function outsideOf({ plausible, faulty }: Target, key: number): number {
  const far = 0.1 + 0.9 * unit(mix(key + 8));
  const low = faulty[0] < plausible[0] && (unit(mix(key + 9)) < 0.5 || faulty[1] <= plausible[1]);
  const end = low ? 0 : 1;
  return plausible[end] + (faulty[end] - plausible[end]) * far;
}

export const TIME_FAULTS = ["clock_jump", "duplicate", "late", "out_of_order"] as const;
export type TimeFault = (typeof TIME_FAULTS)[number];

/**
 * The reading that a sensor sends instead of the one that is due, in whole and half ticks before it, and how wrong its clock
 * is. duplicate: the reading before, byte for byte. out_of_order: one that is older than the reading before it.
 * late: one that was delayed for minutes. clock_jump: some readings in a row with a wrong time.
 */
export type Slip = { readonly kind: TimeFault; readonly ticksBack: number; readonly clockMs: number };

/** How many readings in a row have a wrong clock. */
const CLOCK_TICKS = 8;
const LATE_MS = [20_000, 600_000] as const;
const CLOCK_OFFSETS_MS = [-3_600_000, -90_000, 45_000, 3_600_000, 86_400_000] as const;

/** The fault in the time of a sensor's tick, or null; `probability` is the share of readings with a wrong time. */
export function slipAt(sensorKey: number, tick: number, periodMs: number, probability: number): Slip | null {
  if (probability === 0) return null;
  const clock = hashAt(mix(sensorKey ^ 0x636c6f63), Math.floor(tick / CLOCK_TICKS));
  // A quarter of the faults each.
  if (unit(clock) < probability / 4) {
    return { kind: "clock_jump", ticksBack: 0, clockMs: pick(mix(clock), CLOCK_OFFSETS_MS) };
  }
  const own = hashAt(mix(sensorKey ^ 0x736c6970), tick);
  const chance = unit(own);
  const share = probability / (4 - probability);
  if (chance >= 3 * share) return null;
  if (chance < share) return tick < 1 ? null : { kind: "duplicate", ticksBack: 1, clockMs: 0 };
  if (chance < 2 * share) return tick < 2 ? null : { kind: "out_of_order", ticksBack: 1.5, clockMs: 0 };
  const lateMs = between(mix(own), LATE_MS[0], LATE_MS[1]);
  const ticksBack = Math.min(Math.max(2, Math.round(lateMs / periodMs)), tick - 1) + 0.5;
  return ticksBack < 2 ? null : { kind: "late", ticksBack, clockMs: 0 };
}
