/** Jobs and their runs: https://docs.databricks.com/api/workspace/jobs */
import { Id, type } from "./ark.ts";

export const JobSettings = type({ "[string]": "unknown", "tags?": "Record<string, string>" });

export const Job = type({ job_id: Id, "created_time?": "number", settings: JobSettings });
export type Job = typeof Job.infer;

export const StartedRun = type({ run_id: Id });

/** `status` is what Databricks answers now, `state` what it answered before. */
export const Run = type({
  run_id: Id,
  "run_page_url?": "string",
  "start_time?": "number",
  "status?": {
    state: "string",
    "termination_details?": { "code?": "string", "message?": "string" },
  },
  "state?": { "life_cycle_state?": "string", "result_state?": "string", "state_message?": "string" },
  "tasks?": type({ run_id: Id }).array(),
});
export type Run = typeof Run.infer;

export const Runs = type({ "runs?": Run.array() });

export const RunOutput = type({ "error?": "string", "notebook_output?": { "result?": "string" } });
