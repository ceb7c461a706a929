/** What a query answers, wherever it was asked. */

/** How to read a value; a `json` value is a list or an object. */
export type AnswerKind = "number" | "text" | "boolean" | "json";
export type AnswerColumn = {
  readonly name: string;
  /** In the words of Databricks: `BIGINT`, `TIMESTAMP`. Empty where SQLite, which types values, computed the column. */
  readonly type: string;
  readonly kind: AnswerKind;
};
export type QueryAnswer = {
  readonly columns: readonly AnswerColumn[];
  /** Every value as text, so that a large integer is exact; NULL is null. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** There are more rows than were asked for. */
  readonly truncated: boolean;
};

/** What is not in the answer although it should be: objects that cannot be read, and why. */
export type LeftOut = { readonly object: string; readonly reason: string };
