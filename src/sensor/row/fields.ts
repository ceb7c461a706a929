/**
 * What a field of a foreign row means to us. One table per profile (and mapping): from the name of a foreign field to its
 * meaning. A name that is not in the table is unknown and goes to `extra`.
 */

import { didYouMean } from "../../core/outside/did-you-mean.ts";
import type { Profile } from "../../core/profile.ts";
import { IDENTITY_COLUMNS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { conversionOf, UNIT_NAMES } from "../../core/units.ts";
import type { Glob } from "../map/pattern.ts";
import type { RecordShape } from "../map/record-shape.ts";
import { ISO_TIME, type TimeRules } from "../time/time-rules.ts";
import { twelveDigits } from "./twelve-digits.ts";

export type MappedField = {
  /** One of our names: an identity column, `timestamp`, a measure, `status_code`, `anomaly_flag`, `anomaly_type`. */
  readonly to: string;
  /** The unit that the foreign field is in, by name; converted to the measure's own. */
  readonly unit: string | null;
  readonly scale: number;
  readonly offset: number;
};

/** How a foreign row becomes a reading, as data: see map/map-file.ts for the file. */
export type Mapping = {
  /** How records become rows; null where each is a flat row. */
  readonly shape: RecordShape | null;
  /** By foreign name. */
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
  /** Values that mean "no value": `"NA"`; `-999` and the text `"-999"`; `"nan"` and the number NaN. */
  readonly absent: ReadonlySet<string | number>;
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
  absent: new Set(),
  time: ISO_TIME,
};

export type Field =
  | { readonly kind: "identity"; readonly column: number; readonly numeric: boolean; readonly mapped: boolean }
  /** `adjust` converts units and turns the numbers that mean "no value" into NaN; null where neither is needed. */
  | { readonly kind: "measure"; readonly index: number; readonly adjust: ((value: number) => number) | null }
  | { readonly kind: "timestamp" | "status" | "flag" | "type" | "drop" };

const READING_FIELDS: Readonly<Record<string, Field>> = {
  timestamp: { kind: "timestamp" },
  status_code: { kind: "status" },
  anomaly_flag: { kind: "flag" },
  anomaly_type: { kind: "type" },
};

const DROP: Field = { kind: "drop" };

/** Every name that a foreign field can be mapped to. */
export function targetNames(profiles: readonly Profile[]): Set<string> {
  const measures = profiles.flatMap((profile) => profile.measures.map((measure) => measure.name));
  return new Set([...IDENTITY_COLUMNS, ...Object.keys(READING_FIELDS), ...measures]);
}

/** The meaning of a foreign field, by its name; undefined: it is unknown and goes to `extra`. */
export interface FieldTable {
  get(name: string): Field | undefined;
}

/** Where the map drops all the rest, no field is unknown. */
class WithoutRest implements FieldTable {
  readonly #fields: FieldTable;

  constructor(fields: FieldTable) {
    this.#fields = fields;
  }

  get(name: string): Field {
    return this.#fields.get(name) ?? DROP;
  }
}

/** Names of fields that patterns were asked for, and need not be asked again. */
const GLOBBED_MOST = 10_000;

/** Patterns leave out what the map does not name. */
class WithoutGlobs implements FieldTable {
  readonly #fields: FieldTable;
  readonly #mapping: Mapping;
  readonly #isDropped = new Map<string, boolean>();

  constructor(fields: FieldTable, mapping: Mapping) {
    this.#fields = fields;
    this.#mapping = mapping;
  }

  get(name: string): Field | undefined {
    const field = this.#fields.get(name);
    if (field?.kind === "drop" || isNamed(this.#mapping, name)) return field;
    let isDropped = this.#isDropped.get(name);
    if (isDropped === undefined) {
      isDropped = this.#mapping.dropGlobs.some((glob) => glob.fits(name));
      if (this.#isDropped.size < GLOBBED_MOST) this.#isDropped.set(name, isDropped);
    }
    return isDropped ? DROP : field;
  }
}

/** The meaning of every known field, for the rows of one profile. */
export function fieldsOf(profile: Profile, mapping: Mapping): FieldTable {
  const ours = new Map<string, Field>(Object.entries(READING_FIELDS));
  IDENTITY_COLUMNS.forEach((name, column) => {
    if (!mapping.constants.has(name))
      ours.set(name, { kind: "identity", column, numeric: NUMERIC_IDENTITY.has(name), mapped: false });
  });
  profile.measures.forEach(({ name }, index) => {
    ours.set(name, { kind: "measure", index, adjust: adjustment(1, 0, mapping.absent) });
  });
  const foreign = new Map(mapping.onlyMapped ? [] : ours);
  for (const { to } of mapping.fields.values()) foreign.delete(to);
  for (const [name, mapped] of mapping.fields) {
    const field = ours.get(mapped.to);
    if (field !== undefined) foreign.set(name, mappedField(field, mapped, profile, mapping));
    else foreign.delete(name);
  }
  for (const { to } of mapping.shape?.compose ?? []) {
    const field = ours.get(to);
    if (field !== undefined) foreign.set(to, field);
  }
  for (const name of mapping.drop) foreign.set(name, DROP);
  if (mapping.dropRest) return new WithoutRest(foreign);
  return mapping.dropGlobs.length > 0 ? new WithoutGlobs(foreign, mapping) : foreign;
}

function isNamed({ fields, shape }: Mapping, name: string): boolean {
  return fields.has(name) || shape?.compose.some(({ to }) => to === name) === true;
}

function mappedField(field: Field, mapped: MappedField, profile: Profile, mapping: Mapping): Field {
  if (field.kind === "identity") return { ...field, mapped: true };
  if (field.kind !== "measure") return field;
  const unit = profile.measures[field.index]?.unit ?? "";
  const { scale, offset } = (mapped.unit === null ? null : conversionOf(mapped.unit, unit)) ?? mapped;
  return { ...field, adjust: adjustment(scale, offset, mapping.absent) };
}

/** Why a mapped unit cannot be converted to the measure's, or null. */
export function unitProblem(unit: string, measure: { readonly name: string; readonly unit: string }): string | null {
  if (conversionOf(unit, measure.unit) !== null) return null;
  if (!UNIT_NAMES.includes(unit)) return `"${unit}" is not a known unit${didYouMean(unit, UNIT_NAMES)}`;
  return `"${unit}" cannot be converted to ${measure.name}'s unit "${measure.unit}"; give scale and offset instead`;
}

function adjustment(scale: number, offset: number, absent: ReadonlySet<string | number>) {
  if (scale === 1 && offset === 0 && absent.size === 0) return null;
  return (value: number): number => {
    if (absent.has(value)) return Number.NaN;
    if (scale === 1 && offset === 0) return value;
    // 72.5 °F is 22.5 °C and not 22.500000000000004.
    return twelveDigits(value * scale + offset);
  };
}
