/** When the job last loaded: younger objects wait, older ones that are not in their table are lost. */
import { DeniedError } from "../../core/errors.ts";
import { type Run, Runs } from "../../databricks/shapes/jobs.ts";
import type { Call, Pace } from "../../databricks/wire.ts";
import type { JobIngest } from "../../lakehouse/ingest.ts";
import type { Lake } from "../lake/lake.ts";
import { findJob } from "./job.ts";

/** Runs that are looked at, the newest first: among more failures than these no one loads anything. */
const RUNS = 25;

/** Null where there is no job of ours, or none that we may see. */
export async function lastIngest(lake: Lake, pace: Pace): Promise<JobIngest | null> {
  try {
    const job = await findJob(lake, pace);
    if (job === null) return null;
    const completed = await runsOf(lake, job.id, { completed_only: true, limit: RUNS }, pace);
    const active = await runsOf(lake, job.id, { active_only: true, limit: 1 }, pace);
    const starts = completed.filter(isSuccess).map(({ start_time = 0 }) => start_time);
    return { startedMs: starts.length === 0 ? null : Math.max(...starts), isRunning: active.length > 0 };
  } catch (error) {
    if (error instanceof DeniedError) return null;
    throw error;
  }
}

async function runsOf(lake: Lake, id: string, query: NonNullable<Call["query"]>, pace: Pace) {
  const call = {
    doing: "list the runs of the job",
    method: "GET" as const,
    path: ["api", "2.2", "jobs", "runs", "list"],
    query: { job_id: id, ...query },
    needs: "CAN_VIEW on the job",
  };
  return (await lake.workspace.read(Runs, call, pace)).runs ?? [];
}

function isSuccess({ status, state }: Run): boolean {
  return (status?.termination_details?.code ?? state?.result_state) === "SUCCESS";
}
