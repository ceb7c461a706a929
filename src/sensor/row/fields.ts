/**
 * What a field of a foreign row means to us. One table per profile (and mapping): from the name of a foreign field to its
 * meaning. A name that is not in the table is unknown and goes to `extra`.
 */

import { didYouMean } from "../../core/outside/did-you-mean.ts";
import type { Profile } from "../../core/profile.ts";
import { IDENTITY_COLUMNS, type IdentityColumn } from "../../core/sensor.ts";
import { conversionOf, isUnit, type Linear, UNIT_NAMES } from "../../core/units.ts";
import type { GivenCsv } from "../csv/options.ts";
import type { Glob } from "../map/pattern.ts";
import type { RecordShape } from "../map/record-shape.ts";
import { ISO_TIME, type TimeRules } from "../time/time-rules.ts";
import { type AbsentValues, NONE_ABSENT } from "./absent.ts";
import type { DecimalMark } from "./text-number.ts";
import { twelveDigits } from "./twelve-digits.ts";

const UNITS_OF: Readonly<Partial<Record<IdentityColumn, string>>> = {
  latitude: "°",
  longitude: "°",
  height_meters: "m",
  orientation_degrees: "°",
};

export type MappedField = {
  /** One of our names: an identity column, `timestamp`, a measure, `status_code`, `anomaly_flag`, `anomaly_type`. */
  readonly to: string;
  /** The unit that the foreign field is in, by name; converted to the measure's own. */
  readonly unit: string | null;
  /** The foreign field that has the unit's name; `unit` is for the rows where it has none. */
  readonly unitFrom: string | null;
  /** Value × scale + offset; null where the map says neither. */
  readonly linear: Linear | null;
  /** What words mean, by the word as `folded` gives it; null: no value. */
  readonly words: ReadonlyMap<string, string | number | null> | null;
  /** Values that mean "no value", beside those of the map. */
  readonly absent: readonly (string | number)[];
  readonly decimal: DecimalMark | null;
};

/** What the map says of a field that it does not name. */
export const AS_IT_IS: Omit<MappedField, "to"> = {
  unit: null,
  unitFrom: null,
  linear: null,
  words: null,
  absent: [],
  decimal: null,
};

/** How a foreign row becomes a reading, as data: see map/map-file.ts for the file. */
export type Mapping = {
  /** How records become rows; null where each is a flat row. */
  readonly shape: RecordShape | null;
  /** By foreign name. Of several for one of our fields, the first that has a value in the row counts. */
  readonly fields: ReadonlyMap<string, MappedField>;
  /** By identity column: it wins over a field of that name in the row, which is then unknown and goes to `extra`. */
  readonly constants: ReadonlyMap<string, string | number>;
  readonly drop: ReadonlySet<string>;
  readonly dropGlobs: readonly Glob[];
  /** Every field that is not read is left out, and nothing goes to `extra`. */
  readonly dropRest: boolean;
  /** Only the fields that are mapped are read: one that has a name of ours and is not mapped is unknown. */
  readonly onlyMapped: boolean;
  /** Numbers may be text; blank text is an absent number. */
  readonly textNumbers: boolean;
  /** What is before the decimals of numbers in text; null: a point. */
  readonly decimal: DecimalMark | null;
  /** How its CSV files are written; null: the map says nothing of CSV. */
  readonly csv: GivenCsv | null;
  readonly absent: AbsentValues;
  readonly time: TimeRules;
};

export const NO_MAPPING: Mapping = {
  shape: null,
  fields: new Map(),
  constants: new Map(),
  drop: new Set(),
  dropGlobs: [],
  dropRest: false,
  onlyMapped: false,
  textNumbers: false,
  decimal: null,
  csv: null,
  absent: NONE_ABSENT,
  time: ISO_TIME,
};

/** What the map says about the values of one field. */
export type FieldReading = {
  readonly words: MappedField["words"];
  /** Of the whole map and of this field. */
  readonly absent: AbsentValues;
  readonly textNumbers: boolean;
  readonly decimal: DecimalMark | null;
  /** Scale and offset, for the numbers that are not measures. */
  readonly linear: Linear | null;
  readonly unitFrom: string | null;
  /** No unit is assumed where `unitFrom` has none. */
  readonly needsUnit: boolean;
};

/**
 * Which values of a field the fast paths may read: `all`; `numbers`: those that JSON writes without quotes, and null, and no text;
 * `none`: only draft.ts reads them right. The normalizer does so in any case.
 */
export type FastValues = "all" | "numbers" | "none";

export type Adjust = (value: number) => number;

export type Meaning =
  | { readonly kind: "identity"; readonly column: number; readonly numeric: boolean; readonly mapped: boolean }
  | {
      readonly kind: "measure";
      readonly index: number;
      readonly name: string;
      readonly unit: string;
      /**
       * For a number that is not text: converts by `unit`, or by `scale` and `offset`, and turns the numbers that mean "no
       * value" into NaN, those of the field and of the whole map. Null where neither is needed. It knows nothing of `words`
       * and `unit_from`: such fields are not `fast`.
       */
      readonly adjust: Adjust | null;
      /**
       * Where only `unit_from` is between the field and `numbers`: what `adjust` is for a row whose unit has this text, null where
       * the row names none. Null where only the normalizer can read such a row.
       */
      readonly adjustIn: ((unit: string | null) => Adjust | null) | null;
      /** The map has a scale or an offset: then the name of a unit behind a number is not asked for. */
      readonly isScaled: boolean;
    }
  /** One of several fields that are the timestamp together. */
  | { readonly kind: "timePart"; readonly index: number }
  | { readonly kind: "timestamp" | "status" | "flag" | "type" | "drop" };

export type Field = Meaning & { readonly fast: FastValues; readonly reads: FieldReading };

/** The units of the numeric identity columns, by their place in IDENTITY_COLUMNS. */
export const IDENTITY_UNITS: readonly (string | null)[] = IDENTITY_COLUMNS.map((column) => UNITS_OF[column] ?? null);

export const READING_FIELDS: Readonly<Record<string, Meaning>> = {
  timestamp: { kind: "timestamp" },
  status_code: { kind: "status" },
  anomaly_flag: { kind: "flag" },
  anomaly_type: { kind: "type" },
};

const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

/** Without these a row is not a reading. */
export function isNeeded(field: Meaning): boolean {
  if (field.kind === "identity") return field.column === SENSOR_ID;
  return field.kind === "timestamp" || field.kind === "timePart";
}

/** Every name that a foreign field can be mapped to. */
export function targetNames(profiles: readonly Profile[]): Set<string> {
  const measures = profiles.flatMap((profile) => profile.measures.map((measure) => measure.name));
  return new Set([...IDENTITY_COLUMNS, ...Object.keys(READING_FIELDS), ...measures]);
}

/** The foreign names of one of our fields that the map has, in its order. */
export function foreignNamesOf(mapping: Mapping, ours: string): readonly string[] {
  return [...mapping.fields].flatMap(([name, { to }]) => (to === ours ? [name] : []));
}

/** Why a mapped unit cannot be converted to the measure's, or null. */
export function unitProblem(unit: string, measure: { readonly name: string; readonly unit: string }): string | null {
  if (conversionOf(unit, measure.unit) !== null) return null;
  if (!isUnit(unit)) return `"${unit}" is not a known unit${didYouMean(unit, UNIT_NAMES)}`;
  return `"${unit}" cannot be converted to ${measure.name}'s unit "${measure.unit}"; give scale and offset instead`;
}

/** 72.5 °F is 22.5 °C and not 22.500000000000004. */
export function converted(value: number, { scale, offset }: Linear): number {
  return scale === 1 && offset === 0 ? value : twelveDigits(value * scale + offset);
}
