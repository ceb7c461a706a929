/**
 * The schematized stage: a validated row plus `schema_version` and columns that follow from its measures. A sensor gets
 * the derived columns whose inputs it measures; a value that cannot be derived (input absent, outside the formula) is null.
 */
import { type ByteWriter, bytesOf } from "../core/bytes/bytes.ts";
import type { ReadingBlock } from "../core/reading.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import { conversionOf } from "../core/units.ts";

export const SCHEMA_VERSION = 1;

export type Derived = {
  readonly name: string;
  readonly unit: string;
  /** The measures that it is derived from, in the order of `of`'s arguments. */
  readonly inputs: readonly [string, string];
  /** The units that `of` takes them in. */
  readonly inputUnits: readonly [string, string];
  readonly doc: string;
  readonly of: (a: number, b: number) => number;
};

/** Magnus formula over water; coefficients of Alduchov and Eskridge (1996), good from −40 to 50 °C. */
const MAGNUS_A = 17.625;
const MAGNUS_B = 243.04;
const MAGNUS_C = 6.1094;
/** The reference turbine of the shipped profile: rotor diameter 100 m, standard air (ISO 2533), kW. */
const ROTOR_AREA_M2 = Math.PI * 50 ** 2;
const AIR_DENSITY = 1.225;

export const DERIVED: readonly Derived[] = [
  {
    name: "dew_point",
    unit: "°C",
    inputs: ["temperature", "humidity"],
    inputUnits: ["°C", "%RH"],
    doc: "Temperature at which the air would be saturated (Magnus, Alduchov and Eskridge 1996)",
    of: dewPoint,
  },
  {
    name: "heat_index",
    unit: "°C",
    inputs: ["temperature", "humidity"],
    inputUnits: ["°C", "%RH"],
    doc: "Felt temperature in the shade (Rothfusz 1990 with the adjustments of the US National Weather Service)",
    of: heatIndex,
  },
  {
    name: "absolute_humidity",
    unit: "g/m³",
    inputs: ["temperature", "humidity"],
    inputUnits: ["°C", "%RH"],
    doc: "Mass of water in a volume of air: vapour pressure (Magnus) over the gas constant of water vapour",
    of: absoluteHumidity,
  },
  {
    name: "power_coefficient",
    unit: "1",
    inputs: ["power_output", "wind_speed"],
    inputUnits: ["kW", "m/s"],
    doc: "Share of the wind's power that the rotor takes (Betz: at most 16/27), for a rotor of 100 m in standard air",
    of: powerCoefficient,
  },
];

/** °C from °C and %RH. */
function dewPoint(temperature: number, humidity: number): number {
  if (!(humidity > 0)) return Number.NaN;
  const gamma = Math.log(humidity / 100) + (MAGNUS_A * temperature) / (MAGNUS_B + temperature);
  return (MAGNUS_B * gamma) / (MAGNUS_A - gamma);
}

/** g/m³ from °C and %RH. 216.679 is 100 Pa/hPa × 1000 g/kg over 461.5 J/(kg K). */
function absoluteHumidity(temperature: number, humidity: number): number {
  if (!(humidity >= 0)) return Number.NaN;
  const saturated = MAGNUS_C * Math.exp((MAGNUS_A * temperature) / (MAGNUS_B + temperature));
  return (216.679 * saturated * (humidity / 100)) / (273.15 + temperature);
}

/** °C from °C and %RH; below 80 °F the simple formula of Steadman that the Weather Service prescribes. */
function heatIndex(temperature: number, humidity: number): number {
  if (!(humidity >= 0 && humidity <= 100)) return Number.NaN;
  const t = temperature * 1.8 + 32;
  const simple = 0.5 * (t + 61 + (t - 68) * 1.2 + humidity * 0.094);
  if ((simple + t) / 2 < 80) return (simple - 32) / 1.8;
  const r = humidity;
  let index =
    -42.379 + 2.04901523 * t + 10.14333127 * r - 0.22475541 * t * r - 6.83783e-3 * t * t - 5.481717e-2 * r * r;
  index += 1.22874e-3 * t * t * r + 8.5282e-4 * t * r * r - 1.99e-6 * t * t * r * r;
  if (r < 13 && t <= 112) index -= ((13 - r) / 4) * Math.sqrt(Math.max(0, (17 - Math.abs(t - 95)) / 17));
  else if (r > 85 && t <= 87) index += ((r - 85) / 10) * ((87 - t) / 5);
  return (index - 32) / 1.8;
}

/** From kW and m/s; null below 1 m/s, where the quotient says nothing. */
function powerCoefficient(power: number, wind: number): number {
  if (!(wind >= 1)) return Number.NaN;
  return (power * 1_000) / (0.5 * AIR_DENSITY * ROTOR_AREA_M2 * wind ** 3);
}

/** The units of measures by name; a measure that is not in it has the unit of the shipped profiles. */
export type MeasureUnits = ReadonlyMap<string, string>;

type Plan = {
  readonly keys: readonly Uint8Array[];
  readonly a: number;
  readonly b: number;
  readonly of: readonly Derived["of"][];
};
const TAIL = bytesOf(`,"schema_version":${SCHEMA_VERSION}`);
const NULL = bytesOf("null");

export class Schematizer {
  readonly #catalogue: SensorCatalogue;
  readonly #units: MeasureUnits;
  readonly #plans: Plan[][] = [];

  constructor(catalogue: SensorCatalogue, units: MeasureUnits = new Map()) {
    this.#catalogue = catalogue;
    this.#units = units;
  }

  /** Writes `,"schema_version":…` and the derived columns; the caller has reserved room and closes the row. */
  write(w: ByteWriter, block: ReadingBlock, row: number): void {
    w.raw(TAIL);
    const plans = this.#plans[block.sensor[row]!] ?? this.#plan(block.sensor[row]!);
    for (let i = 0; i < plans.length; i++) {
      const { keys, of, a: slotA, b: slotB } = plans[i]!;
      const a = block.measures[slotA]?.[row] ?? Number.NaN;
      const b = block.measures[slotB]?.[row] ?? Number.NaN;
      for (let k = 0; k < keys.length; k++) {
        w.raw(keys[k]!);
        const scaled = Math.round(of[k]!(a, b) * 1_000);
        if (Number.isFinite(scaled)) w.thousandths(scaled);
        else w.raw(NULL);
      }
    }
  }

  /** Columns that are derived from the same two measures are derived together. */
  #plan(handle: number): Plan[] {
    const { measures = [], slots = [] } = this.#catalogue.sensors[handle] ?? {};
    const slotOf = (measure: string) => slots[measures.indexOf(measure)];
    const groups = Map.groupBy(DERIVED, ({ inputs }) => inputs.join());
    const plans = [...groups.values()].flatMap((group) => {
      const [a, b] = (group[0]?.inputs ?? []).map(slotOf);
      if (a === undefined || b === undefined) return [];
      // A measure that the sensor reports under the derived name wins: a row has no two columns of one name.
      const wanted = group.filter(({ name }) => !measures.includes(name));
      const keys = wanted.map(({ name }) => bytesOf(`,"${name}":`));
      return [{ keys, a, b, of: wanted.map((derived) => this.#inTheirUnits(derived)) }];
    });
    this.#plans[handle] = plans;
    return plans;
  }

  /** `of` for inputs in the units of this node's profile; NaN, which is written as null, where they cannot be converted. */
  #inTheirUnits({ inputs, inputUnits, of }: Derived): Derived["of"] {
    const [a, b] = inputs.map((input, i) => {
      const unit = inputUnits[i] ?? "";
      return conversionOf(this.#units.get(input) ?? unit, unit);
    });
    if (a == null || b == null) return () => Number.NaN;
    const isSame = [a, b].every(({ scale, offset }) => scale === 1 && offset === 0);
    return isSame ? of : (x, y) => of(x * a.scale + a.offset, y * b.scale + b.offset);
  }
}
