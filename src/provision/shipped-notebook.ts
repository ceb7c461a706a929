/** The notebook that comes with the agent. */
import type { NotebookSource } from "./databricks-notebook.ts";

/** Null: this version ships none, so there is neither a notebook nor a job in the plan, and `provision run` says so. */
export function shippedNotebook(): NotebookSource | null {
  return null;
}
