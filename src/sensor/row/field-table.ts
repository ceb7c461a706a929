/** What every field of a foreign row means, by its name, for the rows of one profile. */
import type { Profile } from "../../core/profile.ts";
import { IDENTITY_COLUMNS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { conversionOf, type Linear } from "../../core/units.ts";
import { extractedNames, madeFields } from "../map/record-shape.ts";
import type { AbsentValues } from "./absent.ts";
import {
  type Adjust,
  AS_IT_IS,
  converted,
  type FastValues,
  type Field,
  type FieldReading,
  IDENTITY_UNITS,
  type MappedField,
  type Mapping,
  type Meaning,
  READING_FIELDS,
} from "./fields.ts";

/** The meaning of a foreign field, by its name; undefined: it is unknown and goes to `extra`. */
export interface FieldTable {
  get(name: string): Field | undefined;
}

/** Where the map drops all the rest, no field is unknown. */
class WithoutRest implements FieldTable {
  readonly #fields: FieldTable;
  readonly #drop: Field;

  constructor(fields: FieldTable, drop: Field) {
    this.#fields = fields;
    this.#drop = drop;
  }

  get(name: string): Field {
    return this.#fields.get(name) ?? this.#drop;
  }
}

/** Names of fields that patterns were asked for, and need not be asked again. */
const GLOBBED_MOST = 10_000;

/** Patterns leave out what the map does not name. */
class WithoutGlobs implements FieldTable {
  readonly #fields: FieldTable;
  readonly #mapping: Mapping;
  readonly #drop: Field;
  readonly #isDropped = new Map<string, boolean>();

  constructor(fields: FieldTable, mapping: Mapping, drop: Field) {
    this.#fields = fields;
    this.#mapping = mapping;
    this.#drop = drop;
  }

  get(name: string): Field | undefined {
    const field = this.#fields.get(name);
    if (field?.kind === "drop" || isNamed(this.#mapping, name)) return field;
    let isDropped = this.#isDropped.get(name);
    if (isDropped === undefined) {
      isDropped = this.#mapping.dropGlobs.some((glob) => glob.fits(name));
      if (this.#isDropped.size < GLOBBED_MOST) this.#isDropped.set(name, isDropped);
    }
    return isDropped ? this.#drop : field;
  }
}

/** The meaning of every known field, for the rows of one profile. */
export function fieldsOf(profile: Profile, mapping: Mapping): FieldTable {
  const ours = new Map<string, Meaning>(Object.entries(READING_FIELDS));
  IDENTITY_COLUMNS.forEach((name, column) => {
    if (!mapping.constants.has(name))
      ours.set(name, { kind: "identity", column, numeric: NUMERIC_IDENTITY.has(name), mapped: false });
  });
  profile.measures.forEach(({ name, unit }, index) => {
    ours.set(name, { kind: "measure", index, name, unit, adjust: null, adjustIn: null, isScaled: false });
  });
  const foreign = new Map<string, Field>();
  if (!mapping.onlyMapped) for (const [name, meaning] of ours) foreign.set(name, fieldOf(meaning, AS_IT_IS, mapping));
  for (const { to } of mapping.fields.values()) foreign.delete(to);
  for (const [name, mapped] of mapping.fields) {
    const meaning = ours.get(mapped.to);
    if (meaning === undefined) foreign.delete(name);
    else foreign.set(name, fieldOf(meaning.kind === "identity" ? asMapped(meaning) : meaning, mapped, mapping));
  }
  const { shape } = mapping;
  for (const to of shape === null ? [] : [...extractedNames(shape), ...madeFields(shape)]) {
    const meaning = ours.get(to);
    if (meaning === undefined || mapping.fields.has(to)) continue;
    foreign.set(to, fieldOf(meaning.kind === "identity" ? asMapped(meaning) : meaning, AS_IT_IS, mapping));
  }
  const { from } = mapping.time;
  if (from.length > 0) foreign.delete("timestamp");
  for (const [index, name] of from.entries()) {
    const meaning: Meaning = from.length === 1 ? { kind: "timestamp" } : { kind: "timePart", index };
    foreign.set(name, fieldOf(meaning, AS_IT_IS, mapping));
  }
  const drop = fieldOf({ kind: "drop" }, AS_IT_IS, mapping);
  for (const name of mapping.drop) foreign.set(name, drop);
  if (mapping.dropRest) return new WithoutRest(foreign, drop);
  return mapping.dropGlobs.length > 0 ? new WithoutGlobs(foreign, mapping, drop) : foreign;
}

function isNamed({ fields, shape, time }: Mapping, name: string): boolean {
  if (fields.has(name) || time.from.includes(name)) return true;
  return shape !== null && (madeFields(shape).has(name) || extractedNames(shape).has(name));
}

function asMapped({ kind, column, numeric }: Extract<Meaning, { kind: "identity" }>): Meaning {
  return { kind, column, numeric, mapped: true };
}

function fieldOf(meaning: Meaning, mapped: Omit<MappedField, "to">, mapping: Mapping): Field {
  const { linear, unitFrom, words } = mapped;
  const decimal = mapped.decimal ?? mapping.decimal;
  const unit = unitOf(meaning);
  const reads: FieldReading = {
    words,
    absent: mapping.absent.and(mapped.absent),
    textNumbers: mapping.textNumbers || mapped.decimal !== null,
    decimal,
    linear: linear ?? (mapped.unit === null || unit === null ? null : conversionOf(mapped.unit, unit)),
    unitFrom,
    needsUnit: unitFrom !== null && mapped.unit === null,
  };
  const fast = fastValues(meaning, mapped, reads, mapping);
  if (meaning.kind !== "measure") return { ...meaning, fast, reads };
  const { kind, index, name } = meaning;
  const adjust = adjustment(reads.linear, reads.absent);
  const hasOwnWords = words !== null && ![...words.keys()].every(isPlainWord);
  const adjustIn =
    unitFrom === null || hasOwnWords ? null : (of: string | null) => adjustmentIn(of, meaning.unit, reads);
  return { kind, index, name, unit: meaning.unit, adjust, adjustIn, isScaled: linear !== null, fast, reads };
}

/** As readQuantity does: a unit that is not known is for the normalizer to report. */
function adjustmentIn(unit: string | null, ours: string, { absent, linear, needsUnit }: FieldReading): Adjust | null {
  const isNamed = unit !== null && unit.trim() !== "" && !absent.has(unit);
  if (!isNamed && needsUnit) return null;
  const conversion = isNamed ? conversionOf(unit, ours) : (linear ?? { scale: 1, offset: 0 });
  if (conversion === null) return null;
  return (value) => (absent.has(value) ? Number.NaN : converted(value, conversion));
}

/** Our unit of a number; null where it has none. */
function unitOf(meaning: Meaning): string | null {
  if (meaning.kind === "measure") return meaning.unit;
  return meaning.kind === "identity" ? (IDENTITY_UNITS[meaning.column] ?? null) : null;
}

function fastValues(
  { kind }: Meaning,
  { linear, unitFrom, words, absent, decimal }: Omit<MappedField, "to">,
  reads: FieldReading,
  mapping: Mapping,
): FastValues {
  // An identity column is the same in every row that a fast path reads.
  if (kind === "identity" || kind === "drop") return "all";
  if (kind !== "measure" && (linear !== null || words !== null || absent.length > 0)) return "none";
  if (unitFrom !== null || (words !== null && ![...words.keys()].every(isPlainWord))) return "none";
  const isTextSame = words === null && absent.length === 0 && decimal === null && reads.decimal !== ",";
  return isTextSame && reads.textNumbers === mapping.textNumbers ? "all" : "numbers";
}

/** Neither a number, nor text that a fast path takes for no value. */
function isPlainWord(word: string): boolean {
  return word !== "" && Number.isNaN(Number(word));
}

/** See `adjust` of a measure. */
export function adjustment(linear: Linear | null, absent: AbsentValues) {
  const isSame = linear === null || (linear.scale === 1 && linear.offset === 0);
  if (isSame && absent.size === 0) return null;
  return (value: number): number => {
    if (absent.has(value)) return Number.NaN;
    return isSame ? value : converted(value, linear);
  };
}
