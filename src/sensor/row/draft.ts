/** A foreign row while it is read: the values so far, and how each kind of field is read into them. */
import type { MalformedReason } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, LIMITS } from "../../core/sensor.ts";
import type { Received } from "../lines/received.ts";
import type { Field, Mapping } from "./fields.ts";
import { notFiniteOf } from "./not-finite.ts";
import { FINER, type TimestampReader } from "./timestamp.ts";

/** Why a row is not a reading, or why a field of it is null. */
export type RowProblem = { readonly reason: MalformedReason; readonly detail: string };

/** A row as it was received, with every digit: a parsed number may have lost some. */
export interface Original {
  /** The whole of it. */
  received(): Received;
  /** The value of a field of the row, as JSON text. */
  textOf(name: string): string;
}

const NOTHING: Original = { received: () => ({ received: "", encoding: "utf8", bytes: 0 }), textOf: () => "null" };

/** One for all rows: `begin` before each. */
export class Draft {
  readonly identity: (string | number | null)[] = IDENTITY_COLUMNS.map(() => null);
  readonly measures = new Float64Array(LIMITS.measures);
  time = Number.NaN;
  /** The flags of `TimestampReader.note`, and the timestamp as JSON text where it is FINER. */
  timeNote = 0;
  receivedTime = "";
  statusCode: number | null = null;
  anomalyFlag: 0 | 1 | null = null;
  anomalyType: string | null = null;
  extra = "";
  /** Fields that cannot be read, and are null, by name. */
  readonly problems = new Map<string, RowProblem>();
  original: Original = NOTHING;
  readonly mapping: Mapping;
  readonly timestamps: TimestampReader;

  constructor(mapping: Mapping, timestamps: TimestampReader) {
    this.mapping = mapping;
    this.timestamps = timestamps;
  }

  begin(original: Original): void {
    this.original = original;
    this.identity.fill(null);
    this.measures.fill(Number.NaN);
    this.time = Number.NaN;
    this.timeNote = 0;
    this.receivedTime = "";
    this.statusCode = null;
    this.anomalyFlag = null;
    this.anomalyType = null;
    this.extra = "";
    if (this.problems.size > 0) this.problems.clear();
  }
}

/** Reads one value into the draft. Returns the problem where it cannot be read. */
export function readField(draft: Draft, field: Field, name: string, value: unknown): RowProblem | null {
  const { mapping } = draft;
  if (field.kind === "drop" || value === null || value === undefined) return null;
  // A set finds a value of any type, and in it only text and numbers are.
  if (mapping.absent.size > 0 && mapping.absent.has(value as string)) return null;
  if (field.kind === "timestamp") return readTimestamp(draft, name, value);
  if (field.kind === "type") return readText(draft, name, value, (text) => (draft.anomalyType = text));
  if (field.kind === "flag") return readFlag(draft, name, value);
  if (field.kind === "identity" && !field.numeric) {
    // Ids are often integers; where the mapping names the field, its decimal text is the id.
    const text = field.mapped && typeof value === "number" ? decimalText(name, value, draft.original) : value;
    return readText(draft, name, text, (read) => (draft.identity[field.column] = read));
  }
  const number = readNumber(draft, name, value);
  if (typeof number !== "number") return number;
  if (field.kind === "measure") {
    const adjusted = field.adjust === null ? number : field.adjust(number);
    if (Math.abs(adjusted) === Number.POSITIVE_INFINITY) return notFinite(draft, name, adjusted);
    draft.measures[field.index] = adjusted;
    return null;
  }
  if (Number.isNaN(number)) return null;
  if (field.kind === "identity") draft.identity[field.column] = number;
  else if (!Number.isSafeInteger(number)) return wrongType(draft, name, value, "an integer within 2^53");
  // -0 would read back as 0 from the buffer.
  else draft.statusCode = number + 0;
  return null;
}

/** The digits of an integer of any size; any other number as it is, not as text. */
function decimalText(name: string, value: number, original: Original): string | number {
  if (Number.isSafeInteger(value)) return String(value);
  const digits = original.textOf(name);
  return /^-?\d+$/.test(digits) ? digits : value;
}

/** Text by the formats of text, a number by those of numbers; and each by the others, where it may be written so. */
function readTimestamp(draft: Draft, name: string, value: unknown): RowProblem | null {
  const { timestamps, original } = draft;
  let problem: RowProblem | null = null;
  draft.time = typeof value === "string" ? timestamps.fromText(value) : Number.NaN;
  if (Number.isNaN(draft.time) && timestamps.numeric) {
    const number = readNumber(draft, name, value);
    if (typeof number !== "number") problem = timestamps.textual ? null : number;
    else if (Number.isNaN(number)) return null;
    else if (Math.abs(number) <= Number.MAX_SAFE_INTEGER) draft.time = timestamps.fromNumber(number);
    else draft.time = timestamps.fromExact(number, original.textOf(name));
  }
  if (Number.isNaN(draft.time) && typeof value === "number" && timestamps.hasPatterns) {
    draft.time = timestamps.fromText(original.textOf(name));
  }
  draft.timeNote = timestamps.note;
  if (Number.isNaN(draft.time)) return withOtherFormat(draft, value, problem ?? notATime(draft, name, value));
  if (timestamps.note & FINER) draft.receivedTime = original.textOf(name);
  return null;
}

function notATime(draft: Draft, name: string, value: unknown): RowProblem {
  const { timestamps } = draft;
  const isRightType = typeof value === "string" || (typeof value === "number" && timestamps.numeric);
  if (!isRightType)
    return wrongType(draft, name, value, timestamps.hasPatterns ? timestamps.expected : "text in ISO 8601");
  const expected = `${timestamps.expected} between 1970 and 9999 was expected`;
  return { reason: "bad_timestamp", detail: `${shortened(name)} is ${shown(draft, name, value)}, ${expected}` };
}

/** `problem`, with the format in which the number, or the text of one, is a usual time. */
function withOtherFormat({ timestamps }: Draft, value: unknown, problem: RowProblem): RowProblem {
  const number = typeof value === "string" && TEXT_NUMBER.test(value) ? Number(value) : value;
  const other = typeof number === "number" ? timestamps.otherFormat(number) : "";
  return { ...problem, detail: `${problem.detail}${other}` };
}

function readFlag(draft: Draft, name: string, value: unknown): RowProblem | null {
  const { textNumbers } = draft.mapping;
  const flag = textNumbers && (value === "0" || value === "1") ? Number(value) : value;
  if (flag === 0 || flag === false) draft.anomalyFlag = 0;
  else if (flag === 1 || flag === true) draft.anomalyFlag = 1;
  else if (!(textNumbers && value === "")) return wrongType(draft, name, value, "0, 1, true, false or null");
  return null;
}

function readText(draft: Draft, name: string, value: unknown, keep: (text: string) => void): RowProblem | null {
  if (typeof value !== "string") return wrongType(draft, name, value, "text");
  if (value.length > LIMITS.textLength) {
    return {
      reason: "text_too_long",
      detail: `${shortened(name)} has ${value.length} characters, at most ${LIMITS.textLength} are kept`,
    };
  }
  if (value.includes("\u0000")) return { reason: "wrong_type", detail: `${shortened(name)} holds a NUL character` };
  // Half a surrogate pair has no UTF-8 and would come back as something else.
  keep(value.isWellFormed() ? value : value.toWellFormed());
  return null;
}

const TEXT_NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

/** A finite number; NaN for blank text and for text that means no value. */
function readNumber(draft: Draft, name: string, value: unknown): number | RowProblem {
  const { textNumbers, absent } = draft.mapping;
  if (typeof value === "number") return Number.isFinite(value) ? value : notFinite(draft, name, value);
  if (typeof value !== "string") return wrongType(draft, name, value, "a number");
  if (textNumbers && value.trim() === "") return Number.NaN;
  // "nan" is a number without a value, also where numbers are not text.
  const number = textNumbers && TEXT_NUMBER.test(value) ? Number(value) : notFiniteOf(value);
  if (number === null) return wrongType(draft, name, value, "a number");
  if (absent.has(number)) return Number.NaN;
  return Number.isFinite(number) ? number : notFinite(draft, name, value);
}

function notFinite(draft: Draft, name: string, value: unknown): RowProblem {
  const seen = shown(draft, name, value);
  return { reason: "not_finite", detail: `${shortened(name)} is ${seen}, a finite number was expected` };
}

function wrongType(draft: Draft, name: string, value: unknown, expected: string): RowProblem {
  const seen = shown(draft, name, value);
  return { reason: "wrong_type", detail: `${shortened(name)} is ${seen}, ${expected} was expected` };
}

/** A value as a sentence shows it, never longer than some fifty characters. An integer has its own digits, however many. */
function shown(draft: Draft, name: string, value: unknown): string {
  if (typeof value === "string") return `text ${JSON.stringify(shortened(value))}`;
  if (value instanceof Uint8Array) return `a blob of ${value.length} bytes`;
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return shortened(typeof value === "number" ? String(decimalText(name, value, draft.original)) : String(value));
}

export function shortened(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 39)}…`.toWellFormed();
}
