/** What a job is: its fields as databricks-sdk-go has them (service/jobs/model.go: JobSettings, Task), and what must agree in them. */
import { invalid } from "../wire/problem.ts";
import { type Checked, flag, int, type Kind, listOf, mapOf, must, object, oneOf, shape, text } from "../wire/shape.ts";

const SOURCE = oneOf("WORKSPACE", "GIT");
const NOTEBOOK_TASK = shape({
  notebook_path: must(text),
  base_parameters: mapOf(text),
  source: SOURCE,
  warehouse_id: text,
});
const PYTHON_TASK = shape({ python_file: must(text), parameters: listOf(text), source: SOURCE });

/** The tasks that the fake looks into; of the others only that they are there. */
const OTHER_TASKS = {
  alert_task: object,
  condition_task: object,
  dashboard_task: object,
  dbt_task: object,
  for_each_task: object,
  pipeline_task: object,
  python_wheel_task: object,
  run_job_task: object,
  spark_jar_task: object,
  spark_submit_task: object,
  sql_task: object,
};
const TASK_KINDS = ["notebook_task", "spark_python_task", ...Object.keys(OTHER_TASKS)];

const CLUSTER = shape({
  spark_version: must(text),
  node_type_id: text,
  driver_node_type_id: text,
  num_workers: int,
  autoscale: shape({ min_workers: int, max_workers: int }),
  autotermination_minutes: int,
  aws_attributes: object,
  cluster_name: text,
  custom_tags: mapOf(text),
  data_security_mode: text,
  enable_elastic_disk: flag,
  init_scripts: listOf(object),
  instance_pool_id: text,
  is_single_node: flag,
  kind: text,
  policy_id: text,
  runtime_engine: text,
  single_user_name: text,
  spark_conf: mapOf(text),
  spark_env_vars: mapOf(text),
  use_ml_runtime: flag,
});

const TASK_FIELDS = {
  task_key: must(text),
  description: text,
  depends_on: listOf(shape({ task_key: must(text), outcome: text })),
  disable_auto_optimization: flag,
  disabled: flag,
  email_notifications: object,
  environment_key: text,
  existing_cluster_id: text,
  health: object,
  job_cluster_key: text,
  libraries: listOf(object),
  max_retries: int,
  min_retry_interval_millis: int,
  new_cluster: CLUSTER,
  notebook_task: NOTEBOOK_TASK,
  notification_settings: object,
  retry_on_timeout: flag,
  run_if: oneOf("ALL_SUCCESS", "ALL_DONE", "NONE_FAILED", "AT_LEAST_ONE_SUCCESS", "ALL_FAILED", "AT_LEAST_ONE_FAILED"),
  spark_python_task: PYTHON_TASK,
  timeout_seconds: int,
  webhook_notifications: object,
  ...OTHER_TASKS,
};
export type Task = Checked<typeof TASK_FIELDS>;

const PAUSE = oneOf("PAUSED", "UNPAUSED");
const ENVIRONMENT = shape({
  base_environment: text,
  client: text,
  dependencies: listOf(text),
  environment_version: text,
  java_dependencies: listOf(text),
});

export const JOB_FIELDS = {
  budget_policy_id: text,
  continuous: shape({ pause_status: PAUSE, task_retry_mode: text }),
  deployment: object,
  description: text,
  edit_mode: oneOf("UI_LOCKED", "EDITABLE"),
  email_notifications: object,
  environments: listOf(shape({ environment_key: must(text), spec: ENVIRONMENT }), 10),
  format: oneOf("SINGLE_TASK", "MULTI_TASK"),
  git_source: object,
  health: object,
  job_clusters: listOf(shape({ job_cluster_key: must(text), new_cluster: CLUSTER }), 100),
  max_concurrent_runs: int,
  name: text,
  notification_settings: object,
  parameters: listOf(shape({ name: must(text), default: must(text) })),
  parent_path: text,
  performance_target: oneOf("STANDARD", "PERFORMANCE_OPTIMIZED"),
  queue: shape({ enabled: must(flag) }),
  run_as: shape({ user_name: text, service_principal_name: text, group_name: text }),
  schedule: shape({ quartz_cron_expression: must(text), timezone_id: must(text), pause_status: PAUSE }),
  tags: mapOf(text),
  tasks: listOf(shape(TASK_FIELDS), 1_000),
  timeout_seconds: int,
  trigger: object,
  usage_policy_id: text,
  webhook_notifications: object,
};
type Fields = Checked<typeof JOB_FIELDS>;
/** Only the fields that were given are there. */
export type JobSettings = { readonly [K in keyof Fields]?: Fields[K] };
/** Every field may be left out. */
export const JOB_SETTINGS = shape(JOB_FIELDS) as Kind<JobSettings>;

const NAME_CHARACTERS = 4_096;
const TAGS = 25;

/** Throws INVALID_PARAMETER_VALUE for settings that do not agree with themselves. */
export function demandSound(settings: JobSettings): void {
  const { tasks = [], environments = [], job_clusters = [], parameters = [], tags = {} } = settings;
  if ((settings.name?.length ?? 0) > NAME_CHARACTERS)
    throw invalid(`The job name is longer than ${NAME_CHARACTERS} bytes.`);
  if (Object.keys(tags).length > TAGS) throw invalid(`A job has at most ${TAGS} tags.`);
  const concurrent = settings.max_concurrent_runs ?? 1;
  if (concurrent < 0 || concurrent > 1_000) throw invalid("max_concurrent_runs must be between 0 and 1000.");
  demandDistinct(
    "task_key",
    tasks.map(({ task_key }) => task_key),
  );
  demandDistinct(
    "environment_key",
    environments.map(({ environment_key }) => environment_key),
  );
  demandDistinct(
    "job_cluster_key",
    job_clusters.map(({ job_cluster_key }) => job_cluster_key),
  );
  demandDistinct(
    "parameter name",
    parameters.map(({ name }) => name),
  );
  for (const { environment_key, spec } of environments) {
    const versions = [spec?.environment_version, spec?.base_environment, spec?.client].filter(
      (one) => one !== undefined,
    );
    // service/compute/model.go: "Either `environment_version` or `base_environment` needs to be provided".
    if (versions.length !== 1)
      throw invalid(`Environment ${environment_key} needs environment_version or base_environment.`);
  }
  for (const task of tasks) demandSoundTask(task, settings);
}

function demandDistinct(what: string, names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`Duplicate ${what}: ${twice}`);
}

function demandSoundTask(task: Task, { tasks = [], environments = [], job_clusters = [] }: JobSettings): void {
  const { task_key } = task;
  if (!/^[\w-]{1,100}$/.test(task_key)) throw invalid(`Invalid task_key '${task_key}'.`);
  const kinds = TASK_KINDS.filter((kind) => Object.hasOwn(task, kind));
  if (kinds.length !== 1) throw invalid(`Task ${task_key} must have exactly one kind of task, has ${kinds.length}.`);
  for (const { task_key: before } of task.depends_on ?? []) {
    if (!tasks.some((one) => one.task_key === before && one !== task)) {
      throw invalid(`Task ${task_key} depends on ${before}, which is not a task of this job.`);
    }
  }
  const compute = [task.new_cluster, task.existing_cluster_id, task.job_cluster_key].filter((one) => one !== undefined);
  if (compute.length > 1) throw invalid(`Task ${task_key} has more than one cluster.`);
  if (task.job_cluster_key !== undefined && !job_clusters.some((one) => one.job_cluster_key === task.job_cluster_key)) {
    throw invalid(`Job cluster '${task.job_cluster_key}' is not defined in field 'job_clusters'.`);
  }
  if (task.environment_key !== undefined && !environments.some((one) => one.environment_key === task.environment_key)) {
    throw invalid(`Environment '${task.environment_key}' is not defined in field 'environments'.`);
  }
  if (task.spark_python_task !== undefined && compute.length === 0 && task.environment_key === undefined) {
    throw invalid(`Task ${task_key}: environment_key is required for python tasks on serverless compute.`);
  }
  const path = task.notebook_task?.notebook_path;
  if (path !== undefined && task.notebook_task?.source !== "GIT" && !path.startsWith("/")) {
    throw invalid(`Task ${task_key}: notebook_path must be absolute, is '${path}'.`);
  }
}

/** With what Databricks fills in: a reader who compares must know of these. */
export function filled(settings: JobSettings): JobSettings {
  const tasks = settings.tasks?.map((task) => ({
    ...task,
    run_if: task.run_if ?? ("ALL_SUCCESS" as const),
    timeout_seconds: task.timeout_seconds ?? 0,
    email_notifications: task.email_notifications ?? {},
    ...(task.notebook_task === undefined
      ? {}
      : { notebook_task: { ...task.notebook_task, source: task.notebook_task.source ?? ("WORKSPACE" as const) } }),
  }));
  return {
    email_notifications: {},
    webhook_notifications: {},
    timeout_seconds: 0,
    max_concurrent_runs: 1,
    name: "Untitled",
    ...settings,
    format: "MULTI_TASK",
    ...(tasks === undefined ? {} : { tasks }),
  };
}
