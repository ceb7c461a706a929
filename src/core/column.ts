/** A column of a row that the agent delivers. Encoders, schemas and the lake's tables all read it here. */
export type ColumnType = "text" | "number" | "integer" | "timestamp" | "list of text";

export type Column = {
  readonly name: string;
  readonly type: ColumnType;
  /** Whether a row may hold null. */
  readonly nullable: boolean;
  readonly doc: string;
};
