/** The parts of a profile that only the simulator reads: how a measure behaves, and which sensors there are. */

import { Fields, TEXT } from "../../core/outside/json-fields.ts";
import type { Measure, Profile } from "../../core/profile.ts";

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
  /** Smooth chance that changes over about so many hours; from one hour on it is the site's, below it the sensor's own. */
  readonly weather: readonly { readonly hours: number; readonly amplitude: number }[];
  /** How far the sensor's own error wanders over months. */
  readonly drift: number;
  /** Standard deviation, never more than 3.5 of them. */
  readonly noise: number;
  /** The same as a share of the value: what is nothing stays nothing. */
  readonly noiseRatio: number;
  /** Adds `factor` for each unit by which an earlier measure is off its base, short gusts left out. */
  readonly follows: { readonly measure: string; readonly factor: number } | null;
  /** Adds the height of a broken line over an earlier measure's value; `smooth`: over that value without short gusts. */
  readonly curve: {
    readonly measure: string;
    readonly points: readonly (readonly [x: number, y: number])[];
    readonly smooth: boolean;
  } | null;
  /** What a healthy sensor reports: within `plausible`. */
  readonly limits: readonly [number, number];
  /** What a broken sensor reports at the outside: wider than `plausible`. */
  readonly faulty: readonly [number, number];
  /** Whether simulated anomalies may touch it. */
  readonly anomalies: boolean;
};

export type Site = {
  readonly name: string;
  /** Begins the ids of its sensors. */
  readonly code: string;
  readonly latitude: number;
  readonly longitude: number;
  /** Of standard time: `-06:00`. */
  readonly timezone: string;
  /** What this site adds to a measure's base. */
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
const NAME = "a text of 1 to 128 characters";

export function readMeasureSimulation(
  fields: Fields,
  plausible: readonly [number, number],
  before: readonly string[],
): MeasureSimulation {
  const span = plausible[1] - plausible[0];
  const amplitude = (inner: Fields) => inner.number("amplitude", {});
  const daily = fields.object("daily", (cycle) =>
    closed(cycle, { amplitude: amplitude(cycle), peakHour: cycle.number("peak_hour", { min: 0, max: 24 }) }),
  );
  const seasonal = fields.object("seasonal", (cycle) =>
    closed(cycle, { amplitude: amplitude(cycle), peakDay: cycle.number("peak_day", { min: 0, max: 366 }) }),
  );
  const simulation: MeasureSimulation = {
    decimals: fields.number("decimals", { min: 0, max: 6, whole: true }, 2),
    base: fields.number("base", {}, plausible[0] + span / 2),
    spread: fields.number("spread", { min: 0 }, 0),
    daily: daily ?? { amplitude: 0, peakHour: 0 },
    seasonal: seasonal ?? { amplitude: 0, peakDay: 0 },
    weather: fields.has("weather") ? fields.objects("weather", { least: 0, most: 8 }, readWeather) : [],
    drift: fields.number("drift", { min: 0 }, 0),
    noise: fields.number("noise", { min: 0 }, 0),
    noiseRatio: fields.number("noise_ratio", { min: 0, max: 0.25 }, 0),
    follows: fields.object("follows", (of) => readFollows(of, before)) ?? null,
    curve: fields.object("curve", (of) => readCurve(of, before)) ?? null,
    limits: fields.pair("limits", plausible),
    faulty: fields.pair("faulty", [plausible[0] === 0 ? 0 : plausible[0] - span / 2, plausible[1] + span / 2]),
    anomalies: fields.boolean("anomalies", true),
  };
  const { limits, faulty } = simulation;
  if (limits[0] < plausible[0] || limits[1] > plausible[1])
    fields.problem("limits", `must lie within ${plausible[0]} to ${plausible[1]}`);
  if (faulty[0] > plausible[0] || faulty[1] < plausible[1])
    fields.problem("faulty", `must hold all of ${plausible[0]} to ${plausible[1]}`);
  return closed(fields, simulation);
}

export function readFleet(fields: Fields, measures: readonly string[]): Fleet {
  const most = LIST_MOST;
  return closed(fields, {
    manufacturers: fields.objects("manufacturers", { least: 1, most }, (maker) =>
      closed(maker, {
        name: maker.text("name", TEXT, NAME),
        models: maker.texts("models", most),
        firmware: maker.texts("firmware", most),
      }),
    ),
    locations: fields.objects("locations", { least: 1, most }, (site) => readSite(site, measures)),
    deployments: fields.texts("deployments", most, ["fixed"]),
    heightMeters: fields.pair("height_meters", [1, 10]),
  });
}

/** How a measure is simulated; one whose profile says nothing wanders gently about the middle of what is plausible. */
export function simulationOf(measure: Measure): MeasureSimulation {
  // Only the parser above makes profiles, so what is there has this shape.
  if (measure.simulate !== undefined) return measure.simulate as MeasureSimulation;
  const span = measure.plausible[1] - measure.plausible[0];
  const hours = [96, 6, 0.5];
  const weather = hours.map((length, i) => ({ hours: length, amplitude: (span * 0.15) / 2 ** i }));
  return readMeasureSimulation(new Fields({ weather, noise: span * 0.005 }, "", []), measure.plausible, []);
}

/** The sensors of a profile, or undefined where it does not say. */
export function fleetOf(profile: Profile): Fleet | undefined {
  // As above: made by the parser.
  return profile.simulate as Fleet | undefined;
}

function readSite(site: Fields, measures: readonly string[]): Site {
  const offsets = site.numbers("offsets") ?? {};
  for (const name of Object.keys(offsets)) {
    if (!measures.includes(name)) site.problem(`offsets.${name}`, "is no measure of this profile");
  }
  return closed(site, {
    name: site.text("name", TEXT, NAME),
    code: site.text("code", /^[A-Za-z0-9]{1,16}$/, "1 to 16 letters or digits"),
    latitude: site.number("latitude", { min: -90, max: 90 }),
    longitude: site.number("longitude", { min: -180, max: 180 }),
    timezone: site.text("timezone", /^[+-]\d\d:\d\d$/, "an offset such as -06:00", "+00:00"),
    offsets,
  });
}

function readWeather(fields: Fields): MeasureSimulation["weather"][number] {
  return closed(fields, {
    hours: fields.number("hours", { min: 0.01, max: 10_000 }),
    amplitude: fields.number("amplitude", {}),
  });
}

function readFollows(fields: Fields, before: readonly string[]): MeasureSimulation["follows"] {
  return closed(fields, { measure: earlier(fields, before), factor: fields.number("factor", {}) });
}

function readCurve(fields: Fields, before: readonly string[]): MeasureSimulation["curve"] {
  return closed(fields, {
    measure: earlier(fields, before),
    points: fields.points("points", 64),
    smooth: fields.boolean("smooth", false),
  });
}

function earlier(fields: Fields, before: readonly string[]): string {
  const name = fields.text("measure", TEXT, "the name of a measure that stands before this one");
  if (name !== "" && !before.includes(name)) {
    fields.problem("measure", `"${name}" must be a measure that stands before this one`);
  }
  return name;
}

function closed<T>(fields: Fields, value: T): T {
  fields.done();
  return value;
}
