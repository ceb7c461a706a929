/** `/api/2.2/jobs` (databricks-sdk-go service/jobs: JobsService). A job that is not there is a 400, not a 404. */
import { isMetastoreAdmin } from "../catalog/access.ts";
import { denied, invalid, misused } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import { int64, type Kind, listOf, must, object, queryFlag, queryInt, queryInt64, shape, text } from "../wire/shape.ts";
import type { Job } from "../world/things.ts";
import type { World } from "../world/world.ts";
import { demandSound, filled, JOB_FIELDS, JOB_SETTINGS, type JobSettings } from "./job-settings.ts";

const LIST_DEFAULT = 20;
const LIST_MOST = 100;

const CREATE = shape({ ...JOB_FIELDS, access_control_list: listOf(object) }) as Kind<JobSettings>;
const UPDATE = shape({ job_id: must(int64), new_settings: JOB_SETTINGS, fields_to_remove: listOf(text) });
const LIST = shape({ name: text, limit: queryInt, offset: queryInt, page_token: text, expand_tasks: queryFlag });

/** databricks-sdk-go apierr/error_overrides.go: "Job … does not exist" is INVALID_PARAMETER_VALUE. */
export function jobOf(world: World, id: bigint): Job {
  const found = world.jobs.get(id);
  if (found === undefined) throw invalid(`Job ${id} does not exist.`);
  return found;
}

export function demandManage(world: World, caller: string, job: Job): void {
  if (job.creator === caller || isMetastoreAdmin(world, caller)) return;
  throw denied(`User ${caller} does not have Manage permissions on job ${job.id}.`);
}

function jobJson(one: Job): Record<string, unknown> {
  const { run_as } = one.settings;
  return {
    job_id: one.id,
    creator_user_name: one.creator,
    run_as_user_name: run_as?.user_name ?? run_as?.service_principal_name ?? one.creator,
    created_time: one.createdAtMs,
    settings: one.settings,
  };
}

/** What `new and existing entries are completely replaced based on` (UpdateJobRequest). Of other lists it is not documented. */
const KEYED = { tasks: "task_key", job_clusters: "job_cluster_key" } as const;

/** Replaces fields at the top; tasks and clusters by their keys ("Update a job partially"). */
function updated(before: JobSettings, given: JobSettings, gone: readonly string[]): JobSettings {
  const merged: Record<string, unknown> = { ...before, ...given };
  type Keyed = readonly Readonly<Record<string, unknown>>[];
  for (const [field, key] of Object.entries(KEYED) as [keyof typeof KEYED, string][]) {
    const fresh = given[field] as Keyed | undefined;
    if (fresh === undefined) continue;
    const old = (before[field] ?? []) as Keyed;
    merged[field] = [...old.filter((one) => !fresh.some((other) => other[key] === one[key])), ...fresh];
  }
  for (const path of gone) {
    const [field = "", name] = path.split("/");
    if (!Object.hasOwn(JOB_FIELDS, field)) throw invalid(`Unknown field to remove: ${path}`);
    if (name === undefined) {
      delete merged[field];
      continue;
    }
    // "Removing nested fields is not supported, except for tasks and job clusters (tasks/task_1)."
    const key = Object.hasOwn(KEYED, field) ? KEYED[field as keyof typeof KEYED] : undefined;
    if (key === undefined) throw invalid(`Removing ${path} is not supported.`);
    merged[field] = ((merged[field] ?? []) as Keyed).filter((one) => one[key] !== name);
  }
  return merged as JobSettings;
}

export const JOB_ROUTES: readonly Route[] = [
  route("POST", "/api/2.2/jobs/create", { body: CREATE }, ({ world, caller, body }) => {
    const { access_control_list: _, ...settings } = body as JobSettings & { access_control_list?: unknown };
    demandSound(settings);
    const id = world.nextInt64();
    world.jobs.set(id, { id, creator: caller, createdAtMs: world.now(), settings: filled(settings) });
    return { job_id: id };
  }),

  route(
    "GET",
    "/api/2.2/jobs/get",
    { query: shape({ job_id: must(queryInt64), include_trigger_state: queryFlag, page_token: text }) },
    ({ world, query }) => jobJson(jobOf(world, query.job_id)),
  ),

  route("GET", "/api/2.2/jobs/list", { query: LIST }, ({ world, query }) => {
    const { limit = LIST_DEFAULT, name } = query;
    if (limit < 1 || limit > LIST_MOST) throw misused(`limit must be between 1 and ${LIST_MOST}`);
    // Names are not unique: there may be several. Newest first.
    const all = [...world.jobs.values()]
      .filter(({ settings }) => name === undefined || settings.name?.toLowerCase() === name.toLowerCase())
      .reverse();
    const from = fromOf(world, query.page_token, query.offset);
    const jobs = all.slice(from, from + limit).map((one) => {
      const { tasks: _t, job_clusters: _c, environments: _e, parameters: _p, ...short } = one.settings;
      return { ...jobJson(one), settings: query.expand_tasks === true ? one.settings : short };
    });
    const more = from + limit < all.length;
    // A list without jobs has no `jobs`.
    return {
      jobs: jobs.length === 0 ? undefined : jobs,
      has_more: more,
      next_page_token: more ? tokenTo(world, from + limit) : undefined,
    };
  }),

  route(
    "POST",
    "/api/2.2/jobs/reset",
    { body: shape({ job_id: must(int64), new_settings: must(JOB_SETTINGS) }) },
    ({ world, caller, body }) => {
      const job = jobOf(world, body.job_id);
      demandManage(world, caller, job);
      demandSound(body.new_settings);
      // Everything is replaced, but a run_as that is left out stays (databricks/cli acceptance: a known quirk).
      const { run_as } = job.settings;
      const settings = filled({ ...(run_as === undefined ? {} : { run_as }), ...body.new_settings });
      world.jobs.set(job.id, { ...job, settings });
    },
  ),

  route("POST", "/api/2.2/jobs/update", { body: UPDATE }, ({ world, caller, body }) => {
    const job = jobOf(world, body.job_id);
    demandManage(world, caller, job);
    const settings = updated(job.settings, body.new_settings ?? {}, body.fields_to_remove ?? []);
    demandSound(settings);
    world.jobs.set(job.id, { ...job, settings: filled(settings) });
  }),

  route("POST", "/api/2.2/jobs/delete", { body: shape({ job_id: must(int64) }) }, ({ world, caller, body }) => {
    const job = jobOf(world, body.job_id);
    demandManage(world, caller, job);
    for (const run of [...world.runs.values()].filter(({ jobId }) => jobId === job.id)) {
      const active = !run.skipped && run.asksLeft > 0;
      world.runs.set(run.id, { ...run, canceled: run.canceled || active });
    }
    world.jobs.delete(job.id);
  }),
];

function tokenTo(world: World, from: number): string {
  const token = Buffer.from(world.nextUuid("page of jobs")).toString("base64url");
  world.pages.set(token, { list: "jobs", from });
  return token;
}

function fromOf(world: World, token: string | undefined, offset: number | undefined): number {
  if (token === undefined) return offset ?? 0;
  const page = world.pages.get(token);
  if (page?.list !== "jobs") throw invalid(`Invalid page_token "${token}"`);
  return page.from;
}
