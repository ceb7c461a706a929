/**
 * What differs between the job that is there and the one that should be, field by field, and the partial update that
 * changes no more than that. A job is shared with people: their tasks, notifications, tags, triggers and policies stay, also
 * those within our task.
 */
import { asObject, isObject, type Json, type JsonObject } from "../../databricks/json.ts";

export type JobChange = {
  /** `timeout_seconds: 7 -> 14400`; empty: there is nothing to do. */
  readonly differences: readonly string[];
  /** For `jobs/update`. */
  readonly update: { readonly new_settings: JsonObject; readonly fields_to_remove?: readonly string[] };
};

/** Lists whose entries have a name: ours is found by it, and other people's entries stay. */
const NAME_OF: Readonly<Record<string, string>> = {
  tasks: "task_key",
  job_clusters: "job_cluster_key",
  environments: "environment_key",
  parameters: "name",
};
/** Of these lists, `jobs/update` merges entries by their names; it is not documented that it does so with the others. */
const MERGED_BY_NAME = new Set(["tasks", "job_clusters"]);
/** A task runs on one of these. */
const COMPUTE = ["environment_key", "job_cluster_key", "existing_cluster_id", "new_cluster"];
/** One of several fields, never two of them. */
const ONE_OF = new Set(["run_as"]);
/** The choice of the job's owner, from the moment that there is one. */
const CHOSEN_AT_CREATION = new Set(["queue"]);

export function jobChange(actual: Readonly<Record<string, unknown>>, wanted: JsonObject): JobChange {
  const now = actual as JsonObject;
  const differences: string[] = [];
  const settings: Record<string, Json> = {};
  for (const [field, value] of Object.entries(withoutRefused(now, wanted))) {
    if (CHOSEN_AT_CREATION.has(field)) continue;
    const after = afterwards(field, now[field], value);
    const changed = leaves(field, now[field], after);
    if (changed.length === 0) continue;
    differences.push(...changed);
    settings[field] = MERGED_BY_NAME.has(field) ? onlyOurs(field, after, value) : after;
  }
  const unused = unusedCompute(now, wanted);
  for (const { field, entry } of unused) differences.push(...leaves(field, [entry], []));
  const fields_to_remove = unused.map(({ path }) => path);
  return {
    differences,
    update: { new_settings: settings, ...(fields_to_remove.length === 0 ? {} : { fields_to_remove }) },
  };
}

/** A job that runs without end is restarted by Databricks, which then takes no retries of a task. */
function withoutRefused(now: JsonObject, wanted: JsonObject): JsonObject {
  if (now["continuous"] === undefined) return wanted;
  const tasks = listOf(wanted["tasks"]).map((task) => without(task, ["max_retries", "retry_on_timeout"]));
  return { ...wanted, tasks };
}

function afterwards(field: string, theirs: Json | undefined, ours: Json): Json {
  if (NAME_OF[field] !== undefined) return mergedList(field, theirs, ours);
  return ONE_OF.has(field) ? ours : merged(theirs, ours);
}

/** Our values over theirs, in objects within objects too. */
function merged(theirs: Json | undefined, ours: Json): Json {
  if (!isObject(theirs) || !isObject(ours)) return ours;
  const after: Record<string, Json> = { ...theirs };
  for (const [name, value] of Object.entries(ours)) after[name] = merged(theirs[name], value);
  return after;
}

function mergedList(field: string, theirs: Json | undefined, ours: Json): Json {
  const name = NAME_OF[field]!;
  const wanted = listOf(ours);
  const isNamed = (entry: JsonObject) => (other: JsonObject) => other[name] === entry[name];
  const kept = listOf(theirs).map((entry) => {
    const own = wanted.find(isNamed(entry));
    return own === undefined ? entry : merged(withoutRivals(field, entry, own), own);
  });
  return [...kept, ...wanted.filter((entry) => !kept.some((other) => isObject(other) && isNamed(entry)(other)))];
}

/** Without the values that cannot be there beside ours: another compute or kind of task, another size of the machine. */
function withoutRivals(field: string, entry: JsonObject, own: JsonObject): JsonObject {
  if (field === "tasks") {
    const rivals = Object.keys(entry).filter((key) => COMPUTE.includes(key) || key.endsWith("_task"));
    return without(
      entry,
      rivals.filter((key) => own[key] === undefined),
    );
  }
  if (field !== "job_clusters") return entry;
  const new_cluster = without(asObject(entry["new_cluster"]), [
    "autoscale",
    "instance_pool_id",
    "driver_instance_pool_id",
  ]);
  return { ...entry, new_cluster };
}

function onlyOurs(field: string, after: Json, ours: Json): Json {
  const name = NAME_OF[field]!;
  const names = listOf(ours).map((entry) => entry[name]);
  return listOf(after).filter((entry) => names.includes(entry[name]));
}

type Unused = { readonly field: string; readonly path: string; readonly entry: JsonObject };

/** The compute that our task ran on before another was chosen, if no other task runs on it. */
function unusedCompute(now: JsonObject, wanted: JsonObject): Unused[] {
  const places = [
    { field: "environments", key: "environment_key", name: "default" },
    { field: "job_clusters", key: "job_cluster_key", name: "load" },
  ];
  const ours = listOf(wanted["tasks"]).map(({ task_key }) => task_key);
  return places.flatMap(({ field, key, name }): Unused[] => {
    const there = listOf(now[field]);
    const entry = there.find((one) => one[key] === name);
    const isShared = listOf(now["tasks"]).some((task) => task[key] === name && !ours.includes(task["task_key"] ?? ""));
    if (wanted[field] !== undefined || entry === undefined || isShared) return [];
    if (there.length === 1) return [{ field, path: field, entry }];
    // One entry of a list can be removed from tasks and clusters only. An environment that no task uses costs nothing.
    return MERGED_BY_NAME.has(field) ? [{ field, path: `${field}/${name}`, entry }] : [];
  });
}

/** `tasks.load.max_retries: 0 -> 2`, for each value that is not the same. */
function leaves(path: string, from: Json | undefined, to: Json | undefined): string[] {
  const before = partsOf(path, from);
  const after = partsOf(path, to);
  if (before === null && after === null) {
    return Bun.deepEquals(from, to) ? [] : [`${path}: ${textOf(from)} -> ${textOf(to)}`];
  }
  // A value on the one side, parts on the other: each part comes, or goes.
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...names].flatMap((name) => leaves(`${path}.${name}`, before?.[name], after?.[name]));
}

/** The parts of an object, or of a list of named entries; null where it is one value. */
function partsOf(path: string, value: Json | undefined): Readonly<Record<string, Json>> | null {
  const name = NAME_OF[path];
  if (name !== undefined && Array.isArray(value)) {
    return Object.fromEntries(listOf(value).map((entry) => [String(entry[name]), without(entry, [name])]));
  }
  return isObject(value) && Object.keys(value).length > 0 ? value : null;
}

function textOf(value: Json | undefined): string {
  if (value === undefined) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function listOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function without(entry: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(entry).filter(([name]) => !names.includes(name)));
}
