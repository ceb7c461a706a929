/** A column of a row that the agent delivers: what encoders, schemas and the lake's tables agree on. */
export type ColumnType = "text" | "number" | "integer" | "timestamp" | "list of text";

export type Column = {
  readonly name: string;
  readonly type: ColumnType;
  /** Whether a row may hold null. */
  readonly nullable: boolean;
  readonly doc: string;
};
