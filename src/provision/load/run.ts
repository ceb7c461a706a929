/** Runs the job and follows it to its end: what `agent provision run` does. */

import { AgentError, TransientError } from "../../core/errors.ts";
import type { Stage } from "../../core/stage.ts";
import { MS_PER_HOUR } from "../../core/time/duration.ts";
import { readAnswer, type Shape } from "../../databricks/answer.ts";
import { idNumber } from "../../databricks/json.ts";
import { Run, RunOutput, StartedRun } from "../../databricks/shapes/jobs.ts";
import type { Lake } from "../lake/lake.ts";
import type { Doing } from "../resource.ts";
import { findJob, jobName, jobs } from "./job.ts";

const FIRST_ASK_MS = 2_000;
const MOST_ASK_MS = 15_000;
/** The job's own limit and what it may wait for a place. */
const LIMIT_MS = 6 * MS_PER_HOUR;

export type RunEnd = {
  readonly runId: string;
  readonly ok: boolean;
  /** `SUCCESS`, `RUN_EXECUTION_ERROR`, … */
  readonly code: string;
  readonly message: string;
  /** Where people see it. */
  readonly page: string;
  /** What the notebook gave back (`dbutils.notebook.exit`), or null. */
  readonly result: string | null;
};

/** The run is under way, and continues whether it is followed or not. */
export type RunStart = Pick<RunEnd, "runId" | "page">;

export type RunWish = {
  /** One for each wish to run: the same token never starts a second run, however often the call is repeated. */
  readonly token: string;
  /** Stages whose tables read their buckets again from the start. */
  readonly rebuild?: readonly Stage[];
  /** Called once, as soon as the run has a page. */
  readonly onStart?: ((start: RunStart) => void) | undefined;
};

/** Throws where there is no job. */
export async function runJob(lake: Lake, wish: RunWish, doing: Doing): Promise<RunEnd> {
  const { token, rebuild = [], onStart = () => undefined } = wish;
  const job = await findJob(lake, doing);
  if (job === null) {
    throw new AgentError(`Cannot run job ${jobName(lake)}: there is none`, { tryHint: "agent provision apply" });
  }
  const parameters = rebuild.length === 0 ? {} : { job_parameters: { rebuild: rebuild.join(",") } };
  const body = { job_id: idNumber(job.id), idempotency_token: token, ...parameters };
  const what = `run job ${jobName(lake)}`;
  const started = await jobs(lake, { what, verb: "run-now", body, again: "safe" }, doing);
  const { run_id: runId } = readAnswer(StartedRun, started, what);
  return follow(lake, runId, doing, onStart);
}

async function follow(lake: Lake, runId: string, doing: Doing, onStart: (start: RunStart) => void): Promise<RunEnd> {
  const startedMs = doing.now();
  let isReported = false;
  for (let waitMs = FIRST_ASK_MS; ; waitMs = Math.min(MOST_ASK_MS, waitMs * 1.5)) {
    const run = await readRun(lake, Run, { runId, what: "get" }, doing);
    const { run_page_url: page = "" } = run;
    if (!isReported) onStart({ runId, page });
    isReported = true;
    const state = run.status?.state ?? run.state?.life_cycle_state ?? "?";
    if (/^(TERMINATED|SKIPPED|INTERNAL_ERROR)$/.test(state)) return endOf(lake, run, doing);
    const spentMs = doing.now() - startedMs;
    if (spentMs > LIMIT_MS) {
      throw new TransientError(
        `Cannot wait any longer for run ${runId}: it is ${state} after ${LIMIT_MS / MS_PER_HOUR} h`,
      );
    }
    doing.tell(`run ${runId} is ${state.toLowerCase()}, ${Math.round(spentMs / 1_000)} s`);
    await doing.wait(waitMs);
    doing.stop.throwIfAborted();
  }
}

async function endOf(lake: Lake, run: Run, doing: Doing): Promise<RunEnd> {
  const { run_id: runId, run_page_url: page = "", status, state: old, tasks = [] } = run;
  const details = status?.termination_details;
  const code = details?.code ?? old?.result_state ?? "UNKNOWN";
  // The output is that of a task's run, not of the run.
  const task = tasks.at(-1);
  const output =
    task === undefined
      ? null
      : await readRun(lake, RunOutput, { runId: task.run_id, what: "get-output" }, doing).catch(() => null);
  const message = output?.error ?? details?.message ?? old?.state_message ?? "";
  return { runId, ok: code === "SUCCESS", code, message, page, result: output?.notebook_output?.result ?? null };
}

type RunQuestion = { readonly runId: string; readonly what: "get" | "get-output" };

function readRun<S extends Shape>(
  lake: Lake,
  shape: S,
  { runId, what }: RunQuestion,
  doing: Doing,
): Promise<S["infer"]> {
  const path = ["api", "2.2", "jobs", "runs", what];
  const call = { doing: `read run ${runId}`, method: "GET" as const, path, query: { run_id: runId } };
  return lake.workspace.read(shape, call, doing);
}
