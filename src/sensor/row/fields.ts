/**
 * What a field of a foreign row means to us, and how its value is read. One table per profile (and mapping): the name of a
 * foreign field to its meaning. A name that is not in the table is unknown and goes to `extra`.
 */

import { didYouMean } from "../../core/outside/did-you-mean.ts";
import type { Profile } from "../../core/profile.ts";
import type { MalformedReason } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, LIMITS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import type { TimestampFormat, TimestampReader } from "./timestamp.ts";
import { conversionOf, UNIT_NAMES } from "./units.ts";
import type { Zone } from "./zone.ts";

export type MappedField = {
  /** One of our names: an identity column, `timestamp`, a measure, `status_code`, `anomaly_flag`, `anomaly_type`. */
  readonly to: string;
  /** The unit that the foreign field is in, by name; converted to the measure's own. */
  readonly unit: string | null;
  readonly scale: number;
  readonly offset: number;
};

/** How a foreign row becomes a reading, as data: see mapping.ts for the file. */
export type Mapping = {
  /** By foreign name. */
  readonly fields: ReadonlyMap<string, MappedField>;
  /** By identity column: wins over a field of that name in the row, which then is unknown and goes to `extra`. */
  readonly constants: ReadonlyMap<string, string | number>;
  readonly drop: ReadonlySet<string>;
  /** Numbers may be text; blank text is an absent number. */
  readonly textNumbers: boolean;
  /** Values that mean "no value": `"NA"`, `-999`. */
  readonly absent: ReadonlySet<string | number>;
  readonly timestampFormat: TimestampFormat;
  readonly zone: Zone | null;
};

export const NO_MAPPING: Mapping = {
  fields: new Map(),
  constants: new Map(),
  drop: new Set(),
  textNumbers: false,
  absent: new Set(),
  timestampFormat: "iso",
  zone: null,
};

export type Field =
  | { readonly kind: "identity"; readonly column: number; readonly numeric: boolean; readonly mapped: boolean }
  /** `adjust` converts units and turns the numbers that mean "no value" into NaN; null where there is nothing to do. */
  | { readonly kind: "measure"; readonly index: number; readonly adjust: ((value: number) => number) | null }
  | { readonly kind: "timestamp" | "status" | "flag" | "type" | "drop" };

export type Problem = { readonly reason: MalformedReason; readonly detail: string };

/** A row while it is read; reused for every row. */
export class Draft {
  readonly identity: (string | number | null)[] = IDENTITY_COLUMNS.map(() => null);
  readonly measures = new Float64Array(LIMITS.measures);
  time = Number.NaN;
  statusCode: number | null = null;
  anomalyFlag: 0 | 1 | null = null;
  anomalyType: string | null = null;
  extra = "";

  clear(): void {
    this.identity.fill(null);
    this.measures.fill(Number.NaN);
    this.time = Number.NaN;
    this.statusCode = null;
    this.anomalyFlag = null;
    this.anomalyType = null;
    this.extra = "";
  }
}

const READING_FIELDS: Readonly<Record<string, Field>> = {
  timestamp: { kind: "timestamp" },
  status_code: { kind: "status" },
  anomaly_flag: { kind: "flag" },
  anomaly_type: { kind: "type" },
};

/** Every name that a mapping may lead to. */
export function targetNames(profiles: readonly Profile[]): Set<string> {
  const measures = profiles.flatMap((profile) => profile.measures.map((measure) => measure.name));
  return new Set([...IDENTITY_COLUMNS, ...Object.keys(READING_FIELDS), ...measures]);
}

/** The meaning of every field that is known, for the rows of one profile. */
export function fieldsOf(profile: Profile, mapping: Mapping): ReadonlyMap<string, Field> {
  const ours = new Map<string, Field>(Object.entries(READING_FIELDS));
  IDENTITY_COLUMNS.forEach((name, column) => {
    if (!mapping.constants.has(name))
      ours.set(name, { kind: "identity", column, numeric: NUMERIC_IDENTITY.has(name), mapped: false });
  });
  profile.measures.forEach(({ name }, index) => {
    ours.set(name, { kind: "measure", index, adjust: adjustment(1, 0, mapping.absent) });
  });
  const foreign = new Map(ours);
  for (const { to } of mapping.fields.values()) foreign.delete(to);
  for (const [name, mapped] of mapping.fields) {
    const field = ours.get(mapped.to);
    if (field !== undefined) foreign.set(name, mappedField(field, mapped, profile, mapping));
    else foreign.delete(name);
  }
  for (const name of mapping.drop) foreign.set(name, { kind: "drop" });
  return foreign;
}

function mappedField(field: Field, mapped: MappedField, profile: Profile, mapping: Mapping): Field {
  if (field.kind === "identity") return { ...field, mapped: true };
  if (field.kind !== "measure") return field;
  const unit = profile.measures[field.index]!.unit;
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
    // 72.5 °F is 22.5 °C and not 22.500000000000004: twelve digits are more than any sensor has.
    return Number((value * scale + offset).toPrecision(12));
  };
}

/** Reads one value into the draft. Answers why not, where it cannot. */
export function readField(
  field: Field,
  name: string,
  value: unknown,
  draft: Draft,
  mapping: Mapping,
  timestamps: TimestampReader,
): Problem | null {
  const given = typeof value === "string" && mapping.absent.has(value) ? null : (value ?? null);
  if (field.kind === "drop" || given === null) return null;
  if (field.kind === "timestamp") return readTimestamp(name, given, draft, mapping, timestamps);
  if (field.kind === "type") return readText(name, given, (text) => (draft.anomalyType = text));
  if (field.kind === "flag") return readFlag(name, given, draft, mapping);
  if (field.kind === "identity" && !field.numeric) {
    // Ids are often integers; where the mapping names the field, its decimal text is the id.
    const text = field.mapped && Number.isSafeInteger(given) ? String(given) : given;
    return readText(name, text, (read) => (draft.identity[field.column] = read));
  }
  const number = readNumber(name, given, mapping.textNumbers);
  if (typeof number !== "number") return number;
  if (field.kind === "measure") {
    const adjusted = field.adjust === null ? number : field.adjust(number);
    if (Math.abs(adjusted) === Number.POSITIVE_INFINITY) return notFinite(name, adjusted);
    draft.measures[field.index] = adjusted;
    return null;
  }
  if (Number.isNaN(number) || mapping.absent.has(number)) return null;
  if (field.kind === "identity") draft.identity[field.column] = number;
  else if (!Number.isSafeInteger(number)) return wrongType(name, given, "an integer");
  // -0 would read back as 0 from the buffer.
  else draft.statusCode = number + 0;
  return null;
}

function readTimestamp(
  name: string,
  value: unknown,
  draft: Draft,
  mapping: Mapping,
  timestamps: TimestampReader,
): Problem | null {
  if (timestamps.numeric) {
    const number = readNumber(name, value, mapping.textNumbers);
    if (typeof number !== "number") return number;
    draft.time = timestamps.fromNumber(number);
  } else if (typeof value === "string") draft.time = timestamps.fromText(value);
  else return wrongType(name, value, "text in ISO 8601");
  if (!Number.isNaN(draft.time)) return null;
  const expected = timestamps.numeric ? `a time in ${timestamps.format}` : "ISO 8601";
  return {
    reason: "bad_timestamp",
    detail: `${name} is ${shown(value)}, ${expected} between 1970 and 9999 was expected`,
  };
}

function readFlag(name: string, value: unknown, draft: Draft, mapping: Mapping): Problem | null {
  const flag = mapping.textNumbers && (value === "0" || value === "1") ? Number(value) : value;
  if (flag === 0 || flag === false) draft.anomalyFlag = 0;
  else if (flag === 1 || flag === true) draft.anomalyFlag = 1;
  else if (!(mapping.textNumbers && value === "")) return wrongType(name, value, "0, 1, true, false or null");
  return null;
}

function readText(name: string, value: unknown, keep: (text: string) => void): Problem | null {
  if (typeof value !== "string") return wrongType(name, value, "text");
  if (value.length > LIMITS.textLength) {
    return {
      reason: "text_too_long",
      detail: `${name} has ${value.length} characters, at most ${LIMITS.textLength} are kept`,
    };
  }
  if (value.includes("\u0000")) return { reason: "wrong_type", detail: `${name} holds a NUL character` };
  // Half a surrogate pair has no UTF-8 and would come back as something else.
  keep(value.isWellFormed() ? value : value.toWellFormed());
  return null;
}

const TEXT_NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

/** A finite number; NaN where blank text stands for none. */
function readNumber(name: string, value: unknown, textNumbers: boolean): number | Problem {
  if (typeof value === "number") return Number.isFinite(value) ? value : notFinite(name, value);
  if (typeof value !== "string" || !textNumbers) return wrongType(name, value, "a number");
  if (value.trim() === "") return Number.NaN;
  if (!TEXT_NUMBER.test(value)) {
    if (/^\s*[+-]?(?:nan|inf(?:inity)?)\s*$/i.test(value)) return notFinite(name, value);
    return wrongType(name, value, "a number");
  }
  const number = Number(value);
  return Number.isFinite(number) ? number : notFinite(name, number);
}

export function notFinite(name: string, value: unknown): Problem {
  return { reason: "not_finite", detail: `${shortened(name)} is ${shown(value)}, a finite number was expected` };
}

function wrongType(name: string, value: unknown, expected: string): Problem {
  return { reason: "wrong_type", detail: `${name} is ${shown(value)}, ${expected} was expected` };
}

/** A value as a sentence shows it, never longer than some fifty characters. */
function shown(value: unknown): string {
  if (typeof value === "string") return `text ${JSON.stringify(shortened(value))}`;
  if (value instanceof Uint8Array) return `a blob of ${value.length} bytes`;
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

export function shortened(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 39)}…`.toWellFormed();
}
