/** `agent provision` for both clouds as a person sees it: the compiled binary, moto with its policies, the strict fake workspace. */
import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import type { Workspace } from "../../fake-workspace/wire/port.ts";
import { ENGINEER, ENGINEER_TOKEN } from "../../fake-workspace/world/settings.ts";
import type { Dashboard } from "../../fake-workspace/world/things.ts";
import { accountState } from "../../testing/provision/account-state.ts";
import { BothClouds } from "../../testing/provision/both-clouds.ts";
import type { ProvisionWorld } from "../../testing/provision/world.ts";
import { contentsOf } from "./lake.suite.ts";

setDefaultTimeout(1_800_000);
const it = test.skipIf(!BothClouds.canRun);

let clouds: BothClouds;
let aws: ProvisionWorld;
let workspace: Workspace;
beforeAll(async () => {
  if (!BothClouds.canRun) return;
  clouds = await BothClouds.start();
  ({ aws, workspace } = clouds);
});
afterAll(async () => {
  if (BothClouds.canRun) await clouds.stop();
});
beforeEach(async () => {
  if (BothClouds.canRun) await clouds.reset();
});
const env = () => clouds.env;
const run = (...argv: string[]) => aws.run(argv, env());
const endOfBoth = async () => ({ ...contentsOf(workspace), account: await accountState(aws) });

/** That it worked, and what it said where it did not. */
async function done(...argv: string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const told = await run(...argv);
  expect([argv, told.code, told.code === 0 ? "" : `${told.stderr}${told.stdout}`]).toEqual([argv, 0, ""]);
  return told;
}

it("from two credentials to a lake, proved, and back to nothing", async () => {
  const plan = await done("plan");
  expect(plan.stdout).toEndWith("63 to create, 0 as they should be.\n");
  expect(workspace.journal.entries().every(({ method }) => method === "GET")).toBe(true);
  const apply = await done("apply", "--yes");
  expect(apply.stderr).toEndWith("Done: 63 steps.\n");
  expect((await done("plan")).stdout).toEndWith("Nothing to do: 63 as they should be.\n");

  const { ok, proofs } = JSON.parse((await done("verify", "--json")).stdout);
  const wrong = proofs.filter((proof: { ok: boolean | null }) => proof.ok !== true);
  expect([ok, wrong]).toEqual([true, []]);
  const parties = new Set(proofs.map(({ party }: { party: string }) => party));
  expect(parties).toEqual(new Set(["settings", "edge key", "unity catalog", "sql warehouse"]));

  await done("destroy", "--yes");
  expect(Object.values(contentsOf(workspace)).flat()).toEqual([]);
  expect(workspace.journal.complaints()).toEqual([]);
  const told = [plan, apply].map(({ stdout, stderr }) => stdout + stderr).join("");
  expect(told).not.toContain(ENGINEER_TOKEN);
});

const NOTEBOOK = "/Shared/acme-agent-us-west-2/autoloader";
const TABLES = ["raw", "validated", "anomalies", "schematized", "aggregated"].map((stage, at) => ({
  stage,
  table: `expanso_catalog.sensor_data.sensor_readings_${stage}`,
  rows: 1_000 * at,
  quarantined:
    stage === "anomalies" ? ["s3://acme-anomalies-data-us-west-2/a.json.gz", "s3://other"] : ([] as string[]),
  foreign: stage === "raw" ? 7 : 0,
  foreign_named: stage === "raw" ? ["s3://acme-raw-data-us-west-2/archive/other-team.json"] : ([] as string[]),
}));

it("run uploads, follows the job, and says what the tables hold and which pages to open", async () => {
  workspace.set({ notebookOutcomes: { [NOTEBOOK]: { result: JSON.stringify(TABLES) } } });
  // Nothing was applied: run makes what it needs, and asks no table.
  const loaded = await done("run");
  expect(loaded.stdout.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
    ["stage", "table", "rows", "objects left out"],
    ["raw", TABLES[0]!.table, "0", "0"],
    ["validated", TABLES[1]!.table, "1,000", "0"],
    ["anomalies", TABLES[2]!.table, "2,000", "2"],
    ["schematized", TABLES[3]!.table, "3,000", "0"],
    ["aggregated", TABLES[4]!.table, "4,000", "0"],
    [""],
  ]);
  expect(loaded.stderr).toMatch(/^Run \d+ is under way: https:\/\/\S+\/runs\/\d+$/m);
  expect(loaded.stderr).toMatch(/^Run \d+ is done: https:\/\/\S+\/runs\/\d+$/m);
  expect(loaded.stderr).toContain("were left out: s3://acme-anomalies-data-us-west-2/a.json.gz and 1 more\n");
  expect(loaded.stderr).toContain(
    'Try: agent query "SELECT * FROM expanso_catalog.sensor_data.sensor_readings_quarantine"\n',
  );
  expect(loaded.stderr).toContain(
    "raw: 7 objects (s3://acme-raw-data-us-west-2/archive/other-team.json and 6 more) in its bucket are not the agent's, and were not read\n",
  );
  const [dashboard] = [...workspace.world().dashboards.values()];
  const page = `${workspace.url}/dashboardsv3/${dashboard!.id}/published`;
  expect(loaded.stderr).toEndWith(`\nDashboard: ${page}\n`);

  const json = JSON.parse((await done("run", "--json")).stdout);
  expect(json).toMatchObject({ ok: true, code: "SUCCESS", dashboard: page, tables: TABLES });
  expect(json.page).toEndWith(`/runs/${json.run_id}`);

  // Auto Loader's record of what it found could not be read.
  const uncounted = TABLES.map((table, at) => (at === 0 ? { ...table, foreign: null, foreign_named: [] } : table));
  workspace.set({ notebookOutcomes: { [NOTEBOOK]: { result: JSON.stringify(uncounted) } } });
  const rebuilt = await done("run", "--rebuild", "sensor_readings_ingestion,validated");
  expect(rebuilt.stderr).toContain("Objects that are not the agent's were not read, and could not be counted: raw\n");
  const asked = [...workspace.world().runs.values()].map(({ parameters }) => parameters["rebuild"]);
  expect(asked.at(-1)).toBe("raw,validated");
  expect((await run("run", "--rebuild", "all")).code).toBe(2);

  workspace.set({ notebookOutcomes: { [NOTEBOOK]: { error: "KeyError: raw" } } });
  const failed = await run("run");
  expect([failed.code, failed.stdout]).toEqual([1, ""]);
  expect(failed.stderr).toMatch(/Run \d+ failed \(RUN_EXECUTION_ERROR\): KeyError: raw\nhttps:/);
  const { tables, ok } = JSON.parse((await run("run", "--json")).stdout);
  expect([tables, ok]).toEqual([null, false]);
  expect(workspace.journal.complaints()).toEqual([]);
  expect([loaded, failed].map(({ stdout, stderr }) => stdout + stderr).join("")).not.toContain(ENGINEER_TOKEN);
});

it("run leaves a dashboard that was edited by hand, and says so; apply, which asks, undoes the edit", async () => {
  await done("run");
  const { dashboards } = workspace.world();
  const [[id, before]] = [...dashboards] as [[string, Dashboard]];
  const edited = before.serialized.replace('"displayName":"Overview"', '"displayName":"Mine"');
  dashboards.set(id, { ...before, serialized: edited, revision: before.revision + 1 });
  const loaded = await done("run");
  const place = "dashboard /Shared/acme-agent-us-west-2/acme-readings-us-west-2.lvdash.json";
  expect(loaded.stderr).toContain(`${place} was edited by hand, and is left as it is. Try: agent provision plan\n`);
  expect(dashboards.get(id)!.serialized).toBe(edited);
  expect((await done("plan")).stdout).toContain(`~ update ${place}: content: edited by hand -> that of this version`);
  await done("apply", "--yes");
  expect(dashboards.get(id)!.serialized).not.toBe(edited);
});

it("a run that no one follows any more continues: its page is reported", async () => {
  await done("run");
  workspace.set({ runAsksRunning: 1_000 });
  const child = aws.start(["run"], env());
  const startedMs = Date.now();
  const isUnderWay = () => [...workspace.world().runs.values()].some(({ asksLeft }) => asksLeft > 500);
  while (!isUnderWay() && Date.now() - startedMs < 60_000) await Bun.sleep(20);
  await Bun.sleep(1_000);
  child.kill("SIGINT");
  const [code, told] = await Promise.all([child.exited, new Response(child.stderr as ReadableStream).text()]);
  expect([code, told]).toEqual([
    1,
    expect.stringMatching(/Run \d+ continues in the workspace: https:\/\/\S+\/runs\/\d+\n$/),
  ]);
});

it("a wrong location is reported with its reason, also to scripts, and repaired", async () => {
  await done("apply", "--yes");
  const name = "acme_raw_data_us_west_2";
  const { locations } = workspace.world();
  locations.set(name, { ...locations.get(name)!, url: "s3://acme-old-bucket" });
  const { steps } = JSON.parse((await done("plan", "--json")).stdout);
  expect(steps.filter(({ action }: { action: string }) => action !== "none")).toEqual([
    {
      resource: `external location ${name}`,
      action: "update",
      because: "url: s3://acme-old-bucket -> s3://acme-raw-data-us-west-2",
      side: "databricks",
    },
  ]);
  expect((await done("apply", "--yes")).stderr).toEndWith("Done: 1 step.\n");
  expect(locations.get(name)!.url).toBe("s3://acme-raw-data-us-west-2");
});

it("a token that is not one exits 1 and says what to set, and is shown nowhere", async () => {
  const told = await aws.run(["plan"], { ...env(), DATABRICKS_TOKEN: "dapi-not-one-of-yours" });
  expect([told.code, told.stdout]).toEqual([1, ""]);
  expect(told.stderr).toContain("Databricks refuses the token: Invalid access token.");
  expect(told.stderr).toContain("Set DATABRICKS_TOKEN to a new token");
  expect(told.stderr).toContain("Try: agent config check --live\n");
  expect(told.stderr).not.toContain("dapi-not-one-of-yours");
});

/** All kinds with AGENT_TEST_ALL_CALLS=1. */
const KILLED_AT = /storage-credentials|statements/;

it("config check --live asks the workspace too, and says what is missing by its name", async () => {
  const check = (more: Record<string, string> = {}) =>
    aws.run(["check", "--live", "--json"], { ...env(), ...more }, "config");
  const fine = await check();
  expect([fine.code, JSON.parse(fine.stdout).live.databricks]).toEqual([
    0,
    {
      user: ENGINEER,
      region: "us-west-2",
      metastoreOwner: "metastore-admins",
      warehouse: "Serverless Starter Warehouse",
      warehouseProblem: null,
      // That the engineer is of that group is not to be seen from the workspace.
      notGranted: ["CREATE_STORAGE_CREDENTIAL", "CREATE_EXTERNAL_LOCATION", "CREATE_CATALOG"],
    },
  ]);
  const wrong = await check({ AWS_REGION: "eu-west-1" });
  expect([wrong.code, JSON.parse(wrong.stdout).problems]).toEqual([
    1,
    [
      "Cannot use the workspace: its metastore is in us-west-2, and the buckets are in eu-west-1. Use buckets in us-west-2, or set DATABRICKS_HOST to a workspace in eu-west-1. Try: export AWS_REGION=us-west-2",
    ],
  ]);
});

it("an apply that is killed by kill -9 at a call of a kind, and run again, ends like any other", async () => {
  await done("apply", "--yes");
  const whole = await endOfBoth();
  const kinds = new Map<string, { method: string; path: string }>();
  for (const { method, path: called } of workspace.journal.entries()) {
    const path = called.split("?")[0]!;
    if (method !== "GET" && !path.includes("/validate-"))
      kinds.set(`${method} ${path.split("/").slice(0, 5).join("/")}`, { method, path });
  }
  expect(kinds.size).toBeGreaterThan(7);
  const all = process.env["AGENT_TEST_ALL_CALLS"] === "1";
  for (const { method, path } of [...kinds.values()].filter((one) => all || KILLED_AT.test(one.path))) {
    await clouds.reset();
    // Done, and the answer is held back until the process is gone.
    workspace.faults.add({ what: "slow", method, path, delay_ms: 20_000 });
    const child = aws.start(["apply", "--yes"], env());
    while (workspace.faults.left().length > 0 && child.exitCode === null) await Bun.sleep(10);
    await Bun.sleep(50);
    child.kill("SIGKILL");
    await child.exited;
    expect([path, child.signalCode]).toEqual([path, "SIGKILL"]);
    await done("apply", "--yes");
    expect([path, await endOfBoth()]).toEqual([path, whole]);
  }
});
