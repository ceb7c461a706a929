/** A question asked of the tables in Databricks, through the workspace and the warehouse that `agent provision` uses. */

import { type OpenOptions, openWorkspace } from "../databricks/open-workspace.ts";
import type { SqlColumn, SqlRows } from "../databricks/sql.ts";
import type { Pace } from "../databricks/wire.ts";
import type { AnswerColumn, AnswerKind, QueryAnswer } from "./answer.ts";

/** By the first word of a type's name. */
const KINDS: Readonly<Record<string, AnswerKind>> = {
  TINYINT: "number",
  SMALLINT: "number",
  INT: "number",
  BIGINT: "number",
  DECIMAL: "number",
  BYTE: "number",
  SHORT: "number",
  LONG: "number",
  FLOAT: "number",
  DOUBLE: "number",
  BOOLEAN: "boolean",
  ARRAY: "json",
  MAP: "json",
  STRUCT: "json",
  VARIANT: "json",
};

/** Throws a UsageError where the settings name no workspace; what the workspace says no to is an error of its own. */
export async function askDatabricks(
  options: OpenOptions,
  sql: string,
  limit: number,
  pace: Pace,
): Promise<QueryAnswer> {
  const { sql: runner } = openWorkspace(options);
  const { databricksCatalog: catalog, databricksSchema: schema } = options.settings;
  return asAnswer(await runner.run("query the tables", sql, pace, { catalog, schema, maxRows: limit, beyond: "cut" }));
}

export function asAnswer({ columns, rows, truncated }: SqlRows): QueryAnswer {
  const read = columns.map(columnOf);
  const isFraction = columns.map(({ type }) => type === "DOUBLE");
  return {
    columns: read,
    rows: rows.map((row) => row.map((value, at) => (isFraction[at] === true ? shortest(value) : value))),
    truncated,
  };
}

function columnOf({ name, type }: SqlColumn): AnswerColumn {
  const [word = ""] = /^\w*/.exec(type.toUpperCase()) ?? [];
  return { name, type, kind: KINDS[word] ?? "text" };
}

/** Java writes `20.0` and `1.0E-5`; the same number as everywhere else in the agent. */
function shortest(value: string | null): string | null {
  return value === null || !Number.isFinite(Number(value)) ? value : String(Number(value));
}
