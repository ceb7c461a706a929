/** Every call to the workspace refused, lost, cut off, or the last one before the process died: the end is the same. */
import { expect } from "bun:test";
import { DeleteRoleCommand, DeleteRolePolicyCommand } from "@aws-sdk/client-iam";
import { ROBOT } from "../../fake-workspace/world/settings.ts";
import type { World } from "../../fake-workspace/world/world.ts";
import { unityRoleName } from "../names.ts";
import {
  apply,
  contentsOf,
  destroy,
  endLakes,
  failuresOf,
  type LakeOptions,
  lakeTest,
  linesOf,
  planOf,
  startLake,
  type TestLake,
  writesOf,
} from "./lake.suite.ts";

const LONG_MS = 300_000;
endLakes();

const NOTEBOOK = { name: "load", source: "# Databricks notebook source\nprint(1)\n" };
const PEOPLE = { AGENT_LAKE_READERS: "analysts", AGENT_LAKE_LOADER: ROBOT };
const TABLES = "expanso_catalog.sensor_data";

/** Everything gone, in both clouds, without a call of ours. */
async function empty({ workspace, iam, naming }: TestLake): Promise<void> {
  workspace.reset();
  const RoleName = unityRoleName(naming);
  await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: "lake" })).catch(() => undefined);
  await iam.send(new DeleteRoleCommand({ RoleName })).catch(() => undefined);
}

/** The paths of all calls that change something, each once, as a whole apply makes them. */
async function callsOfApply(lake: TestLake): Promise<readonly { method: string; path: string }[]> {
  expect(failuresOf(await apply(lake))).toEqual([]);
  const calls = lake.workspace.journal
    .entries()
    .filter(({ method, path }) => method !== "GET" && !path.includes("/validate"));
  return [...new Map(calls.map(({ method, path }) => [`${method} ${path}`, { method, path }])).values()];
}

type Fault = Parameters<TestLake["workspace"]["faults"]["add"]>[0];

lakeTest(
  "an apply in which every call loses its answer, is cut off, or gets a Retry-After, ends like any other",
  async () => {
    const lake = await startLake({ env: PEOPLE, notebook: NOTEBOOK });
    const calls = await callsOfApply(lake);
    const end = contentsOf(lake.workspace);
    expect(calls.length).toBeGreaterThan(15);
    // Two for each call, one behind the other.
    const faults: readonly (readonly Omit<Fault, "method" | "path">[])[] = [
      [{ what: "refuse", status: 429, retry_after: "2" }, { what: "lose-answer" }],
      [{ what: "refuse", status: 503, error_code: "TEMPORARILY_UNAVAILABLE" }, { what: "close" }],
      [
        { what: "refuse", status: 500, error_code: "INTERNAL_ERROR" },
        { what: "html", status: 502 },
      ],
    ];
    for (const pair of faults) {
      await empty(lake);
      for (const fault of pair) {
        for (const { method, path } of calls) lake.workspace.faults.add({ ...fault, method, path } as Fault);
      }
      expect([pair, failuresOf(await apply(lake))]).toEqual([pair, []]);
      expect(lake.workspace.faults.left()).toEqual([]);
      expect([pair, contentsOf(lake.workspace)]).toEqual([pair, end]);
      expect([pair, linesOf(await planOf(lake))]).toEqual([pair, []]);
      expect(lake.workspace.journal.complaints()).toEqual([]);
    }
  },
  LONG_MS,
);

lakeTest(
  "a destroy in which every call loses its answer or gets a Retry-After leaves nothing",
  async () => {
    const lake = await startLake({ notebook: NOTEBOOK });
    await apply(lake);
    lake.workspace.journal.clear();
    expect(failuresOf(await destroy(lake))).toEqual([]);
    const calls = lake.workspace.journal.entries().filter(({ method }) => method !== "GET" && method !== "PATCH");
    const nothing = contentsOf(lake.workspace);
    for (const fault of [{ what: "lose-answer" }, { what: "html", status: 504 }] as const) {
      await empty(lake);
      await apply(lake);
      for (const { method, path } of calls) {
        if (!path.includes("validate")) lake.workspace.faults.add({ ...fault, method, path } as Fault);
      }
      expect([fault, failuresOf(await destroy(lake))]).toEqual([fault, []]);
      expect([fault, contentsOf(lake.workspace)]).toEqual([fault, nothing]);
    }
  },
  LONG_MS,
);

/** After every change, each read answers once more what it answered before. */
function lagging() {
  const answers = new Map<string, { readonly status: number; readonly text: string }>();
  const stale = new Set<string>();
  return async (url: string, init: RequestInit): Promise<Response> => {
    const responseOf = ({ status, text }: { status: number; text: string }) => new Response(text, { status });
    if (init.method === "GET" && stale.delete(url)) return responseOf(answers.get(url)!);
    const answer = await fetch(url, init);
    const now = { status: answer.status, text: await answer.text() };
    if (init.method === "GET") answers.set(url, now);
    else if (answer.ok && !url.includes("/validate-")) for (const known of answers.keys()) stale.add(known);
    return responseOf(now);
  };
}

lakeTest(
  "where every read lags behind every change, all is made, repaired and deleted as ever",
  async () => {
    const fetch = lagging();
    const lake = await startLake({ env: PEOPLE, notebook: NOTEBOOK, fetch });
    expect(failuresOf(await apply(lake))).toEqual([]);
    const end = contentsOf(lake.workspace);
    const { locations, volumes, tables } = lake.workspace.world();
    const [raw, validated] = [...locations.values()].filter(({ name }) => /_(raw|validated)_/.test(name));
    locations.set(raw!.name, { ...raw!, url: validated!.url });
    locations.set(validated!.name, { ...validated!, url: raw!.url });
    const volume = volumes.get(`${TABLES}.checkpoints`)!;
    volumes.set(`${TABLES}.checkpoints`, { ...volume, url: "s3://old" });
    const table = tables.get(`${TABLES}.sensor_readings_validated`)!;
    tables.set(`${TABLES}.sensor_readings_validated`, { ...table, columns: table.columns.slice(0, 5) });
    await planOf(lake);
    expect(failuresOf(await apply(lake))).toEqual([]);
    expect(contentsOf(lake.workspace)).toEqual(end);
    await planOf(lake);
    expect(failuresOf(await destroy(lake))).toEqual([]);
    expect(Object.values(contentsOf(lake.workspace)).flat()).toEqual([]);
  },
  LONG_MS,
);

/** One thing of each kind: how it goes missing, and the call that makes it. */
const MAKERS: readonly {
  readonly what: string;
  readonly method?: string;
  readonly path: string;
  readonly lose: (world: World) => void;
}[] = [
  {
    what: "external location",
    path: "/api/2.1/unity-catalog/external-locations",
    lose: ({ locations }) => void locations.delete([...locations.keys()].find((name) => name.includes("checkpoints"))!),
  },
  {
    what: "volume",
    path: "/api/2.1/unity-catalog/volumes",
    lose: ({ volumes }) => void volumes.delete(`${TABLES}.raw`),
  },
  {
    what: "table",
    path: "/api/2.0/sql/statements",
    lose: ({ tables }) => void tables.delete(`${TABLES}.sensor_readings_aggregated`),
  },
  {
    what: "grants",
    method: "PATCH",
    path: `/api/2.1/unity-catalog/permissions/schema/${TABLES}`,
    lose: ({ grants, schemas }) => grants.forget(schemas.get(TABLES)!.id),
  },
  {
    what: "location's place",
    method: "PATCH",
    path: "/api/2.1/unity-catalog/external-locations/*",
    lose: ({ locations }) => {
      const one = [...locations.values()].find(({ name }) => name.includes("checkpoints"))!;
      locations.set(one.name, { ...one, url: "s3://old" });
    },
  },
  {
    what: "job's settings",
    path: "/api/2.2/jobs/update",
    lose: ({ jobs }) => {
      const [id, job] = [...jobs][0]!;
      jobs.set(id, { ...job, settings: { ...job.settings, timeout_seconds: 1 } });
    },
  },
  { what: "job", path: "/api/2.2/jobs/create", lose: ({ jobs }) => jobs.clear() },
  {
    what: "notebook",
    path: "/api/2.0/workspace/import",
    lose: ({ tree }) => void tree.delete([...tree.keys()].find((path) => path.endsWith("/load"))!),
  },
];

const REFUSALS = [
  { status: 400, error_code: "INVALID_PARAMETER_VALUE" },
  { status: 400, error_code: "INVALID_STATE" },
  { status: 403, error_code: "PERMISSION_DENIED" },
  { status: 404, error_code: "RESOURCE_DOES_NOT_EXIST" },
  { status: 409, error_code: "RESOURCE_CONFLICT" },
  { status: 404, error_code: "PRINCIPAL_DOES_NOT_EXIST" },
  { status: 501, error_code: "NOT_IMPLEMENTED" },
  { status: 401, error_code: "UNAUTHENTICATED" },
] as const;

lakeTest(
  "a call that is refused fails its step with what Databricks said; the rest is done, and the next apply continues",
  async () => {
    const lake = await startLake({ env: PEOPLE, notebook: NOTEBOOK });
    await apply(lake);
    const end = contentsOf(lake.workspace);
    lake.workspace.set({ grantReadsThatLag: 0 });
    for (const { what, method = "POST", path, lose } of MAKERS) {
      for (const { status, error_code } of REFUSALS) {
        lose(lake.workspace.world());
        const message = `no ${status} for you`;
        lake.workspace.faults.add({ what: "refuse", method, path, status, error_code, message });
        const failed = (await apply(lake)).filter(({ result }) => result === "failed");
        const at = [what, error_code];
        expect([...at, lake.workspace.faults.left()]).toEqual([...at, []]);
        expect([...at, failed.length]).toEqual([...at, 1]);
        expect([...at, failed[0]!.problem!.message]).toEqual([...at, expect.stringContaining(message)]);
        if (error_code === "PERMISSION_DENIED") expect(failed[0]!.problem!.missing).not.toBeNull();
        expect([...at, failuresOf(await apply(lake))]).toEqual([...at, []]);
        expect([...at, contentsOf(lake.workspace)]).toEqual([...at, end]);
      }
    }
  },
  LONG_MS,
);

lakeTest(
  "a deletion that is refused keeps the thing and all that it needs; the next destroy continues",
  async () => {
    const lake = await startLake({ notebook: NOTEBOOK });
    await apply(lake);
    const refusals = [
      { path: `/api/2.1/unity-catalog/tables/${TABLES}.*`, status: 403, error_code: "PERMISSION_DENIED" },
      { path: `/api/2.1/unity-catalog/schemas/${TABLES}`, status: 400, error_code: "INVALID_PARAMETER_VALUE" },
      { path: "/api/2.1/unity-catalog/catalogs/expanso_catalog", status: 403, error_code: "PERMISSION_DENIED" },
      { path: "/api/2.1/unity-catalog/storage-credentials/*", status: 400, error_code: "INVALID_STATE" },
    ];
    for (const { path, status, error_code } of refusals) {
      lake.workspace.faults.add({ what: "refuse", method: "DELETE", path, status, error_code, message: "no, not now" });
      const outcomes = await destroy(lake);
      expect([path, lake.workspace.faults.left()]).toEqual([path, []]);
      const failed = outcomes.filter(({ result }) => result === "failed");
      expect([path, failed.map(({ problem }) => problem!.message)]).toEqual([
        path,
        [expect.stringContaining("no, not now")],
      ]);
      const rest = outcomes.filter(({ result }) => result === "skipped");
      expect(rest.every(({ problem }) => problem!.message.includes("still needs it"))).toBe(true);
    }
    expect(failuresOf(await destroy(lake))).toEqual([]);
    expect(Object.values(contentsOf(lake.workspace)).flat()).toEqual([]);
  },
  LONG_MS,
);

lakeTest(
  "a read that is denied is a problem of its own; nothing is made in its place",
  async () => {
    const lake = await startLake();
    await apply(lake);
    lake.workspace.journal.clear();
    const name = "expanso_catalog";
    lake.workspace.faults.add({
      what: "refuse",
      path: `/api/2.1/unity-catalog/catalogs/${name}`,
      status: 403,
      message: "no",
    });
    const plan = await planOf(lake);
    expect(linesOf(plan)).toEqual([`Cannot read catalog ${name}: no`]);
    expect(writesOf(lake.workspace)).toEqual([]);
  },
  LONG_MS,
);

/** The process dies with its first change, which is done or is not; nothing after it is sent. */
function dying(isDone: boolean) {
  const death = new AbortController();
  const died = new Error("killed");
  /** Calls go one at a time: what would have been under way at the same time is not sent any more. */
  let before: Promise<unknown> = Promise.resolve();
  const change = async (url: string, init: RequestInit): Promise<Response> => {
    death.signal.throwIfAborted();
    // The request had left when it died. One that is refused changes nothing: the work continues.
    const answer = isDone ? await fetch(url, { ...init, signal: null }) : null;
    if (answer !== null && !answer.ok) return answer;
    death.abort(died);
    throw died;
  };
  const send = async (url: string, init: RequestInit): Promise<Response> => {
    death.signal.throwIfAborted();
    if (init.method === "GET" || url.includes("/validate-")) return fetch(url, init);
    const mine = before.then(() => change(url, init));
    before = mine.catch(() => undefined);
    return mine;
  };
  return { fetch: send, stop: death.signal };
}

/** Again and again, each time killed with its next change, until there is none left. Returns how often. */
async function untilDone(
  work: (more: Partial<LakeOptions>) => Promise<readonly unknown[]>,
  most: number,
): Promise<number> {
  for (let runs = 0; runs < most; runs++) {
    const life = dying(runs % 3 !== 0);
    await work(life).catch((error: unknown) => {
      if (!life.stop.aborted) throw error;
    });
    if (!life.stop.aborted) return runs;
  }
  throw new Error(`it did not end within ${most} runs`);
}

lakeTest(
  "apply and destroy, killed with every single change that they make, end like any other",
  async () => {
    const lake = await startLake({ notebook: NOTEBOOK });
    expect(failuresOf(await apply(lake))).toEqual([]);
    const whole = contentsOf(lake.workspace);
    const changes = writesOf(lake.workspace).length;
    const killed = await untilDone((more) => destroy(lake, more), 200);
    const nothing = contentsOf(lake.workspace);
    expect(Object.values(nothing).flat()).toEqual([]);
    expect(killed).toBeGreaterThan(20);
    expect(await untilDone((more) => apply(lake, false, more), 200)).toBeGreaterThanOrEqual(changes);
    expect(contentsOf(lake.workspace)).toEqual(whole);
    expect(linesOf(await planOf(lake))).toEqual([]);
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);
