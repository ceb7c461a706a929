/**
 * The job that runs the notebook. Names of jobs are not unique, so ours is the one of the name that has our tag; a second
 * one, left behind by a lost answer, is deleted.
 */

import { pagesOf } from "../../databricks/answer.ts";
import { isMissing } from "../../databricks/failure.ts";
import { asObject, idNumber, type JsonObject } from "../../databricks/json.ts";
import type { Again } from "../../databricks/pacing.ts";
import { Job } from "../../databricks/shapes/jobs.ts";
import type { Pace } from "../../databricks/wire.ts";
import type { Lake, LakeWish } from "../lake/lake.ts";
import { LAKE_ID } from "../lake/names.ts";
import {
  type Change,
  type Doing,
  MANAGED_BY,
  MANAGED_BY_KEY,
  type Resource,
  type ResourceRemark,
} from "../resource.ts";
import { jobChange } from "./job-change.ts";
import { type NotebookSource, notebookPath } from "./notebook.ts";

export type JobActual = {
  /** The oldest is the one; others are left over. */
  readonly id: string;
  readonly settings: Job["settings"];
  readonly leftOver: readonly string[];
};

/** Python 3.12; supported until August 2028. */
const ENVIRONMENT_VERSION = "4";
/** Auto Loader stops once for every new column and continues when it is started again. */
const MAX_RETRIES = 2;
const TIMEOUT_S = 4 * 3_600;

const JOBS = pagesOf("jobs", Job);

export const jobName = ({ naming }: LakeWish) => `${naming.prefix}-load-${naming.region}`;

/** The long-term support of Spark 4.0, until October 2028. */
const SPARK_VERSION = "17.3.x-scala2.13";

/**
 * Serverless: no cluster to choose and none to pay for when idle. Or, where the workspace has none or you want to
 * choose, one machine that lives as long as the run; of a single user, as locations and volumes of Unity Catalog demand.
 */
function compute({ jobNodeType }: LakeWish): { readonly job: JsonObject; readonly task: JsonObject } {
  if (jobNodeType === null) {
    const environments = [{ environment_key: "default", spec: { environment_version: ENVIRONMENT_VERSION } }];
    return { job: { environments }, task: { environment_key: "default" } };
  }
  const new_cluster = {
    spark_version: SPARK_VERSION,
    node_type_id: jobNodeType,
    num_workers: 0,
    data_security_mode: "SINGLE_USER",
    spark_conf: { "spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]" },
    custom_tags: { ResourceClass: "SingleNode", [MANAGED_BY_KEY]: MANAGED_BY },
  };
  const job_clusters = [{ job_cluster_key: "load", new_cluster }];
  return { job: { job_clusters }, task: { job_cluster_key: "load" } };
}

/** What the job is, without any default of Databricks. */
export function jobSettings(lake: LakeWish, notebook: NotebookSource, loader: string | null): JsonObject {
  const { catalog, schema, naming } = lake;
  const { job, task } = compute(lake);
  const parameters = {
    catalog,
    schema,
    prefix: naming.prefix,
    region: naming.region,
    // By the volume: each stage's own folder in the checkpoints bucket, as `clean` knows it.
    checkpoints: `/Volumes/${catalog}/${schema}/checkpoints`,
    // A run may name stages instead.
    rebuild: "none",
  };
  return {
    name: jobName(lake),
    description: "Loads what the agents delivered into the five tables",
    tags: { [MANAGED_BY_KEY]: MANAGED_BY },
    max_concurrent_runs: 1,
    queue: { enabled: true },
    timeout_seconds: TIMEOUT_S,
    parameters: Object.entries(parameters).map(([name, value]) => ({ name, default: value })),
    ...job,
    tasks: [
      {
        task_key: "load",
        notebook_task: { notebook_path: notebookPath(lake, notebook), source: "WORKSPACE" },
        ...task,
        max_retries: MAX_RETRIES,
        retry_on_timeout: false,
      },
    ],
    ...(loader === null
      ? {}
      : { run_as: loader.includes("@") ? { user_name: loader } : { service_principal_name: loader } }),
  };
}

export function jobResource(lake: Lake, notebook: NotebookSource, loader: string | null): Resource<JobActual> {
  const name = jobName(lake);
  const id = LAKE_ID.job(name);
  const wanted = jobSettings(lake, notebook, loader);
  return {
    id,
    side: "databricks",
    needs: [
      LAKE_ID.notebook(notebookPath(lake, notebook)),
      ...(notebook.modules ?? []).map((module) => LAKE_ID.file(notebookPath(lake, module))),
    ],
    read: (doing) => findJob(lake, doing),
    remarks: ({ settings }) => pausedRemarks(settings),
    diff: (actual) => [...settingsChange(lake, id, actual, wanted), ...leftOverChanges(lake, actual)],
    create: async (doing) => {
      // There would be two of them: sent again only where nothing was begun.
      await jobs(lake, { what: `create ${id}`, verb: "create", body: wanted, again: "never" }, doing);
    },
    remove: async (actual, doing) => {
      for (const one of [actual.id, ...actual.leftOver]) await deleteJob(lake, id, one, doing);
    },
  };
}

/** When the job runs is a person's choice; that it does not run any more is easily forgotten. */
export function pausedRemarks(settings: Job["settings"]): ResourceRemark[] {
  return ["schedule", "trigger", "continuous"].flatMap((what) => {
    if (asObject(settings[what])["pause_status"] !== "PAUSED") return [];
    const message = `its ${what === "continuous" ? "continuous run" : what} is paused: nothing is loaded until a person runs it`;
    return [{ level: "note" as const, message, advice: null, try: "agent provision run" }];
  });
}

/** Ours by name and tag, or null. */
export async function findJob(lake: Lake, doing: Pace): Promise<JobActual | null> {
  const name = jobName(lake);
  const call = {
    doing: `list the jobs named ${name}`,
    method: "GET" as const,
    path: ["api", "2.2", "jobs", "list"],
    query: { name, limit: 100, expand_tasks: true },
  };
  const [first, ...others] = (await lake.workspace.list(JOBS, call, doing))
    .filter(({ settings }) => settings.tags?.[MANAGED_BY_KEY] === MANAGED_BY)
    .sort((a, b) => (a.created_time ?? 0) - (b.created_time ?? 0));
  if (first === undefined) return null;
  return { id: first.job_id, settings: first.settings, leftOver: others.map((other) => other.job_id) };
}

function settingsChange(lake: Lake, id: string, actual: JobActual, wanted: JsonObject): Change[] {
  const { differences, update } = jobChange(actual.settings, wanted);
  if (differences.length === 0) return [];
  const make = async (doing: Doing) => {
    const body = { job_id: idNumber(actual.id), ...update };
    await jobs(lake, { what: `change ${id}`, verb: "update", body, again: "safe" }, doing);
  };
  return [{ action: "update", because: differences.join(", "), make }];
}

function leftOverChanges(lake: Lake, { leftOver }: JobActual): Change[] {
  return leftOver.map((id) => ({
    action: "delete" as const,
    because: `a second job of that name (${id})`,
    make: (doing: Doing) => deleteJob(lake, LAKE_ID.job(jobName(lake)), id, doing),
  }));
}

async function deleteJob(lake: Lake, id: string, jobId: string, doing: Doing): Promise<void> {
  const body = { job_id: idNumber(jobId) };
  await jobs(lake, { what: `delete ${id}`, verb: "delete", body, again: "safe" }, doing).catch((error: unknown) => {
    // 400 INVALID_PARAMETER_VALUE "Job … does not exist".
    if (!isMissing(error)) throw error;
  });
}

export type JobsCall = {
  readonly what: string;
  readonly verb: "create" | "update" | "delete" | "run-now";
  readonly body: unknown;
  readonly again: Again;
};

export async function jobs(lake: Lake, { what, verb, body, again }: JobsCall, doing: Doing): Promise<unknown> {
  const call = { doing: what, method: "POST" as const, path: ["api", "2.2", "jobs", verb], body, again };
  return lake.workspace.request({ ...call, needs: "CAN_MANAGE on the job" }, doing);
}
