/** Why a row is not a reading, or a field of it cannot be read, as a sentence that quotes what was received. */
import { BAD_FIELDS, type MalformedReason, RECEIVED_TIME } from "../../core/reading.ts";
import { CatalogueFullError } from "../../core/sensor.ts";
import type { Received } from "../lines/received.ts";
import type { ForeignRow } from "./foreign-row.ts";

/** Why a row is not a reading, or why a field of it is null. */
export type RowProblem = { readonly reason: MalformedReason; readonly detail: string };

/** A row as it was received, with every digit: a parsed number may have lost some. */
export interface Original {
  /** The whole of it. */
  received(): Received;
  /** The value of a field of the row, as JSON text. */
  textOf(name: string): string;
  /** All of a record, where its text is here. */
  json?(): string;
  /** The name of the unit that a field of the row is in, where the record says so. */
  unitOf?(name: string): string | undefined;
  /** What `other` was in the record that a field is from, where a row is made of several. */
  beside?(name: string, other: string): unknown;
  /** The field with a time that is only that of the arrival, or counted from it. */
  readonly arrivalField?: string;
  /** When it arrived, where that is not the arrival of what is just read. */
  readonly takenAtMs?: number;
}

export function notFinite(original: Original, name: string, value: unknown): RowProblem {
  const seen = shown(original, name, value);
  return { reason: "not_finite", detail: `${shortened(name)} is ${seen}, a finite number was expected` };
}

export function wrongType(original: Original, name: string, value: unknown, expected: string): RowProblem {
  const seen = shown(original, name, value);
  return { reason: "wrong_type", detail: `${shortened(name)} is ${seen}, ${expected} was expected` };
}

/** The digits of an integer of any size; any other number as it is, not as text. */
export function decimalText(name: string, value: number, original: Original): string | number {
  if (Number.isSafeInteger(value)) return String(value);
  const digits = original.textOf(name);
  return /^-?\d+$/.test(digits) ? digits : value;
}

/** A value as a sentence shows it, never longer than some fifty characters. An integer has its own digits, however many. */
export function shown(original: Original, name: string, value: unknown): string {
  if (typeof value === "string") return `text ${JSON.stringify(shortened(value))}`;
  if (value instanceof Uint8Array) return `a blob of ${value.length} bytes`;
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return shortened(typeof value === "number" ? String(decimalText(name, value, original)) : String(value));
}

export function shortened(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 39)}…`.toWellFormed();
}

/** `"bad_fields":{"humidity":{"reason":"not_finite","received":"nan"}}` at the end of `extra`, with a comma before it. */
export function problemNotes(problems: ReadonlyMap<string, RowProblem>, row: ForeignRow, original: Original): string {
  let key = BAD_FIELDS;
  while (Object.hasOwn(row, key)) key += "_";
  const notes = Array.from(problems, ([name, { reason }]) => {
    return `${JSON.stringify(name)}:{"reason":"${reason}","received":${original.textOf(name)}}`;
  });
  return `,"${key}":{${notes.join(",")}}`;
}

export function notAnObject(record: unknown): RowProblem {
  const kind = record === null ? "null" : Array.isArray(record) ? "an array" : `a ${typeof record}`;
  return { reason: "not_an_object", detail: `the record is ${kind}, a JSON object was expected` };
}

export function tooMuchExtra(mostBytes: number): RowProblem {
  return { reason: "text_too_long", detail: `the unknown fields are more than ${mostBytes} bytes` };
}

/** What `read` gives, or that there is no room for another kind. */
export function unlessFull<T>(read: () => T): T | RowProblem {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CatalogueFullError)) throw error;
    return { reason: "too_many_kinds", detail: error.message };
  }
}

/** What precedes the timestamp as it was received, at the very end of `extra`; `isTaken`: the row has a field of this name. */
export function receivedTimeKey(isTaken: (name: string) => boolean): string {
  let key: string = RECEIVED_TIME;
  while (isTaken(key)) key += "_";
  return `,"${key}":`;
}
