/** What a format of a CSV file must know to continue in the middle of it: where its head is, and how it was understood. */

import { either } from "../../core/outside/composed-shapes.ts";
import { boolean, number, oneOf, text } from "../../core/outside/scalar-shapes.ts";
import { list, type Shape } from "../../core/outside/shape.ts";
import { atLeast, storedJson, tuple } from "../../core/outside/stored-json.ts";
import type { FormatStart } from "../format.ts";
import { type CsvLine, linesOf } from "./lines.ts";
import type { Utf16 } from "./utf16.ts";

/** `[from, to)` of the file. */
export type Place = readonly [number, number];

/** Comments with facts, in so many places at most. */
export const FACT_PLACES = 16;

export type HeadState = {
  readonly delimiter: string;
  readonly comment: string | null;
  /** What the mark at the start of the file says; null: it is not UTF-16. */
  readonly encoding: Utf16 | null;
  /** Where the names of the columns are; null without a header. */
  readonly header: Place | null;
  readonly hasRowNames: boolean;
  /** Where facts are, in their order: later ones win. */
  readonly facts: readonly Place[];
  readonly problem: string | null;
};

const OFFSET = number({ min: 0, max: Number.MAX_SAFE_INTEGER, whole: true });
const PLACE: Shape<Place> = tuple(OFFSET, OFFSET);
const isNull = (value: unknown): value is null => value === null;
const NOTHING: Shape<null> = { expects: "null", schema: { type: "null" }, read: () => null };
const orNull = <T>(shape: Shape<T>): Shape<T | null> => either(isNull, NOTHING, shape);

const STATE: Shape<HeadState> = atLeast({
  delimiter: oneOf([",", ";", "\t", "|"]),
  comment: orNull(text(/^.{1,8}$/, "the sign of comments")),
  encoding: orNull(oneOf(["utf-16le", "utf-16be"])),
  header: orNull(PLACE),
  hasRowNames: boolean,
  facts: list(PLACE, { least: 0, most: FACT_PLACES }),
  problem: orNull(text(/^/, "a sentence")),
});

/** What an earlier reader knew, and the lines that it had it from; null where it had read no head, or wrote something else. */
export function headAt(start: FormatStart): { state: HeadState; header: CsvLine[]; facts: CsvLine[] } | null {
  const state = start.state === null ? null : storedJson(STATE, start.state);
  if (state === null) return null;
  const at = ([from, to]: Place): CsvLine[] => linesOf(start.bytes(from, to), from, state.encoding);
  return { state, header: state.header === null ? [] : at(state.header), facts: state.facts.flatMap(at) };
}
