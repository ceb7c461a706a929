/** From a value of a foreign row to a number of ours: words, numbers in text, and the unit that the row itself names. */
import { conversionOf, isUnit, type Linear } from "../../core/units.ts";
import { folded } from "./absent.ts";
import { converted, type Field, type FieldReading, IDENTITY_UNITS } from "./fields.ts";
import type { ForeignRow } from "./foreign-row.ts";
import { notFiniteOf } from "./not-finite.ts";
import { notFinite, type Original, type RowProblem, shortened, wrongType } from "./row-problem.ts";
import { type NumberInText, numberInText } from "./text-number.ts";

/** The row that a value is from. */
export type FromRow = { readonly row: ForeignRow; readonly original: Original };
/** A value of the row that is there and not absent, and the field that it is for. */
export type Value = { readonly field: Field; readonly name: string; readonly value: unknown };

/** What a value means as a word; undefined where it is none. A word may be text in any case, a number, true or false. */
export function wordOf(words: NonNullable<FieldReading["words"]>, value: unknown): string | number | null | undefined {
  if (typeof value === "string") return words.get(folded(value));
  return typeof value === "number" || typeof value === "boolean" ? words.get(String(value)) : undefined;
}

/** A number in our unit; NaN where there is none. */
export function readQuantity(from: FromRow, said: Value): number | RowProblem {
  const { field, name, value } = said;
  const read = readNumber(from, said);
  if (!("number" in read)) return read;
  const { number, unit } = read;
  const { reads } = field;
  if (Number.isNaN(number)) return number;
  if (unit !== "") return inOurs(said, number, unit) ?? unitProblem(from, said, unit);
  const given = reads.linear === null ? from.original.unitOf?.(name) : undefined;
  if (given !== undefined && given.trim() !== "") return inOurs(said, number, given) ?? unitProblem(from, said, given);
  if (reads.unitFrom === null) return reads.linear === null ? number : converted(number, reads.linear);
  const { beside } = from.original;
  const named = beside === undefined ? from.row[reads.unitFrom] : beside(name, reads.unitFrom);
  const isNamed = typeof named === "string" && named.trim() !== "" && !reads.absent.has(named);
  if (isNamed) return inOurs(said, number, named) ?? unitProblem(from, said, named);
  if (named !== undefined && named !== null && typeof named !== "string") {
    return wrongType(from.original, reads.unitFrom, named, "the name of a unit");
  }
  if (!reads.needsUnit) return reads.linear === null ? number : converted(number, reads.linear);
  const what = `${shortened(name)} is ${String(value).slice(0, 40)} without a unit`;
  return { reason: "unknown_unit", detail: `${what}: ${shortened(reads.unitFrom)} has none` };
}

/** The number behind a value as it was received, and the unit behind it; NaN where blank text, or text, means no value. */
export function readNumber({ original }: FromRow, { field, name, value }: Value): NumberInText | RowProblem {
  const { textNumbers, absent, decimal, words } = field.reads;
  if (typeof value === "number") {
    return Number.isFinite(value) ? { number: value, unit: "" } : notFinite(original, name, value);
  }
  const expected = words === null ? "a number" : `a number or one of the words ${wordsShown(words)}`;
  if (typeof value !== "string") return wrongType(original, name, value, expected);
  if (textNumbers && value.trim() === "") return ABSENT;
  // "nan" is a number without a value, also where numbers are not text.
  const read = textNumbers ? numberInText(value, decimal) : null;
  const number = read === null ? notFiniteOf(value) : read.number;
  if (number === null) {
    const comma = textNumbers && decimal === null && numberInText(value, ",") !== null ? COMMA_HINT : "";
    const problem = wrongType(original, name, value, expected);
    return comma === "" ? problem : { reason: problem.reason, detail: `${problem.detail}${comma}` };
  }
  if (absent.has(number)) return ABSENT;
  return Number.isFinite(number) ? { number, unit: read?.unit ?? "" } : notFinite(original, name, value);
}

const ABSENT: NumberInText = { number: Number.NaN, unit: "" };
const COMMA_HINT = '; with "decimal": "," in the map it is one';
const WORDS_SHOWN = 5;

function wordsShown(words: ReadonlyMap<string, unknown>): string {
  const names = [...words.keys()].slice(0, WORDS_SHOWN).map(shortened).join(", ");
  return words.size > WORDS_SHOWN ? `${names}, …` : names;
}

/** A number with a unit that the row names; null where that cannot be converted. */
function inOurs({ field }: Value, number: number, unit: string): number | null {
  const { linear } = field.reads;
  // The map says what the number means, whatever is behind it: but that must look like a unit.
  if (field.kind === "measure" && field.isScaled && linear !== null && (isUnit(unit) || !/\d/.test(unit)))
    return converted(number, linear);
  const conversion: Linear | null = conversionOf(unit, ourUnit(field));
  return conversion === null ? null : converted(number, conversion);
}

function ourUnit(field: Field): string {
  if (field.kind === "measure") return field.unit;
  return field.kind === "identity" ? (IDENTITY_UNITS[field.column] ?? "") : "";
}

function unitProblem({ original }: FromRow, { field, name, value }: Value, unit: string): RowProblem {
  const wanted = ourUnit(field);
  const isKnown = isUnit(unit);
  if (!isKnown && typeof value === "string" && /\d/.test(unit)) return wrongType(original, name, value, "a number");
  const why = isKnown
    ? `cannot be converted to ${wanted === "" ? "a number without a unit" : wanted}`
    : "is not a known unit";
  return { reason: "unknown_unit", detail: `${shortened(name)} is in "${shortened(unit)}", which ${why}` };
}
