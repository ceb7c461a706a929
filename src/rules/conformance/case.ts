/**
 * What CEL says of an expression over a flat reading: the language definition and the conformance suite of the language
 * (github.com/google/cel-spec), in our own words. `a` and `b` are measures.
 */
export type Fields = {
  readonly a?: number;
  readonly b?: number;
  readonly status_code?: number;
  readonly location?: string;
  readonly model?: string;
  /** ISO 8601; without it, the epoch. */
  readonly timestamp?: string;
};
/** `error`: for this reading. `refused`: when the rule is read, because it is not CEL, or an error for every reading. */
export type Outcome = true | false | "error" | "refused";
export type Case = readonly [expression: string, outcome: Outcome, fields?: Fields];
