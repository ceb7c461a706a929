/** What the notebook of ours answers with when its run ends. */
import { type } from "./ark.ts";

/**
 * `table` is `catalog.schema.table`; `quarantined` are the paths of objects that cannot be unpacked; `foreign` counts the objects
 * whose keys are not the agent's, of which the first are named. Null or absent: they could not be counted.
 */
export const LoadReport = type({
  stage: "string",
  table: "string",
  rows: "number",
  quarantined: type("string[]").readonly(),
  "foreign?": "number | null",
  "foreign_named?": type("string[]").readonly(),
});
export type LoadReport = typeof LoadReport.infer;

export const LoadReports = LoadReport.array().atLeastLength(1);
