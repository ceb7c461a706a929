/** The notebook and its job, a run from start to end, and what verify tries, against the strict fake workspace. */
import { expect, test } from "bun:test";
import { resolveSettings } from "../../core/settings/settings.ts";
import { ROBOT } from "../../fake-workspace/world/settings.ts";
import { QUARANTINE_COLUMNS } from "../../lakehouse/columns.ts";
import { QUARANTINE_TABLE } from "../../lakehouse/names.ts";
import {
  apply,
  destroy,
  endLakes,
  failuresOf,
  lakeTest,
  linesOf,
  planOf,
  removal,
  startLake,
  type TestLake,
  world,
} from "../lake/lake.suite.ts";
import { openRunner } from "../lake/side.ts";
import { makePlan } from "../plan.ts";
import { jobName } from "./job.ts";
import type { RunStart, RunWish } from "./run.ts";
import { shippedNotebook } from "./shipped-notebook.ts";

const LONG_MS = 300_000;
endLakes();

const SOURCE = "# Databricks notebook source\nprint(1)\n\n# COMMAND ----------\n\nprint(2)\n";
const NOTEBOOK = { name: "load", source: SOURCE };

const folderOf = ({ naming }: TestLake) => `/Shared/${naming.prefix}-agent-us-west-2`;
const jobOf = ({ naming }: TestLake) => `${naming.prefix}-load-us-west-2`;

lakeTest(
  "the notebook and its job are made once, changed where they differ, and deleted",
  async () => {
    const lake = await startLake({ notebook: NOTEBOOK });
    const lines = linesOf(await planOf(lake)).slice(-3);
    const path = `${folderOf(lake)}/load`;
    expect(lines).toEqual([
      `create workspace folder ${folderOf(lake)}: it does not exist`,
      `create notebook ${path}: it does not exist`,
      `create job ${jobOf(lake)}: it does not exist`,
    ]);
    expect(failuresOf(await apply(lake))).toEqual([]);
    expect(linesOf(await planOf(lake))).toEqual([]);
    const { jobs, tree } = lake.workspace.world();
    const found = tree.get(path);
    expect(found?.kind === "NOTEBOOK" && found.source).toBe(
      SOURCE.replace("source\n", "source\n# managed-by=agent-provision\n"),
    );

    const newer = { notebook: { name: "load", source: `${SOURCE}print(3)\n` } };
    const [id, job] = [...jobs][0]!;
    const schedule = { quartz_cron_expression: "0 0 * * * ?", timezone_id: "UTC", pause_status: "UNPAUSED" as const };
    jobs.set(id, { ...job, settings: { ...job.settings, timeout_seconds: 7, schedule } });
    expect(linesOf(await planOf(lake, false, newer))).toEqual([
      `update notebook ${path}: source: another -> that of this version of the agent`,
      `update job ${jobOf(lake)}: timeout_seconds: 7 -> 14400`,
    ]);
    expect(failuresOf(await apply(lake, false, newer))).toEqual([]);
    expect(linesOf(await planOf(lake, false, newer))).toEqual([]);

    // When the job runs is its owner's choice.
    expect(jobs.get(id)!.settings.schedule).toEqual(schedule);

    // A person's own job of the same name is not ours; a second one of ours is left over from a lost answer.
    jobs.set(7n, { ...job, id: 7n, settings: { ...job.settings, tags: {} } });
    jobs.set(9n, { ...jobs.get(id)!, id: 9n, createdAtMs: job.createdAtMs + 1 });
    expect(linesOf(await planOf(lake, false, newer))).toEqual([
      `delete job ${jobOf(lake)}: a second job of that name (9)`,
    ]);
    expect(failuresOf(await apply(lake, false, newer))).toEqual([]);
    expect([...jobs.keys()]).toEqual([id, 7n]);

    const inFolder = { ...tree.get(path)!, path: `${folderOf(lake)}/mine` };
    tree.set(inFolder.path, inFolder);
    const { kept } = await removal(lake, [], newer);
    expect(kept).toEqual([
      `Cannot destroy workspace folder ${folderOf(lake)}: it holds 1 object that agent provision did not make (mine)`,
    ]);
    expect([...jobs.keys()]).toEqual([7n]);
    expect(tree.has(path)).toBe(false);
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);

lakeTest(
  "a person's own notebook at our path is not overwritten, and is not deleted",
  async () => {
    const lake = await startLake({ notebook: NOTEBOOK });
    await apply(lake);
    const path = `${folderOf(lake)}/load`;
    const { tree } = lake.workspace.world();
    tree.set(path, {
      ...tree.get(path)!,
      kind: "NOTEBOOK",
      language: "PYTHON",
      source: "# Databricks notebook source\nmine",
    });
    const refused = `Cannot use notebook ${path}: it has no line "# managed-by=agent-provision"`;
    expect(linesOf(await planOf(lake))).toEqual([refused]);
    await destroy(lake);
    expect(tree.has(path)).toBe(true);
  },
  LONG_MS,
);

lakeTest(
  "the shipped notebook goes up with the files that it imports, which stay files, and its job knows where the lake is",
  async () => {
    const lake = await startLake({ notebook: shippedNotebook() });
    expect(failuresOf(await apply(lake))).toEqual([]);
    expect(linesOf(await planOf(lake))).toEqual([]);
    const { tree, jobs } = lake.workspace.world();
    const kinds = [...tree.values()].filter(({ path }) => path.startsWith(`${folderOf(lake)}/`));
    expect(kinds.map(({ path, kind }) => `${kind} ${path.split("/").at(-1)}`).sort()).toEqual([
      "FILE checkpoints.py",
      "FILE columns.py",
      "FILE keys.py",
      "NOTEBOOK autoloader",
    ]);
    const parameters = [...jobs.values()][0]!.settings.parameters!;
    expect(Object.fromEntries(parameters.map((one) => [one.name, one.default]))).toEqual({
      catalog: "expanso_catalog",
      schema: "sensor_data",
      prefix: lake.naming.prefix,
      region: "us-west-2",
      checkpoints: "/Volumes/expanso_catalog/sensor_data/checkpoints",
      rebuild: "none",
    });
    // Every parameter is one that the notebook asks for.
    const asked = /for widget in \(([^)]*)\)/.exec(shippedNotebook().source)![1]!;
    for (const { name } of parameters) expect(asked).toContain(`"${name}"`);
    expect(failuresOf(await destroy(lake))).toEqual([]);
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);

test("the notebook and provision know one table of what cannot be unpacked", () => {
  const { source } = shippedNotebook();
  const rows = /QUARANTINE_COLUMNS = \(\n([\s\S]*?)\n\)\n/.exec(source)![1]!;
  const columns = [...rows.matchAll(/\("(\w+)", "(\w+)", "([^"]+)"\)/g)].map(([, name, type, comment]) => {
    return { name, type: type!.toLowerCase(), comment };
  });
  expect(columns).toEqual([...QUARANTINE_COLUMNS]);
  expect(source).toContain(`QUARANTINE = "${QUARANTINE_TABLE}"`);
});

lakeTest(
  "the job is serverless, or runs on one machine of the type that is chosen, and changes from the one to the other",
  async () => {
    const lake = await startLake({ notebook: NOTEBOOK });
    await apply(lake);
    const settings = () => [...lake.workspace.world().jobs.values()][0]!.settings;
    expect(settings()).toMatchObject({ environments: [{ environment_key: "default" }] });
    expect(settings().job_clusters).toBeUndefined();
    const chosen = { env: { AGENT_JOB_NODE_TYPE: "m5d.large" } };
    const [line, ...others] = linesOf(await planOf(lake, false, chosen));
    expect([line?.includes("job_clusters.load.new_cluster.node_type_id: none -> m5d.large"), others]).toEqual([
      true,
      [],
    ]);
    expect(failuresOf(await apply(lake, false, chosen))).toEqual([]);
    expect(linesOf(await planOf(lake, false, chosen))).toEqual([]);
    expect(settings().environments).toBeUndefined();
    expect(settings().job_clusters![0]).toMatchObject({
      job_cluster_key: "load",
      // Of a single user: another mode sees no external location.
      new_cluster: { node_type_id: "m5d.large", num_workers: 0, data_security_mode: "SINGLE_USER" },
    });
    expect(failuresOf(await apply(lake))).toEqual([]);
    expect(settings().job_clusters).toBeUndefined();
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);

async function runOf(lake: TestLake, token: string, onStart?: (start: RunStart) => void, more: Partial<RunWish> = {}) {
  const settings = resolveSettings({ env: lake.env });
  const { side, run } = openRunner({ settings, home: "/nowhere", cwd: "/", notebook: NOTEBOOK });
  const plan = await makePlan([side], { adopt: false }, world());
  return run({ token, onStart, ...more }, { ...world(), facts: plan.facts });
}

lakeTest(
  "a run is started once for a token, followed to its end, and reports what the notebook returned or why it failed",
  async () => {
    const lake = await startLake({ notebook: NOTEBOOK, env: { AGENT_LAKE_LOADER: ROBOT } });
    await expect(runOf(lake, "t")).rejects.toThrow(`Cannot run job ${jobOf(lake)}: there is none`);
    expect(failuresOf(await apply(lake))).toEqual([]);
    const { jobs, runs } = lake.workspace.world();
    expect([...jobs.values()][0]!.settings.run_as).toMatchObject({ service_principal_name: ROBOT });
    const path = `${folderOf(lake)}/load`;
    lake.workspace.set({ notebookOutcomes: { [path]: { result: "42 rows" } } });
    lake.workspace.faults.add({ what: "lose-answer", method: "POST", path: "/api/2.2/jobs/run-now" });
    const starts: RunStart[] = [];
    const end = await runOf(lake, "once", (start) => starts.push(start));
    expect(end).toMatchObject({ ok: true, code: "SUCCESS", result: "42 rows" });
    expect(starts).toEqual([{ runId: end.runId, page: end.page }]);
    expect(BigInt(end.runId) > 2n ** 53n).toBe(true);
    expect(await runOf(lake, "once")).toEqual(end);
    expect(runs.size).toBe(1);
    lake.workspace.set({ notebookOutcomes: { [path]: { code: "RUN_EXECUTION_ERROR", error: "KeyError: raw" } } });
    expect(await runOf(lake, "again")).toMatchObject({
      ok: false,
      code: "RUN_EXECUTION_ERROR",
      message: "KeyError: raw",
    });
    await runOf(lake, "rebuilt", undefined, { rebuild: ["raw", "validated"] });
    expect([...runs.values()].map(({ parameters }) => parameters["rebuild"])).toEqual([
      "none",
      "none",
      "raw,validated",
    ]);
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);

lakeTest(
  "verify tries the role on every bucket and asks every table; a choice of warehouses is not made for anybody",
  async () => {
    const lake = await startLake();
    await apply(lake);
    const prove = async () => {
      const sides = await lake.sides();
      const plan = await makePlan(sides, { adopt: false }, world());
      return (await sides[1]!.prove?.({ ...world(), facts: plan.facts })) ?? [];
    };
    const proofs = await prove();
    expect(proofs.every(({ ok }) => ok)).toBe(true);
    expect(proofs.map(({ detail }) => detail)).toEqual([
      ...Array.from({ length: 7 }, () => "READ; LIST; WRITE; DELETE; PATH_EXISTS"),
      ...Array.from({ length: 5 }, () => "0 rows"),
    ]);
    const raw = `${lake.naming.prefix}_raw_data_us_west_2`;
    const { locations, warehouses } = lake.workspace.world();
    locations.set(raw, { ...locations.get(raw)!, url: "s3://nobodys-bucket" });
    warehouses.set("fedcba9876543210", {
      id: "fedcba9876543210",
      name: "Second",
      state: "STOPPED",
      asksUntilRunning: 0,
    });
    const [first, ...others] = await prove();
    expect(first).toMatchObject({
      ok: false,
      claim: `reads and writes bucket ${lake.naming.prefix}-raw-data-us-west-2`,
    });
    expect(first!.detail).toContain("READ fails: AWS IAM role does not have READ permissions");
    expect(others.map(({ ok }) => ok)).toEqual([
      ...Array.from({ length: 6 }, () => true),
      ...Array.from({ length: 5 }, () => null),
    ]);
  },
  LONG_MS,
);

test("the job's name is made of the prefix and the region", () => {
  expect(jobName({ naming: { prefix: "acme", region: "eu-west-1" } } as Parameters<typeof jobName>[0])).toBe(
    "acme-load-eu-west-1",
  );
});
