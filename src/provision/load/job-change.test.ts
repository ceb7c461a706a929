/** The job after people have worked on it: what plan says, what goes over the wire, and what stays. */
import { expect, test } from "bun:test";
import { filled, type JobSettings } from "../../fake-workspace/jobs/job-settings.ts";
import { expectGolden } from "../errors.suite.ts";
import {
  apply,
  endLakes,
  failuresOf,
  type LakeOptions,
  lakeTest,
  linesOf,
  planOf,
  startLake,
  type TestLake,
} from "../lake/lake.suite.ts";
import { jobChange } from "./job-change.ts";

const LONG_MS = 300_000;
endLakes();

const NOTEBOOK = { name: "load", source: "# Databricks notebook source\nprint(1)\n" };

function settingsOf(lake: TestLake): JobSettings {
  return [...lake.workspace.world().jobs.values()][0]!.settings;
}

function edit(lake: TestLake, change: (settings: JobSettings) => JobSettings): void {
  const { jobs } = lake.workspace.world();
  const [id, job] = [...jobs][0]!;
  jobs.set(id, { ...job, settings: change(job.settings) });
}

/** Each of these is what a person may set in the workspace. */
function byPeople(settings: JobSettings): JobSettings {
  const tasks = (settings.tasks ?? []).map((task) => ({ ...task, libraries: [{ pypi: { package: "x" } }] }));
  const mine = {
    task_key: "report",
    depends_on: [{ task_key: "load" }],
    notebook_task: { notebook_path: "/Shared/mine" },
    environment_key: "default",
  };
  const more = {
    ...settings,
    tags: { ...settings.tags, team: "ops" },
    budget_policy_id: "b-1",
    performance_target: "STANDARD",
    email_notifications: { on_failure: ["ops@example.com"] },
    webhook_notifications: { on_failure: [{ id: "w-1" }] },
    notification_settings: { no_alert_for_canceled_runs: true },
    health: { rules: [{ metric: "RUN_DURATION_SECONDS", op: "GREATER_THAN", value: 60 }] },
    trigger: { file_arrival: { url: "s3://acme" }, pause_status: "UNPAUSED" },
    queue: { enabled: false },
    parameters: [...(settings.parameters ?? []), { name: "mine", default: "1" }],
    tasks: [...tasks, mine],
  };
  return filled(more as unknown as JobSettings);
}

/** What ours was changed to by hand. */
function wrong(settings: JobSettings): JobSettings {
  const [load, ...others] = settings.tasks ?? [];
  const tasks = [{ ...load!, max_retries: 0, notebook_task: { notebook_path: "/elsewhere" } }, ...others];
  const [catalog, ...parameters] = settings.parameters ?? [];
  const changed = { tasks, timeout_seconds: 7, parameters: [{ ...catalog!, default: "other" }, ...parameters] };
  return { ...settings, ...(changed as unknown as JobSettings) };
}

async function toldAndSent(lake: TestLake, more: Partial<LakeOptions> = {}): Promise<string[]> {
  const before = lake.workspace.journal.entries().length;
  const lines = linesOf(await planOf(lake, false, more));
  expect(failuresOf(await apply(lake, false, more))).toEqual([]);
  const sent = lake.workspace.journal
    .entries()
    .slice(before)
    .filter(({ path }) => /\/jobs\/(update|reset)/.test(path))
    .map(({ path, body }) => `${path} ${JSON.stringify(body, (key, value) => (key === "job_id" ? 0 : value), 2)}`);
  expect(linesOf(await planOf(lake, false, more))).toEqual([]);
  return [...lines, ...sent].map((line) => line.replaceAll(lake.naming.prefix, "acme"));
}

lakeTest(
  "only the fields that are ours are changed, each is in the plan, and the work of people stays",
  async () => {
    const lake = await startLake({ notebook: NOTEBOOK });
    await apply(lake);
    edit(lake, byPeople);
    expect(linesOf(await planOf(lake))).toEqual([]);
    const asPeopleHaveIt = settingsOf(lake);
    edit(lake, wrong);
    const repaired = await toldAndSent(lake);
    const byName = (one: { task_key: string }, other: { task_key: string }) => (one.task_key < other.task_key ? -1 : 1);
    const sorted = (settings: JobSettings) => ({ ...settings, tasks: [...(settings.tasks ?? [])].sort(byName) });
    expect(sorted(settingsOf(lake))).toEqual(sorted(asPeopleHaveIt));

    // The task of a person runs on our environment: it stays.
    const onMachine = await toldAndSent(lake, { env: { AGENT_JOB_NODE_TYPE: "m5d.large" } });
    expect(settingsOf(lake).environments).toHaveLength(1);
    const back = await toldAndSent(lake);
    expect(settingsOf(lake).job_clusters).toBeUndefined();
    expect(settingsOf(lake).tasks).toHaveLength(2);
    expectGolden("job.txt", [
      "## settings of ours that were changed by hand\n",
      ...repaired,
      "\n## serverless, then a machine\n",
      ...onMachine,
      "\n## a machine, then serverless\n",
      ...back,
    ]);
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);

test("a job that runs without end has no retries, and who it runs as is one of two", () => {
  const wanted = {
    run_as: { service_principal_name: "p" },
    queue: { enabled: true },
    tasks: [{ task_key: "load", max_retries: 2, retry_on_timeout: false }],
  };
  const actual = {
    run_as: { user_name: "u" },
    continuous: { pause_status: "UNPAUSED" },
    tasks: [{ task_key: "load" }],
  };
  expect(jobChange(actual, wanted)).toEqual({
    differences: ["run_as.user_name: u -> none", "run_as.service_principal_name: none -> p"],
    update: { new_settings: { run_as: { service_principal_name: "p" } } },
  });
});

test("another size of the machine and another kind of task go, what people added to both stays", () => {
  const wanted = {
    tasks: [{ task_key: "load", notebook_task: { notebook_path: "/n" }, job_cluster_key: "load" }],
    job_clusters: [{ job_cluster_key: "load", new_cluster: { num_workers: 0, node_type_id: "m5d.large" } }],
  };
  const actual = {
    tasks: [{ task_key: "load", spark_python_task: { python_file: "/a" }, existing_cluster_id: "c", description: "x" }],
    job_clusters: [
      { job_cluster_key: "load", new_cluster: { autoscale: { min_workers: 1 }, spark_env_vars: { A: "b" } } },
      { job_cluster_key: "mine", new_cluster: { num_workers: 3 } },
    ],
  };
  const { differences, update } = jobChange(actual, wanted);
  expect(update.new_settings).toEqual({
    tasks: [{ ...wanted.tasks[0]!, description: "x" }],
    job_clusters: [
      {
        job_cluster_key: "load",
        new_cluster: { num_workers: 0, node_type_id: "m5d.large", spark_env_vars: { A: "b" } },
      },
    ],
  });
  expect(differences).toContain("tasks.load.existing_cluster_id: c -> none");
  expect(differences).toContain("job_clusters.load.new_cluster.autoscale.min_workers: 1 -> none");
});
