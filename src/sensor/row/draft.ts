/** A foreign row while it is read: the values so far, and how each kind of field is read into them. */
import { IDENTITY_COLUMNS, LIMITS } from "../../core/sensor.ts";
import { Unreadable } from "../map/record-shape.ts";
import type { Field, Mapping } from "./fields.ts";
import type { ForeignRow } from "./foreign-row.ts";
import { readNumber, readQuantity, type Value, wordOf } from "./quantity.ts";
import { decimalText, notFinite, type Original, type RowProblem, shortened, shown, wrongType } from "./row-problem.ts";
import { PLAIN_NUMBER } from "./text-number.ts";
import { FINER, type TimestampReader } from "./timestamp.ts";

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
  row: ForeignRow = {};
  readonly mapping: Mapping;
  readonly timestamps: TimestampReader;

  constructor(mapping: Mapping, timestamps: TimestampReader) {
    this.mapping = mapping;
    this.timestamps = timestamps;
  }

  begin(row: ForeignRow, original: Original): void {
    this.row = row;
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
export function readField(draft: Draft, field: Field, name: string, received: unknown): RowProblem | null {
  const { reads } = field;
  if (field.kind === "drop" || received === null || received === undefined) return null;
  if (typeof received === "object" && received instanceof Unreadable) return received.problem;
  if (reads.absent.size > 0 && reads.absent.has(received)) return null;
  const isPlain = field.fast !== "none" && draft.original.unitOf === undefined;
  if (field.kind === "measure" && isPlain && typeof received === "number") {
    const adjusted = field.adjust === null ? received : field.adjust(received);
    if (!Number.isFinite(received) || Math.abs(adjusted) === Number.POSITIVE_INFINITY)
      return notFinite(draft.original, name, adjusted);
    draft.measures[field.index] = adjusted;
    return null;
  }
  const word = reads.words === null ? undefined : wordOf(reads.words, received);
  if (word === null) return null;
  const value = word ?? received;
  if (field.kind === "timestamp") return readTimestamp(draft, { field, name, value });
  if (field.kind === "type") return readText(draft, name, value, (text) => (draft.anomalyType = text));
  if (field.kind === "flag") return readFlag(draft, { field, name, value });
  if (field.kind === "identity" && !field.numeric) {
    // Ids are often integers; where the mapping names the field, its decimal text is the id.
    const text = field.mapped && typeof value === "number" ? decimalText(name, value, draft.original) : value;
    return readText(draft, name, text, (read) => (draft.identity[field.column] = read));
  }
  const number = typeof word === "number" ? word : readQuantity(draft, { field, name, value });
  if (typeof number !== "number") return number;
  if (Math.abs(number) === Number.POSITIVE_INFINITY) return notFinite(draft.original, name, number);
  if (field.kind === "measure") draft.measures[field.index] = number;
  else if (Number.isNaN(number)) return null;
  else if (field.kind === "identity") draft.identity[field.column] = number;
  else if (!Number.isSafeInteger(number)) return wrongType(draft.original, name, value, "an integer within 2^53");
  // -0 would read back as 0 from the buffer.
  else draft.statusCode = number + 0;
  return null;
}

/** Text by the formats of text, a number by those of numbers; and each by the others, where it may be written so. */
function readTimestamp(draft: Draft, said: Value): RowProblem | null {
  const { timestamps, original } = draft;
  const { name, value } = said;
  let problem: RowProblem | null = null;
  draft.time = typeof value === "string" ? timestamps.fromText(value) : Number.NaN;
  if (Number.isNaN(draft.time) && timestamps.numeric) {
    const read = readNumber(draft, said);
    const number = "number" in read && read.unit === "" ? read.number : null;
    if (number === null)
      problem = timestamps.textual ? null : "number" in read ? wrongType(original, name, value, "a number") : read;
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

function notATime({ timestamps, original }: Draft, name: string, value: unknown): RowProblem {
  const isRightType = typeof value === "string" || (typeof value === "number" && timestamps.numeric);
  if (!isRightType)
    return wrongType(original, name, value, timestamps.hasPatterns ? timestamps.expected : "text in ISO 8601");
  const expected = `${timestamps.expected} between 1970 and 9999 was expected`;
  return { reason: "bad_timestamp", detail: `${shortened(name)} is ${shown(original, name, value)}, ${expected}` };
}

/** `problem`, with the format in which the number, or the text of one, is a usual time. */
function withOtherFormat({ timestamps }: Draft, value: unknown, problem: RowProblem): RowProblem {
  const number = typeof value === "string" && PLAIN_NUMBER.test(value) ? Number(value) : value;
  const other = typeof number === "number" ? timestamps.otherFormat(number) : "";
  return { ...problem, detail: `${problem.detail}${other}` };
}

function readFlag(draft: Draft, { field, name, value }: Value): RowProblem | null {
  const { textNumbers } = field.reads;
  const flag = textNumbers && (value === "0" || value === "1") ? Number(value) : value;
  if (flag === 0 || flag === false) draft.anomalyFlag = 0;
  else if (flag === 1 || flag === true) draft.anomalyFlag = 1;
  else if (!(textNumbers && value === "")) return wrongType(draft.original, name, value, "0, 1, true, false or null");
  return null;
}

function readText(draft: Draft, name: string, value: unknown, keep: (text: string) => void): RowProblem | null {
  if (typeof value !== "string") return wrongType(draft.original, name, value, "text");
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
