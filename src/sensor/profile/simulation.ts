/** The parts of a profile that only the simulator reads: how a measure behaves, and which sensors there are. */

import { pair, point } from "../../core/outside/composed-shapes.ts";
import { boolean, number, text } from "../../core/outside/scalar-shapes.ts";
import { list, object, optional, record, type ValueOf } from "../../core/outside/shape.ts";
import type { Measure, Profile } from "../../core/profile.ts";
import { LIMITS } from "../../core/sensor.ts";

/**
 * A measure's value, in its own unit, is `base`, up to ±`spread` by sensor, the site's offset, the cycles, the weather,
 * what it `follows` or its `curve`, drift and noise; then it is kept within `limits` and rounded to `decimals`.
 */
export type MeasureSimulation = {
  readonly decimals: number;
  readonly base: number;
  readonly spread: number;
  readonly daily: { readonly amplitude: number; readonly peakHour: number };
  readonly seasonal: { readonly amplitude: number; readonly peakDay: number };
  /** A smooth random change over about so many hours; from one hour on the site shares it, below it each sensor has its own. */
  readonly weather: readonly { readonly hours: number; readonly amplitude: number }[];
  /** How far the sensor's own error changes over months. */
  readonly drift: number;
  /** Standard deviation; a value is never off by more than 3.5 times that. */
  readonly noise: number;
  /** The same as a share of the value: zero stays zero. */
  readonly noiseRatio: number;
  /** Adds `factor` for each unit by which an earlier measure is off its base, without short gusts. */
  readonly follows: { readonly measure: string; readonly factor: number } | null;
  /** Adds the height of a broken line over an earlier measure's value; `smooth`: over that value without short gusts. */
  readonly curve: {
    readonly measure: string;
    readonly points: readonly (readonly [x: number, y: number])[];
    readonly smooth: boolean;
  } | null;
  /** What a healthy sensor reports: within `plausible`. */
  readonly limits: readonly [number, number];
  /** The range of a broken sensor: wider than `plausible`. */
  readonly faulty: readonly [number, number];
  /** Whether simulated anomalies may affect it. */
  readonly anomalies: boolean;
};

export type Site = {
  readonly name: string;
  /** The ids of its sensors begin with it. */
  readonly code: string;
  readonly latitude: number;
  readonly longitude: number;
  /** Of standard time: `-06:00`. */
  readonly timezone: string;
  /** What this site adds to the base of a measure, by name. */
  readonly offsets: Readonly<Record<string, number>>;
};

export type Fleet = {
  readonly manufacturers: readonly {
    readonly name: string;
    readonly models: readonly string[];
    readonly firmware: readonly string[];
  }[];
  readonly locations: readonly Site[];
  readonly deployments: readonly string[];
  readonly heightMeters: readonly [number, number];
};

/** The most values that one list of a fleet may have. */
const LIST_MOST = 1_000;
const NAME = text(/^[^\p{Cc}]{1,128}$/u, "a text of 1 to 128 characters");
const CYCLE_HOUR = number({ min: 0, max: 24 });
const CYCLE_DAY = number({ min: 0, max: 366 });
const FROM_ZERO = number({ min: 0 });

/** How a measure is simulated, in a profile file. Names of other measures are checked where all of them are known. */
export const MEASURE_SIMULATION = object({
  decimals: optional(number({ min: 0, max: 6, whole: true }), 2),
  base: optional(number()),
  spread: optional(FROM_ZERO, 0),
  daily: optional(object({ amplitude: number(), peak_hour: CYCLE_HOUR }), { amplitude: 0, peak_hour: 0 }),
  seasonal: optional(object({ amplitude: number(), peak_day: CYCLE_DAY }), { amplitude: 0, peak_day: 0 }),
  weather: optional(
    list(object({ hours: number({ min: 0.01, max: 10_000 }), amplitude: number() }), { least: 0, most: 8 }),
    [],
  ),
  drift: optional(FROM_ZERO, 0),
  noise: optional(FROM_ZERO, 0),
  noise_ratio: optional(number({ min: 0, max: 0.25 }), 0),
  follows: optional(object({ measure: NAME, factor: number() })),
  curve: optional(
    object({
      measure: NAME,
      points: list(point, { least: 2, most: 64 }, (points, complain) => {
        for (const [i, at] of points.entries()) {
          const before = points[i - 1];
          if (at !== undefined && before !== undefined && at[0] <= before[0]) {
            complain(`[${i}]`, "x must be above that of the point before it");
          }
        }
      }),
      smooth: optional(boolean, false),
    }),
  ),
  limits: optional(pair),
  faulty: optional(pair),
  anomalies: optional(boolean, true),
});

/** Which sensors are simulated, in a profile file. */
export const FLEET = object({
  manufacturers: list(
    object({
      name: NAME,
      models: list(NAME, { least: 1, most: LIST_MOST }),
      firmware: list(NAME, { least: 1, most: LIST_MOST }),
    }),
    { least: 1, most: LIST_MOST },
  ),
  locations: list(
    object({
      name: NAME,
      code: text(/^[A-Za-z0-9]{1,16}$/, "1 to 16 letters or digits"),
      latitude: number({ min: -90, max: 90 }),
      longitude: number({ min: -180, max: 180 }),
      timezone: optional(text(/^[+-]\d\d:\d\d$/, "an offset such as -06:00"), "+00:00"),
      offsets: optional(record(number(), { most: LIMITS.measures }), new Map()),
    }),
    { least: 1, most: LIST_MOST },
  ),
  deployments: optional(list(NAME, { least: 1, most: LIST_MOST }), ["fixed"]),
  height_meters: optional(pair, [1, 10]),
});

type MeasureSimulationFile = ValueOf<typeof MEASURE_SIMULATION>;

/** The model of a measure; what the file leaves out is derived from the plausible range. */
export function measureSimulation(
  file: MeasureSimulationFile,
  plausible: readonly [number, number],
): MeasureSimulation {
  const [least, most] = plausible;
  const span = most - least;
  return {
    decimals: file.decimals,
    base: file.base ?? least + span / 2,
    spread: file.spread,
    daily: { amplitude: file.daily.amplitude, peakHour: file.daily.peak_hour },
    seasonal: { amplitude: file.seasonal.amplitude, peakDay: file.seasonal.peak_day },
    weather: file.weather,
    drift: file.drift,
    noise: file.noise,
    noiseRatio: file.noise_ratio,
    follows: file.follows ?? null,
    curve: file.curve ?? null,
    limits: file.limits ?? plausible,
    faulty: file.faulty ?? [least === 0 ? 0 : least - span / 2, most + span / 2],
    anomalies: file.anomalies,
  };
}

export function fleet(file: ValueOf<typeof FLEET>): Fleet {
  return {
    manufacturers: file.manufacturers,
    locations: file.locations.map((site) => ({ ...site, offsets: Object.fromEntries(site.offsets) })),
    deployments: file.deployments,
    heightMeters: file.height_meters,
  };
}

/** How a measure is simulated; without a `simulate` part its value changes gently about the middle of its plausible range. */
export function simulationOf(measure: Measure): MeasureSimulation {
  // Only `measureSimulation` makes it.
  if (measure.simulate !== undefined) return measure.simulate as MeasureSimulation;
  const span = measure.plausible[1] - measure.plausible[0];
  const weather = [96, 6, 0.5].map((hours, i) => ({ hours, amplitude: (span * 0.15) / 2 ** i }));
  const quiet = MEASURE_SIMULATION.read({ weather, noise: span * 0.005 }, "", []);
  if (quiet === undefined) throw new Error("the simulation of a measure without one is refused");
  return measureSimulation(quiet, measure.plausible);
}

/** The sensors of a profile, or undefined where it has none. */
export function fleetOf(profile: Profile): Fleet | undefined {
  // Only `fleet` makes it.
  return profile.simulate as Fleet | undefined;
}
