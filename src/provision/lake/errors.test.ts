/**
 * Each call of the Databricks half, answered once with each error that is documented for it: what becomes of it is in
 * golden/databricks-errors.txt, a line for each. After any of them, the next run ends like any other.
 */
import { expect } from "bun:test";
import { DeleteRoleCommand, DeleteRolePolicyCommand } from "@aws-sdk/client-iam";
import { resolveSettings } from "../../core/settings/settings.ts";
import { ROBOT } from "../../fake-workspace/world/settings.ts";
import { applyPlan } from "../apply.ts";
import { expectGolden, problemsOf, reportOf } from "../errors.suite.ts";
import { shippedQuestions } from "../load/shipped-questions.ts";
import { unityRoleName } from "../names.ts";
import { makePlan, type Problem, planProblems } from "../plan.ts";
import { applyRemoval, planRemoval } from "../removal.ts";
import type { ProvisionSide } from "../resource.ts";
import { contentsOf, endLakes, lakeTest, REGION, startLake, type TestLake, world } from "./lake.suite.ts";
import { openRunner } from "./side.ts";

const LONG_MS = 1_800_000;
endLakes();

const NOTEBOOK = {
  name: "load",
  source: "# Databricks notebook source\nprint(1)\n",
};
const PEOPLE = { AGENT_LAKE_READERS: "analysts", AGENT_LAKE_LOADER: ROBOT };
const TABLES = "expanso_catalog.sensor_data";

let lake: TestLake;

/** Of what there is several times, one is enough: they are alike. */
const LEFT_OUT =
  /((validated|anomalies|schematized|aggregated|ingestion|quarantine|heartbeats)(_data_us_west_2)?|grants .*_metadata_us_west_2|volume .*\.raw|\.py|\/queries)$/;
const KEPT_ANYWAY = /^table .*_validated$/;

async function sides(): Promise<ProvisionSide[]> {
  return (await lake.sides()).map((side) => ({
    ...side,
    resources: side.resources.filter(({ id }) => !LEFT_OUT.test(id) || KEPT_ANYWAY.test(id)),
  }));
}

/** What a person sees; as the command does it, nothing is touched around something that is not ours. */
async function apply(): Promise<Problem[]> {
  const plan = await makePlan(await sides(), { adopt: false }, world());
  const problems = planProblems(plan);
  if (plan.parts.some(({ isForeign, problem }) => isForeign && problem !== null)) return problems;
  const outcomes = await applyPlan(plan, world(), { onOutcome: () => undefined });
  return [...problems, ...outcomes.flatMap(({ problem, result }) => (result === "failed" ? [problem!] : []))];
}

async function destroy(): Promise<Problem[]> {
  const plan = await planRemoval(await sides(), world());
  const outcomes = await applyRemoval(plan, world(), { onOutcome: () => undefined });
  return [...planProblems(plan), ...outcomes.flatMap(({ problem, result }) => (result === "failed" ? [problem!] : []))];
}

/** As `agent provision run`, with a token of its own. */
async function runOnce(): Promise<readonly Problem[]> {
  // A run that no one followed to its end has ended meanwhile: here it continues only when it is asked about.
  lake.workspace.world().runs.clear();
  const settings = resolveSettings({ env: lake.env });
  const { side, run } = openRunner({ settings, home: "/nowhere", cwd: "/", notebook: NOTEBOOK });
  const plan = await makePlan([side], { adopt: false }, world());
  if (planProblems(plan).length > 0) return planProblems(plan);
  expect(await run({ token: crypto.randomUUID() }, { ...world(), facts: plan.facts })).toMatchObject({ ok: true });
  expect(lake.workspace.world().runs.size).toBe(1);
  return [];
}

/** Everything gone, in both clouds, without a call of ours. */
async function empty(): Promise<void> {
  const { workspace, iam, naming } = lake;
  workspace.reset();
  const RoleName = unityRoleName(naming);
  await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "lake" })).catch(() => undefined);
  await iam.send(new DeleteRoleCommand({ RoleName })).catch(() => undefined);
}

/** One of each kind that can be changed is other than it should be. */
async function drifted(): Promise<void> {
  expect(await apply()).toEqual([]);
  const { credentials, locations, volumes, tables, grants, schemas, jobs, tree, dashboards } = lake.workspace.world();
  const [name, credential] = [...credentials][0]!;
  credentials.set(name, { ...credential, roleArn: "arn:aws:iam::123456789012:role/old" });
  const location = [...locations.values()].find((one) => one.name.includes("metadata"))!;
  locations.set(location.name, { ...location, readOnly: true });
  const other = [...locations.values()].find((one) => one.name.includes("checkpoints"))!;
  locations.set(other.name, { ...other, url: "s3://old" });
  volumes.set(`${TABLES}.checkpoints`, { ...volumes.get(`${TABLES}.checkpoints`)!, url: "s3://older" });
  const table = tables.get(`${TABLES}.sensor_readings_validated`)!;
  tables.set(`${TABLES}.sensor_readings_validated`, { ...table, columns: table.columns.slice(0, 5) });
  grants.forget(schemas.get(TABLES)!.id);
  const [id, job] = [...jobs][0]!;
  const [dashboardId, dashboard] = [...dashboards].find(([, { trashed }]) => !trashed)!;
  dashboards.set(dashboardId, { ...dashboard, published: null });
  jobs.set(id, { ...job, settings: { ...job.settings, timeout_seconds: 1 } });
  jobs.set(id + 1n, { ...job, id: id + 1n, createdAtMs: job.createdAtMs + 1 });
  const path = [...tree.keys()].find((one) => one.endsWith("/load"))!;
  const notebook = tree.get(path)!;
  const source = `${NOTEBOOK.source}# managed-by=agent-provision\nprint("old")\n`;
  if (notebook.kind === "NOTEBOOK") tree.set(path, { ...notebook, source });
}

type Scenario = { readonly before: () => Promise<unknown>; readonly work: () => Promise<readonly Problem[]> };
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  apply: { before: async () => undefined, work: apply },
  "apply to what was changed": { before: drifted, work: apply },
  destroy: { before: async () => expect(await apply()).toEqual([]), work: destroy },
  run: { before: async () => expect(await apply()).toEqual([]), work: runOnce },
};

type ErrorAnswer = readonly [status: number, error_code: string, message?: string];
/** Every call may be answered so, and it passes: each kind of call of a run once, in the same run. */
const PASSING: readonly (ErrorAnswer | "html" | "close" | "half-answer")[] = [
  [429, "REQUEST_LIMIT_EXCEEDED"],
  [503, "TEMPORARILY_UNAVAILABLE"],
  [500, "INTERNAL_ERROR"],
  "html",
  "close",
  "half-answer",
];
/** Every call may be answered so, and it does not pass. */
const COMMON: readonly ErrorAnswer[] = [
  [403, "PERMISSION_DENIED", "no, not you"],
  [400, "INVALID_PARAMETER_VALUE", "not like that"],
];
/** What a call of each sort says that the client judges for all alike: a read, a change, SQL. */
const ALIKE: readonly ErrorAnswer[] = [
  [401, "UNAUTHENTICATED", "Invalid access token."],
  [404, "FEATURE_DISABLED", "not in this account"],
  [501, "NOT_IMPLEMENTED", "not here"],
];
const UC = "/api/2.1/unity-catalog";
/** What a call may be answered beside that: reference, 2.0 to 2.8. */
const OF_CALL: Readonly<Record<string, readonly ErrorAnswer[]>> = {
  "GET /api/2.0/preview/scim/v2/Me": ALIKE,
  [`GET ${UC}/metastore_summary`]: [
    [404, "METASTORE_DOES_NOT_EXIST", "No metastore assigned for the current workspace."],
  ],
  [`POST ${UC}/storage-credentials`]: [
    [400, "STORAGE_CREDENTIAL_ALREADY_EXISTS", "Storage Credential 'x' already exists"],
    [400, "RESOURCE_EXHAUSTED", "You have reached the limit of storage credentials"],
  ],
  [`POST ${UC}/validate-storage-credentials`]: [
    [400, "INVALID_PARAMETER_VALUE", "The url overlaps with an existing external location"],
    [404, "STORAGE_CREDENTIAL_DOES_NOT_EXIST"],
  ],
  [`POST ${UC}/external-locations`]: [
    [400, "EXTERNAL_LOCATION_ALREADY_EXISTS", "External Location 'x' already exists"],
    [400, "INVALID_PARAMETER_VALUE", "s3://x overlaps with an existing external location"],
    [403, "PERMISSION_DENIED", "AWS IAM role does not have READ permissions on url s3://x"],
    [404, "STORAGE_CREDENTIAL_DOES_NOT_EXIST", "Storage Credential 'x' does not exist."],
  ],
  [`PATCH ${UC}/external-locations/*`]: [
    [403, "PERMISSION_DENIED", "User is not an owner of External Location 'x'"],
    [403, "PERMISSION_DENIED", "AWS IAM role does not have READ permissions on url s3://x"],
  ],
  [`POST ${UC}/catalogs`]: [
    [400, "CATALOG_ALREADY_EXISTS", "Catalog 'x' already exists"],
    [400, "INVALID_STATE", "Metastore storage root URL does not exist."],
    [403, "PERMISSION_DENIED", "User does not have CREATE CATALOG on Metastore 'main'."],
    ...ALIKE,
  ],
  [`POST ${UC}/schemas`]: [
    [400, "SCHEMA_ALREADY_EXISTS", "Schema 'x' already exists"],
    [404, "CATALOG_DOES_NOT_EXIST", "Catalog 'x' does not exist."],
  ],
  [`POST ${UC}/volumes`]: [
    [400, "RESOURCE_ALREADY_EXISTS", "Volume 'x' already exists"],
    [400, "INVALID_PARAMETER_VALUE", "The storage location overlaps with another volume"],
  ],
  [`PATCH ${UC}/permissions/schema/*`]: [
    [404, "PRINCIPAL_DOES_NOT_EXIST", "Could not find principal with name analysts"],
    [400, "INVALID_PARAMETER_VALUE", "Duplicate privileges to add and delete"],
  ],
  "GET /api/2.0/sql/statements/*": [[404, "NOT_FOUND", "The statement was not found."]],
  "POST /api/2.0/sql/statements": [[404, "RESOURCE_DOES_NOT_EXIST", "SQL warehouse does not exist"], ...ALIKE],
  "POST /api/2.0/sql/warehouses/*/start": [[409, "RESOURCE_CONFLICT", "It is being deleted"]],
  "POST /api/2.0/workspace/mkdirs": [[400, "RESOURCE_ALREADY_EXISTS", "Path is a notebook"]],
  "POST /api/2.0/workspace/import": [
    [400, "RESOURCE_ALREADY_EXISTS", "Path already exists"],
    [400, "MAX_NOTEBOOK_SIZE_EXCEEDED", "The notebook is larger than 10485760 bytes"],
    [404, "RESOURCE_DOES_NOT_EXIST", "The parent folder does not exist."],
  ],
  "POST /api/2.0/lakeview/dashboards": [[409, "RESOURCE_ALREADY_EXISTS", "A node of that name already exists"]],
  "GET /api/2.0/lakeview/dashboards/*": [[404, "RESOURCE_DOES_NOT_EXIST", "No such dashboard"]],
  "POST /api/2.2/jobs/create": [[429, "RESOURCE_EXHAUSTED", "More than 10000 jobs in an hour"]],
  "POST /api/2.2/jobs/run-now": [
    [429, "REQUEST_LIMIT_EXCEEDED", "20 a second"],
    [400, "INVALID_PARAMETER_VALUE", "Job 1 does not exist."],
    [400, "QUOTA_EXCEEDED", "2000 runs at once"],
  ],
  "GET /api/2.2/jobs/runs/get": [[400, "INVALID_PARAMETER_VALUE", "Run 1 does not exist."]],
  "POST /api/2.2/jobs/update": [[409, "RESOURCE_CONFLICT"]],
  [`DELETE ${UC}/catalogs/*`]: [[400, "CATALOG_NOT_EMPTY", "Catalog 'x' is not empty."]],
  [`DELETE ${UC}/schemas/*`]: [[400, "SCHEMA_NOT_EMPTY", "Schema 'x' is not empty."]],
  [`DELETE ${UC}/external-locations/*`]: [[400, "INVALID_STATE", "External Location 'x' has dependent tables"]],
  [`DELETE ${UC}/storage-credentials/*`]: [[400, "INVALID_STATE", "Storage Credential 'x' has dependent locations"]],
  "POST /api/2.0/workspace/delete": [[400, "DIRECTORY_NOT_EMPTY", "Folder is not empty"]],
};

/** `GET /api/2.1/unity-catalog/volumes/*`: the call without the names of things. */
function kindOf({ method, path }: { readonly method: string; readonly path: string }): string {
  const bare = path
    .split("?")[0]!
    .replace(/(\/unity-catalog\/permissions\/[a-z_]+)\/.*$/, "$1/*")
    .replace(/(\/unity-catalog\/(?!permissions|metastore|validate)[a-z-]+)\/.+$/, "$1/*")
    .replace(/(\/lakeview\/dashboards)\/[^/]+/, "$1/*")
    .replace(/(\/sql\/(?:statements|warehouses))\/[^/]+/, "$1/*");
  return `${method} ${bare}`;
}

/** The kinds of call that a run makes. */
async function kindsOf({ before, work }: Scenario): Promise<string[]> {
  await empty();
  await before();
  lake.workspace.journal.clear();
  expect(await work()).toEqual([]);
  return [...new Set(lake.workspace.journal.entries().map(kindOf))].sort();
}

/** A statement whose answer was lost is looked for by what it did, and not asked about. */
const POLL = "/api/2.0/sql/statements/*";

const split = (kind: string) => {
  const [method = "", path = ""] = kind.split(" ");
  return { method, path };
};

function addFault(kind: string, answer: (typeof PASSING)[number]): void {
  const at = split(kind);
  if (answer === "html") lake.workspace.faults.add({ ...at, what: "html", status: 502 });
  else if (typeof answer === "string") lake.workspace.faults.add({ ...at, what: answer });
  else {
    const [status, error_code, message = "as the test wants it"] = answer;
    const later = status === 429 ? { retry_after: "2" } : {};
    lake.workspace.faults.add({ ...at, ...later, what: "refuse", status, error_code, message });
  }
}

/** What differs from time to time: where the workspace is, prefix and ids, and which of several like calls came first. */
function masked(line: string): string {
  return line
    .replaceAll(new URL(lake.workspace.url).host, "HOST")
    .replaceAll(lake.naming.prefix, "PREFIX")
    .replace(/run \d{10,}/g, "run ID")
    .replace(/PREFIX_(raw_data|metadata|checkpoints)_/g, "PREFIX_ONE_")
    .replace(/PREFIX-(raw-data|metadata|checkpoints)-/g, "PREFIX-ONE-")
    .replace(
      /read (workspace folder|dashboard) \/Shared\/PREFIX-agent-us-west-2(\/[\w.-]+\.lvdash\.json)?/g,
      "read ONE",
    );
}

/** A line of the golden file. The next run has nothing to say, and comes to the same end. */
async function lineOf(
  what: string,
  { before, work }: Scenario,
  { kinds, answer }: { readonly kinds: readonly string[]; readonly answer: (typeof PASSING)[number] },
  end: unknown,
) {
  await empty();
  await before();
  for (const kind of kinds) addFault(kind, answer);
  const line = reportOf(await problemsOf(work));
  expect([what, lake.workspace.faults.left().filter(({ path }) => path !== POLL)]).toEqual([what, []]);
  expect([what, await problemsOf(work)]).toEqual([what, []]);
  expect([what, contentsOf(lake.workspace)]).toEqual([what, end] as [string, never]);
  expect([what, lake.workspace.journal.complaints()]).toEqual([what, []]);
  return `${what} -> ${masked(line)}`;
}

lakeTest(
  "each call with each of its errors is survived, or reported with a way out, and the next run ends well",
  async () => {
    const questions = shippedQuestions();
    const workspace = { grantReadsThatLag: 0, region: REGION };
    lake = await startLake({ env: PEOPLE, notebook: NOTEBOOK, questions, workspace });
    const lines: string[] = [];
    const known = new Set<string>();
    for (const [name, scenario] of Object.entries(SCENARIOS)) {
      const kinds = await kindsOf(scenario);
      const end = contentsOf(lake.workspace);
      for (const answer of PASSING) {
        const said = typeof answer === "string" ? answer : `${answer[0]} ${answer[1]}`;
        lines.push(await lineOf(`${name} · every call · ${said}`, scenario, { kinds, answer }, end));
      }
      for (const kind of kinds.filter((one) => !known.has(one))) {
        known.add(kind);
        for (const answer of [...COMMON, ...(OF_CALL[kind] ?? [])]) {
          const what = `${name} · ${kind} · ${answer.join(" ")}`;
          lines.push(await lineOf(what, scenario, { kinds: [kind], answer }, end));
        }
      }
    }
    // Every call with errors of its own here was made.
    expect(Object.keys(OF_CALL).filter((kind) => !known.has(kind))).toEqual([]);
    expectGolden("databricks-errors.txt", lines);
  },
  LONG_MS,
);

/** How a statement ends that does not succeed: over a 200. */
const ENDS: readonly (readonly [status: object, said: RegExp])[] = [
  [
    { state: "FAILED", error: { error_code: "BAD_REQUEST", message: "[PARSE_SYNTAX_ERROR] near 'x'" } },
    /^error: Cannot create table \S+: \[PARSE_SYNTAX_ERROR\] near 'x' \| The query history of the workspace shows why \| try: agent provision apply$/,
  ],
  [
    {
      state: "FAILED",
      error: { error_code: "BAD_REQUEST", message: "User does not have CREATE TABLE on Schema 'sensor_data'." },
      sql_state: "42501",
    },
    /\| Its owner can grant what is missing: CREATE TABLE on Schema 'sensor_data' \| missing: CREATE TABLE on Schema 'sensor_data' \| try: agent config check --live$/,
  ],
  [{ state: "FAILED", error: { error_code: "TEMPORARILY_UNAVAILABLE", message: "restarting" } }, /^survived$/],
  [
    { state: "CANCELED" },
    /^error: Cannot create table \S+: the statement is canceled \| The query history of the workspace shows why \| try: agent provision apply$/,
  ],
  [
    { state: "CLOSED" },
    /^error: Cannot create table \S+: the statement is closed \| The query history of the workspace shows why \| try: agent provision apply$/,
  ],
];

lakeTest(
  "SQL that fails does so over a success of HTTP, and is reported by what it says",
  async () => {
    const given: object[] = [];
    const answer = async (url: string, init: RequestInit) => {
      const status = init.method === "POST" && url.endsWith("/sql/statements") ? given.shift() : undefined;
      if (status === undefined) return fetch(url, init);
      return new Response(JSON.stringify({ statement_id: "01ef-some-id", status }));
    };
    lake = await startLake({ workspace: { region: REGION }, fetch: answer });
    expect(await apply()).toEqual([]);
    const end = contentsOf(lake.workspace);
    for (const [status, said] of ENDS) {
      lake.workspace.world().tables.delete(`${TABLES}.sensor_readings_validated`);
      given.push(status);
      expect([status, reportOf(await problemsOf(apply))]).toEqual([status, expect.stringMatching(said)]);
      expect([status, given]).toEqual([status, []]);
      expect([status, await problemsOf(apply)]).toEqual([status, []]);
      expect([status, contentsOf(lake.workspace)]).toEqual([status, end]);
    }
  },
  LONG_MS,
);
