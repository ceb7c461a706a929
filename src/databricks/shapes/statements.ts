/** SQL statements: https://docs.databricks.com/api/workspace/statementexecution */
import { type } from "./ark.ts";

/** Rows are judged one by one where they are read: there may be 100,000. */
export const Chunk = type({
  "data_array?": "unknown[]",
  "next_chunk_index?": "number",
  "next_chunk_internal_link?": "string",
});
export type Chunk = typeof Chunk.infer;

const Column = type({ name: "string", "type_text?": "string", "type_name?": "string" });
export type Column = typeof Column.infer;

/** Every value as text; NULL is null. */
export const Row = type("string | null").array();

export const Statement = type({
  "statement_id?": "string",
  status: {
    state: "string",
    "sql_state?": "string",
    "error?": { "error_code?": "string", "message?": "string" },
  },
  "manifest?": {
    "total_row_count?": "number",
    "truncated?": "boolean",
    "schema?": { "columns?": Column.array() },
  },
  "result?": Chunk,
});
export type Statement = typeof Statement.infer;
