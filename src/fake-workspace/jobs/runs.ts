/** Runs of jobs: run-now, and how they ended (databricks-sdk-go service/jobs: RunNow, GetRun, GetRunOutput). */

import { invalid, misused } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import {
  flag,
  int64,
  listOf,
  mapOf,
  must,
  object,
  oneOf,
  queryFlag,
  queryInt,
  queryInt64,
  shape,
  text,
} from "../wire/shape.ts";
import type { NotebookOutcome } from "../world/settings.ts";
import type { Run } from "../world/things.ts";
import type { World } from "../world/world.ts";
import type { Task } from "./job-settings.ts";
import { demandManage, jobOf } from "./jobs.ts";

const TOKEN_CHARACTERS = 64;
const LIST_MOST = 25;
const LIST_DEFAULT = 20;

const RUN_NOW = shape({
  job_id: must(int64),
  idempotency_token: text,
  job_parameters: mapOf(text),
  notebook_params: mapOf(text),
  python_params: listOf(text),
  python_named_params: mapOf(text),
  jar_params: listOf(text),
  sql_params: mapOf(text),
  dbt_commands: listOf(text),
  only: listOf(text),
  performance_target: oneOf("STANDARD", "PERFORMANCE_OPTIMIZED"),
  pipeline_params: object,
  queue: shape({ enabled: must(flag) }),
});

export function runOf(world: World, id: bigint): Run {
  const found = world.runs.get(id);
  // databricks-sdk-go apierr/error_overrides.go: "Run … does not exist" is a 400 INVALID_PARAMETER_VALUE.
  if (found === undefined) throw invalid(`Run ${id} does not exist.`);
  return found;
}

export const isActive = (run: Run): boolean => !run.canceled && !run.skipped && run.asksLeft > 0;

export function cancelRun(world: World, id: bigint): void {
  const run = runOf(world, id);
  if (isActive(run)) world.runs.set(id, { ...run, canceled: true });
}

/** One ask: a queued run waits for the ones before it. */
function look(world: World, id: bigint): Run {
  const before = runOf(world, id);
  const others = [...world.runs.values()].some((one) => one.jobId === before.jobId && one.id < id && isActive(one));
  if (before.queued && others) return before;
  const after = { ...before, queued: false, asked: before.asked + 1, asksLeft: Math.max(0, before.asksLeft - 1) };
  world.runs.set(id, after);
  return after;
}

/** How a task ends: as the settings say for its notebook, or with an error where the notebook is missing. */
function outcomeOf(world: World, task: Task): NotebookOutcome {
  const path = task.notebook_task?.notebook_path;
  if (path === undefined) return {};
  const place = path.replace(/^\/Workspace(?=\/)/, "");
  if (task.notebook_task?.source !== "GIT" && world.tree.get(place)?.kind !== "NOTEBOOK") {
    return {
      code: "RESOURCE_NOT_FOUND",
      error: `Unable to access the notebook "${path}". Either it does not exist, or the identity used to run this job lacks the required permissions.`,
    };
  }
  return world.settings.notebookOutcomes[place] ?? {};
}

type Ending = { readonly code: string; readonly type: string; readonly message: string; readonly result: string };

function endingOf(run: Run, outcomes: readonly NotebookOutcome[]): Ending {
  if (run.canceled) return { code: "CANCELED", type: "SUCCESS", message: "Run cancelled.", result: "CANCELED" };
  if (run.skipped) {
    const message = "Skipped, because the maximum number of concurrent runs is reached.";
    return {
      code: "MAX_CONCURRENT_RUNS_EXCEEDED",
      type: "CLIENT_ERROR",
      message,
      result: "MAXIMUM_CONCURRENT_RUNS_REACHED",
    };
  }
  const failed = outcomes.find(({ error }) => error !== undefined);
  if (failed === undefined) return { code: "SUCCESS", type: "SUCCESS", message: "", result: "SUCCESS" };
  const message = "Workload failed, see run output for details";
  return { code: failed.code ?? "RUN_EXECUTION_ERROR", type: "CLIENT_ERROR", message, result: "FAILED" };
}

/** `status`, and the old `state` beside it. */
function statusOf(run: Run, outcomes: readonly NotebookOutcome[]): Record<string, unknown> {
  if (isActive(run)) {
    const state = run.queued ? "QUEUED" : run.asked <= 1 ? "PENDING" : "RUNNING";
    return { status: { state }, state: { life_cycle_state: state } };
  }
  const { code, type, message, result } = endingOf(run, outcomes);
  return {
    status: { state: "TERMINATED", termination_details: { code, type, message } },
    state: {
      life_cycle_state: run.skipped ? "SKIPPED" : "TERMINATED",
      result_state: result,
      state_message: message,
      user_cancelled_or_timedout: run.canceled,
    },
  };
}

function runJson(world: World, run: Run): Record<string, unknown> {
  const outcomes = run.tasks.map(({ outcome }) => outcome);
  const page = `https://workspace.example/jobs/${run.jobId}/runs`;
  return {
    job_id: run.jobId,
    run_id: run.id,
    job_run_id: run.id,
    number_in_job: run.id,
    original_attempt_run_id: run.id,
    run_name: run.name,
    run_type: "JOB_RUN",
    trigger: "ONE_TIME",
    creator_user_name: run.creator,
    start_time: run.startedAtMs,
    end_time: isActive(run) ? undefined : world.now(),
    run_page_url: `${page}/${run.id}`,
    job_parameters: Object.entries(run.parameters).map(([name, value]) => ({ name, value })),
    ...statusOf(run, outcomes),
    tasks: run.tasks.map(({ id, task, outcome }) => ({
      ...task,
      run_id: id,
      attempt_number: 0,
      run_page_url: `${page}/${id}`,
      ...statusOf(run, [outcome]),
    })),
  };
}

function start(world: World, caller: string, jobId: bigint, body: ReturnType<typeof RUN_NOW.is>): Run {
  const { settings, id } = jobOf(world, jobId);
  const defaults = Object.fromEntries((settings.parameters ?? []).map((one) => [one.name, one.default]));
  if (settings.parameters !== undefined && body.notebook_params !== undefined) {
    throw invalid("notebook_params cannot be used with a job that has job parameters: use job_parameters.");
  }
  const unknown = (body.only ?? []).find((key) => !settings.tasks?.some(({ task_key }) => task_key === key));
  if (unknown !== undefined) throw invalid(`Task ${unknown} does not exist in job ${id}.`);
  const active = [...world.runs.values()].filter((one) => one.jobId === id && isActive(one)).length;
  const full = active >= (settings.max_concurrent_runs ?? 1);
  const waits = body.queue?.enabled ?? settings.queue?.enabled ?? false;
  const tasks = (settings.tasks ?? []).filter(({ task_key }) => body.only?.includes(task_key) ?? true);
  return {
    id: world.nextInt64(),
    jobId: id,
    name: settings.name ?? "Untitled",
    creator: caller,
    startedAtMs: world.now(),
    token: body.idempotency_token,
    asksLeft: world.settings.runAsksRunning + 1,
    asked: 0,
    queued: full && waits,
    canceled: false,
    skipped: full && !waits,
    tasks: tasks.map((task) => ({ id: world.nextInt64(), task, outcome: outcomeOf(world, task) })),
    parameters: { ...defaults, ...body.job_parameters },
  };
}

export const RUN_ROUTES: readonly Route[] = [
  route("POST", "/api/2.2/jobs/run-now", { body: RUN_NOW }, ({ world, caller, body }) => {
    const token = body.idempotency_token;
    if ((token?.length ?? 0) > TOKEN_CHARACTERS)
      throw misused(`idempotency_token has at most ${TOKEN_CHARACTERS} characters`);
    const job = jobOf(world, body.job_id);
    demandManage(world, caller, job);
    // "Databricks guarantees that exactly one run is launched with that idempotency token."
    const before = token === undefined ? undefined : [...world.runs.values()].find((run) => run.token === token);
    if (before !== undefined) return { run_id: before.id, number_in_job: before.id };
    const run = start(world, caller, body.job_id, body);
    world.runs.set(run.id, run);
    return { run_id: run.id, number_in_job: run.id };
  }),

  route(
    "GET",
    "/api/2.2/jobs/runs/get",
    {
      query: shape({
        run_id: must(queryInt64),
        include_history: queryFlag,
        include_resolved_values: queryFlag,
        page_token: text,
      }),
    },
    ({ world, query }) => runJson(world, look(world, query.run_id)),
  ),

  route("GET", "/api/2.2/jobs/runs/get-output", { query: shape({ run_id: must(queryInt64) }) }, ({ world, query }) => {
    const run = [...world.runs.values()].find(({ tasks }) => tasks.some(({ id }) => id === query.run_id));
    const found = run?.tasks.find(({ id }) => id === query.run_id);
    if (run === undefined || found === undefined) {
      runOf(world, query.run_id);
      throw invalid(
        "Retrieving the output of runs with multiple tasks is not supported. Please retrieve the output of each individual task run instead.",
      );
    }
    const { outcome } = found;
    const metadata = { ...runJson(world, run), run_id: found.id, tasks: undefined };
    if (isActive(run) || run.canceled) return { metadata };
    if (outcome.error !== undefined) return { metadata, error: outcome.error, error_trace: outcome.trace };
    // A notebook that did not call dbutils.notebook.exit has a notebook_output without a result.
    return { metadata, notebook_output: { result: outcome.result, truncated: false } };
  }),

  route(
    "GET",
    "/api/2.2/jobs/runs/list",
    {
      query: shape({
        job_id: queryInt64,
        active_only: queryFlag,
        completed_only: queryFlag,
        expand_tasks: queryFlag,
        limit: queryInt,
        offset: queryInt,
        page_token: text,
        run_type: text,
        start_time_from: queryInt,
        start_time_to: queryInt,
      }),
    },
    ({ world, query }) => {
      if (query.active_only === true && query.completed_only === true) {
        throw invalid("active_only and completed_only cannot both be true.");
      }
      const limit = query.limit === undefined ? LIST_DEFAULT : query.limit === 0 ? LIST_MOST : query.limit;
      if (limit < 0 || limit > LIST_MOST) throw misused(`limit must be less than ${LIST_MOST}`);
      const all = [...world.runs.values()]
        .filter((run) => query.job_id === undefined || run.jobId === query.job_id)
        .filter((run) => (query.active_only === true ? isActive(run) : query.completed_only !== true || !isActive(run)))
        .reverse();
      const from = query.page_token === undefined ? (query.offset ?? 0) : Number(query.page_token);
      if (!Number.isSafeInteger(from) || from < 0) throw invalid(`Invalid page_token "${query.page_token}"`);
      const runs = all.slice(from, from + limit).map((run) => {
        const { tasks, ...short } = runJson(world, run);
        return query.expand_tasks === true ? { ...short, tasks } : short;
      });
      const more = from + limit < all.length;
      return {
        runs: runs.length === 0 ? undefined : runs,
        has_more: more,
        next_page_token: more ? String(from + limit) : undefined,
      };
    },
  ),

  route("POST", "/api/2.2/jobs/runs/cancel", { body: shape({ run_id: must(int64) }) }, ({ world, body }) =>
    cancelRun(world, body.run_id),
  ),

  route("POST", "/api/2.2/jobs/runs/delete", { body: shape({ run_id: must(int64) }) }, ({ world, body }) => {
    if (isActive(runOf(world, body.run_id))) throw invalid(`Run ${body.run_id} is active: cancel it first.`);
    world.runs.delete(body.run_id);
  }),
];
