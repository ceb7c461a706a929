/** A foreign row while it is read: the values so far, and how each kind of field is read into them. */
import { IDENTITY_COLUMNS, LIMITS } from "../../core/sensor.ts";
import { Unreadable } from "../map/record-shape.ts";
import { RowTime } from "../time/row-time.ts";
import type { FieldTable } from "./field-table.ts";
import type { Field, Mapping } from "./fields.ts";
import type { ForeignRow } from "./foreign-row.ts";
import { readQuantity, type Value, wordOf } from "./quantity.ts";
import { decimalText, notFinite, type Original, type RowProblem, shortened, wrongType } from "./row-problem.ts";
import type { TimestampReader } from "./timestamp.ts";

const NOTHING: Original = { received: () => ({ received: "", encoding: "utf8", bytes: 0 }), textOf: () => "null" };

/** One for all rows: `begin` before each. */
export class Draft {
  readonly identity: (string | number | null)[] = IDENTITY_COLUMNS.map(() => null);
  readonly measures = new Float64Array(LIMITS.measures);
  statusCode: number | null = null;
  anomalyFlag: 0 | 1 | null = null;
  anomalyType: string | null = null;
  extra = "";
  /** Fields that cannot be read, and are null, by name. */
  readonly problems = new Map<string, RowProblem>();
  original: Original = NOTHING;
  row: ForeignRow = {};
  readonly mapping: Mapping;
  readonly time: RowTime;

  constructor(mapping: Mapping, timestamps: TimestampReader) {
    this.mapping = mapping;
    this.time = new RowTime(mapping.time, timestamps);
  }

  begin(row: ForeignRow, original: Original): void {
    this.row = row;
    this.original = original;
    this.identity.fill(null);
    this.measures.fill(Number.NaN);
    this.time.begin();
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
  const word = reads.words === null ? undefined : wordOf(reads.words, digitsOf(draft, name, received));
  if (word === null) return null;
  const value = word ?? received;
  if (field.kind === "timestamp") return draft.time.read(draft, { field, name, value });
  if (field.kind === "timePart") return draft.time.readPart(field.index, name, value, draft.original);
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

/** An integer that a number cannot hold has its own digits. */
function digitsOf({ original }: Draft, name: string, received: unknown): unknown {
  return typeof received === "number" ? decimalText(name, received, original) : received;
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

/** The problem of the first bad measure, where no measure has a value; null where one has, or none is bad. `count`: of its profile. */
export function problemOfMeasures({ problems, measures }: Draft, fields: FieldTable, count: number): RowProblem | null {
  const first = problems.entries().find(([name]) => fields.get(name)?.kind === "measure");
  if (first === undefined) return null;
  for (let i = 0; i < count; i++) if (!Number.isNaN(measures[i])) return null;
  return first[1];
}
