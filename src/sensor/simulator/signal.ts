/**
 * What healthy sensors measure: a pure function of (seed, sensor, tick, time). Everything slow (cycles, weather, drift) is
 * computed at knots every ten seconds of event time and is linear between them, so that a reading costs little more than
 * one hash for each of its measures. The knots are kept for speed only: dropping them changes nothing.
 */

import type { Measure } from "../../core/profile.ts";
import { bell, hashAt, mix, unit } from "../../core/random.ts";
import { MS_PER_DAY, MS_PER_HOUR } from "../../core/time/duration.ts";
import { type MeasureSimulation, simulationOf } from "../profile/simulation.ts";
import { Line, wander, wave } from "./waves.ts";

const KNOT_MS = 10_000;
const MS_PER_YEAR = 365.2425 * MS_PER_DAY;
/** Weather this slow or slower is shared by all sensors of a site. */
const SITE_HOURS = 1;
/** Faster weather is a gust: measures that `follow`, or are `smooth`, ignore it. */
const CALM_HOURS = 0.25;
const DRIFT_HOURS = 1_500;

/** Where a sensor is, and the keys of its own random numbers; see sensors.ts. */
export type Place = {
  readonly latitude: number;
  readonly longitude: number;
  readonly offsets: Readonly<Record<string, number>>;
  readonly sensorKey: number;
  readonly siteKey: number;
};

/** A measure's simulation, with positions instead of names. */
type Model = MeasureSimulation & {
  readonly name: string;
  readonly scale: number;
  readonly salt: number;
  /** The positions of the measure that it follows and of the one that its curve is over, or −1. */
  readonly followed: number;
  readonly curved: number;
  readonly smooth: boolean;
  readonly line: Line;
};

export class Signals {
  readonly #models: readonly Model[];
  readonly #places: readonly Place[];
  /** By sensor: the knot that `#from` belongs to; `#to` is the next one. */
  readonly #knot: Float64Array;
  /** By sensor and measure. */
  readonly #from: Float64Array;
  readonly #to: Float64Array;
  readonly #base: Float64Array;
  readonly #calm: Float64Array;

  constructor(measures: readonly Measure[], places: readonly Place[]) {
    this.#models = measures.map((measure, m) => modelOf(measure, m, measures));
    this.#places = places;
    const size = places.length * measures.length;
    this.#knot = new Float64Array(places.length).fill(Number.NaN);
    this.#from = new Float64Array(size);
    this.#to = new Float64Array(size);
    this.#calm = new Float64Array(measures.length);
    this.#base = new Float64Array(size);
    places.forEach((place, sensor) => {
      this.#models.forEach((model, m) => {
        const own = (unit(hashAt(place.sensorKey, model.salt)) * 2 - 1) * model.spread;
        this.#base[sensor * measures.length + m] = model.base + own + (place.offsets[model.name] ?? 0);
      });
    });
  }

  /** Writes what the sensor measures at its `tick`, which is at `timeMs`, in the order of the profile. */
  measure(sensor: number, tick: number, timeMs: number, out: Float64Array): void {
    const models = this.#models;
    const at = sensor * models.length;
    const knot = Math.floor(timeMs / KNOT_MS);
    if (knot !== this.#knot[sensor]) this.#moveTo(sensor, knot);
    const along = (timeMs - knot * KNOT_MS) / KNOT_MS;
    const key = hashAt(this.#places[sensor]!.sensorKey, tick);
    for (let m = 0; m < models.length; m++) {
      const model = models[m]!;
      const from = this.#from[at + m]!;
      let value = from + (this.#to[at + m]! - from) * along;
      if (model.curved >= 0 && !model.smooth) value += model.line.heightAt(out[model.curved]!);
      const chance = bell(mix(key ^ model.salt));
      value += chance * (model.noise + model.noiseRatio * value);
      out[m] = this.#rounded(model, value);
    }
  }

  /** A value as the sensor would report it: rounded as the measure is. */
  round(m: number, value: number): number {
    const { scale } = this.#models[m]!;
    // + 0: no sensor reports -0.
    return Math.round(value * scale) / scale + 0;
  }

  #rounded(model: Model, value: number): number {
    const { limits, scale } = model;
    const kept = Math.min(Math.max(value, limits[0]), limits[1]);
    return Math.round(kept * scale) / scale + 0;
  }

  #moveTo(sensor: number, knot: number): void {
    const size = this.#models.length;
    const first = sensor * size;
    if (knot !== this.#knot[sensor]! + 1) this.#slow(sensor, knot, this.#from);
    else for (let i = first; i < first + size; i++) this.#from[i] = this.#to[i]!;
    this.#slow(sensor, knot + 1, this.#to);
    this.#knot[sensor] = knot;
  }

  /** Computes the slow part of each measure at a knot. */
  #slow(sensor: number, knot: number, into: Float64Array): void {
    const models = this.#models;
    const place = this.#places[sensor]!;
    const first = sensor * models.length;
    const hours = (knot * KNOT_MS) / MS_PER_HOUR;
    const sunHour = hours + place.longitude / 15;
    const yearDay = (hours / 24) % (MS_PER_YEAR / MS_PER_DAY);
    const summer = place.latitude < 0 ? 0.5 : 0;
    for (let m = 0; m < models.length; m++) {
      const model = models[m]!;
      const { daily, seasonal } = model;
      let calm = daily.amplitude * wave((sunHour - daily.peakHour) / 24);
      calm += seasonal.amplitude * wave(((yearDay - seasonal.peakDay) * MS_PER_DAY) / MS_PER_YEAR + summer);
      let gusts = model.drift * wander(mix(place.sensorKey + model.salt), hours / DRIFT_HOURS);
      for (let w = 0; w < model.weather.length; w++) {
        const scale = model.weather[w]!;
        const key = mix((scale.hours >= SITE_HOURS ? place.siteKey : place.sensorKey) ^ (model.salt + w + 1));
        const part = scale.amplitude * wander(key, hours / scale.hours);
        if (scale.hours >= CALM_HOURS) calm += part;
        else gusts += part;
      }
      if (model.follows !== null) calm += model.follows.factor * this.#calm[model.followed]!;
      if (model.smooth) calm += model.line.heightAt(this.#base[first + model.curved]! + this.#calm[model.curved]!);
      this.#calm[m] = calm;
      into[first + m] = this.#base[first + m]! + calm + gusts;
    }
  }
}

function modelOf(measure: Measure, position: number, measures: readonly Measure[]): Model {
  const simulation = simulationOf(measure);
  const positionOf = (name: string | undefined) => measures.findIndex((other) => other.name === name);
  return {
    ...simulation,
    name: measure.name,
    scale: 10 ** simulation.decimals,
    salt: mix((position + 1) * 0x10001),
    followed: positionOf(simulation.follows?.measure),
    curved: positionOf(simulation.curve?.measure),
    smooth: simulation.curve?.smooth === true,
    line: new Line(simulation.curve?.points ?? [[0, 0]]),
  };
}
