/** Jobs 2.2 and their runs, with ids that a double cannot hold. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Ask, askOf } from "../wire/ask.ts";
import type { Workspace } from "../wire/port.ts";
import { startWorkspace } from "../wire/workspace.ts";
import { ENGINEER } from "../world/settings.ts";

const JOBS = "/api/2.2/jobs";
const NOTEBOOK = `/Users/${ENGINEER}/ingest`;

let workspace: Workspace;
let ask: Ask;

beforeAll(async () => {
  workspace = await startWorkspace();
  ask = askOf(workspace);
});
beforeEach(async () => {
  workspace.reset();
  workspace.set({ notebookOutcomes: {}, runAsksRunning: 2 });
  const content = Buffer.from("# Databricks notebook source\nprint(1)").toString("base64");
  await ask("POST /api/2.0/workspace/import", { path: NOTEBOOK, format: "SOURCE", language: "PYTHON", content });
});
afterAll(() => workspace.stop());

/** docs.databricks.com: a serverless notebook job. */
const SETTINGS = {
  name: "ingest",
  tasks: [
    { task_key: "ingest", notebook_task: { notebook_path: NOTEBOOK }, environment_key: "default", max_retries: 2 },
  ],
  environments: [{ environment_key: "default", spec: { environment_version: "4" } }],
  parameters: [{ name: "catalog", default: "acme" }],
  queue: { enabled: true },
  max_concurrent_runs: 1,
  tags: { "managed-by": "agent" },
};
const make = async (settings: object = SETTINGS) =>
  (await ask(`POST ${JOBS}/create`, settings)).body["job_id"] as bigint;
const run = async (job_id: bigint, more: object = {}) =>
  (await ask(`POST ${JOBS}/run-now`, { job_id, ...more })).body["run_id"] as bigint;

type SeenRun = { status: { state: string; termination_details?: { code: string } }; tasks: { run_id: bigint }[] };
async function follow(run_id: bigint): Promise<{ states: string[]; last: SeenRun }> {
  const states: string[] = [];
  for (;;) {
    const last = (await ask(`GET ${JOBS}/runs/get?run_id=${run_id}`)).body as unknown as SeenRun;
    states.push(last.status.state);
    if (last.status.state === "TERMINATED" || states.length > 20) return { states, last };
  }
}

test("an id is a JSON number that a double would round to another one", async () => {
  const answer = await fetch(`${workspace.url}${JOBS}/create`, {
    method: "POST",
    headers: { authorization: "Bearer dapi-fake-engineer", "user-agent": "test/1.0" },
    body: JSON.stringify(SETTINGS),
  });
  const text = await answer.text();
  const digits = /^\{"job_id":(\d+)\}$/.exec(text)?.[1] ?? "";
  expect(BigInt(digits)).toBeGreaterThan(2n ** 53n);
  expect(String(Number(digits))).not.toBe(digits);
  expect(await ask(`GET ${JOBS}/get?job_id=${digits}`)).toMatchObject({ status: 200 });
  expect(await ask(`GET ${JOBS}/get?job_id=${Number(digits)}`)).toMatchObject({ status: 400 });
});

test("a job that is not there is a 400 INVALID_PARAMETER_VALUE", async () => {
  const missing = { status: 400, body: { error_code: "INVALID_PARAMETER_VALUE", message: "Job 1 does not exist." } };
  expect(await ask(`GET ${JOBS}/get?job_id=1`)).toMatchObject(missing);
  expect(await ask(`POST ${JOBS}/delete`, { job_id: 1 })).toMatchObject(missing);
  expect(await ask(`POST ${JOBS}/reset`, { job_id: 1, new_settings: SETTINGS })).toMatchObject(missing);
  // A number, not its text.
  expect(await ask(`POST ${JOBS}/delete`, { job_id: "1" })).toMatchObject({
    body: { error_code: "MALFORMED_REQUEST" },
  });
});

test("a job is read back with what Databricks fills in", async () => {
  const { body } = await ask(`GET ${JOBS}/get?job_id=${await make()}`);
  expect(body).toMatchObject({
    creator_user_name: ENGINEER,
    settings: {
      ...SETTINGS,
      format: "MULTI_TASK",
      timeout_seconds: 0,
      email_notifications: {},
      tasks: [
        { task_key: "ingest", run_if: "ALL_SUCCESS", notebook_task: { notebook_path: NOTEBOOK, source: "WORKSPACE" } },
      ],
    },
  });
});

test("settings that do not agree with themselves are refused", async () => {
  const [task] = SETTINGS.tasks;
  const wrong: object[] = [
    { ...SETTINGS, tasks: [{ ...task, environment_key: "none" }] },
    { ...SETTINGS, tasks: [task, task] },
    { ...SETTINGS, tasks: [{ task_key: "a" }] },
    { ...SETTINGS, tasks: [{ ...task, spark_python_task: { python_file: "/a.py" } }] },
    { ...SETTINGS, tasks: [{ ...task, job_cluster_key: "none" }] },
    { ...SETTINGS, tasks: [{ ...task, depends_on: [{ task_key: "none" }] }] },
    { ...SETTINGS, tasks: [{ ...task, notebook_task: { notebook_path: "relative" } }] },
    { ...SETTINGS, environments: [{ environment_key: "default", spec: {} }] },
    { ...SETTINGS, queue: {} },
    { ...SETTINGS, max_concurent_runs: 1 },
  ];
  for (const settings of wrong) expect(await ask(`POST ${JOBS}/create`, settings)).toMatchObject({ status: 400 });
});

test("names are not unique; a list is in pages, filters by the name in any case, and leaves the tasks out", async () => {
  for (let n = 0; n < 3; n++) await make();
  await make({ ...SETTINGS, name: "other" });
  const first = await ask(`GET ${JOBS}/list?name=INGEST&limit=2`);
  const token = first.body["next_page_token"];
  expect([first.body["has_more"], typeof token]).toEqual([true, "string"]);
  expect((first.body["jobs"] as { settings: object }[])[0]?.settings).not.toHaveProperty("tasks");
  const next = await ask(`GET ${JOBS}/list?name=INGEST&limit=2&expand_tasks=true&page_token=${token}`);
  expect(next.body["jobs"]).toMatchObject([{ settings: { tasks: [{ task_key: "ingest" }] } }]);
  expect(next.body).not.toHaveProperty("next_page_token");
  expect((await ask(`GET ${JOBS}/list?name=none`)).body).toEqual({ has_more: false });
  expect(await ask(`GET ${JOBS}/list?limit=101`)).toMatchObject({ status: 400 });
});

test("reset replaces everything but a run_as that is left out; update replaces what is given", async () => {
  const job_id = await make({ ...SETTINGS, run_as: { user_name: ENGINEER } });
  await ask(`POST ${JOBS}/reset`, {
    job_id,
    new_settings: { name: "bare", tasks: SETTINGS.tasks, environments: SETTINGS.environments },
  });
  const reset = (await ask(`GET ${JOBS}/get?job_id=${job_id}`)).body["settings"] as object;
  expect(reset).toMatchObject({ name: "bare", run_as: { user_name: ENGINEER } });
  expect(reset).not.toHaveProperty("tags");
  await ask(`POST ${JOBS}/update`, { job_id, new_settings: { tags: { a: "b" } }, fields_to_remove: ["run_as"] });
  const updated = (await ask(`GET ${JOBS}/get?job_id=${job_id}`)).body["settings"] as object;
  expect(updated).toMatchObject({ name: "bare", tags: { a: "b" }, tasks: [{ task_key: "ingest" }] });
  expect(updated).not.toHaveProperty("run_as");
});

test("a run goes from PENDING over RUNNING to TERMINATED, and its output is asked of the task's run", async () => {
  workspace.set({ notebookOutcomes: { [NOTEBOOK]: { result: '{"rows":5}' } } });
  const run_id = await run(await make(), { job_parameters: { catalog: "other" } });
  const { states, last } = await follow(run_id);
  expect(states).toEqual(["PENDING", "RUNNING", "TERMINATED"]);
  expect(last).toMatchObject({
    status: { termination_details: { code: "SUCCESS", type: "SUCCESS" } },
    state: { life_cycle_state: "TERMINATED", result_state: "SUCCESS" },
    job_parameters: [{ name: "catalog", value: "other" }],
  });
  expect((await ask(`GET ${JOBS}/runs/get-output?run_id=${run_id}`)).body["message"]).toContain(
    "multiple tasks is not supported",
  );
  const output = await ask(`GET ${JOBS}/runs/get-output?run_id=${last.tasks[0]?.run_id}`);
  expect(output.body).toMatchObject({ notebook_output: { result: '{"rows":5}', truncated: false } });
});

test("a notebook that raises, or is not there, fails the run, and its output says why", async () => {
  workspace.set({ notebookOutcomes: { [NOTEBOOK]: { error: "ValueError: no", trace: "Traceback …" } } });
  const failed = await follow(await run(await make()));
  expect(failed.last.status.termination_details?.code).toBe("RUN_EXECUTION_ERROR");
  const output = await ask(`GET ${JOBS}/runs/get-output?run_id=${failed.last.tasks[0]?.run_id}`);
  expect(output.body).toMatchObject({ error: "ValueError: no", error_trace: "Traceback …" });
  const nowhere = { task_key: "a", notebook_task: { notebook_path: "/Shared/none" } };
  const missing = await follow(await run(await make({ name: "missing", tasks: [nowhere] })));
  expect(missing.last.status.termination_details?.code).toBe("RESOURCE_NOT_FOUND");
});

test("one idempotency token starts one run", async () => {
  const job_id = await make();
  const first = await run(job_id, { idempotency_token: "once" });
  expect(await run(job_id, { idempotency_token: "once" })).toBe(first);
  expect(await ask(`POST ${JOBS}/run-now`, { job_id, idempotency_token: "x".repeat(65) })).toMatchObject({
    status: 400,
  });
  expect((await ask(`GET ${JOBS}/runs/list?job_id=${job_id}`)).body["runs"]).toHaveLength(1);
});

test("a second run waits where the job queues, and is skipped where it does not", async () => {
  const job_id = await make();
  const [first, second] = [await run(job_id), await run(job_id)];
  expect((await ask(`GET ${JOBS}/runs/get?run_id=${second}`)).body).toMatchObject({ status: { state: "QUEUED" } });
  await follow(first);
  expect((await follow(second)).last.status.termination_details?.code).toBe("SUCCESS");
  const other = await make({ ...SETTINGS, queue: { enabled: false } });
  await run(other);
  expect((await follow(await run(other))).last.status.termination_details?.code).toBe("MAX_CONCURRENT_RUNS_EXCEEDED");
});

test("a run is cancelled, and listed as active or completed", async () => {
  const job_id = await make();
  const run_id = await run(job_id);
  expect((await ask(`GET ${JOBS}/runs/list?job_id=${job_id}&active_only=true`)).body["runs"]).toHaveLength(1);
  expect(await ask(`POST ${JOBS}/runs/cancel`, { run_id })).toMatchObject({ status: 200, body: {} });
  expect((await follow(run_id)).last.status.termination_details?.code).toBe("CANCELED");
  expect((await ask(`GET ${JOBS}/runs/list?job_id=${job_id}&active_only=true`)).body).toEqual({ has_more: false });
  expect(await ask(`POST ${JOBS}/delete`, { job_id })).toMatchObject({ status: 200 });
  expect(await ask(`GET ${JOBS}/get?job_id=${job_id}`)).toMatchObject({ status: 400 });
});
