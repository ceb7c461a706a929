/** The queries and the dashboard in the workspace: made, found, repaired, refused and deleted, against the strict fake. */
import { expect } from "bun:test";
import { outputColumns } from "../../fake-workspace/sql/output-columns.ts";
import type { Dashboard } from "../../fake-workspace/world/things.ts";
import {
  apply,
  destroy,
  endLakes,
  failuresOf,
  lakeTest,
  linesOf,
  planOf,
  startLake,
  type TestLake,
  world,
  writesOf,
} from "../lake/lake.suite.ts";
import { makePlan } from "../plan.ts";
import { shippedQuestions } from "./shipped-questions.ts";

const LONG_MS = 300_000;
endLakes();

const NOTEBOOK = { name: "load", source: "# Databricks notebook source\nprint(1)\n" };
const WITH = { notebook: NOTEBOOK, questions: shippedQuestions() };

const folderOf = ({ naming }: TestLake) => `/Shared/${naming.prefix}-agent-us-west-2`;
const nameOf = ({ naming }: TestLake) => `${naming.prefix}-readings-us-west-2`;
const idOf = (lake: TestLake) => `dashboard ${folderOf(lake)}/${nameOf(lake)}.lvdash.json`;
const dashboardsOf = (lake: TestLake) => [...lake.workspace.world().dashboards.values()];
const liveOf = (lake: TestLake) => dashboardsOf(lake).find(({ trashed }) => !trashed)!;

/** A person at work in the browser, some time later. */
function edit(
  lake: TestLake,
  change: (content: { pages: { displayName: string }[] }) => void,
  more: Partial<Dashboard> = {},
) {
  const before = liveOf(lake);
  const content = JSON.parse(before.serialized);
  change(content);
  lake.workspace.world().dashboards.set(before.id, {
    ...before,
    serialized: `${JSON.stringify(content)}\n`,
    revision: before.revision + 1,
    updatedAtMs: before.updatedAtMs + 60_000,
    ...more,
  });
}
const rename = (content: { pages: { displayName: string }[] }) =>
  void Object.assign(content.pages[0]!, { displayName: "Mine" });

const EDITED = "content: edited by hand -> that of this version of the agent; clone it to keep the edits";
const PUBLISHED = "-> this one, with the rights of who looks at it";

lakeTest(
  "queries and dashboard are made, are as they should be, and are deleted with their folder",
  async () => {
    const lake = await startLake(WITH);
    expect(linesOf(await planOf(lake)).slice(-4)).toEqual([
      `create notebook ${folderOf(lake)}/load: it does not exist`,
      `create notebook ${folderOf(lake)}/queries: it does not exist`,
      `create job ${lake.naming.prefix}-load-us-west-2: it does not exist`,
      `create ${idOf(lake)}: it does not exist`,
    ]);
    expect(failuresOf(await apply(lake))).toEqual([]);
    expect(linesOf(await planOf(lake))).toEqual([]);
    const made = liveOf(lake);
    expect([made.name, made.folder, made.warehouseId]).toEqual([nameOf(lake), folderOf(lake), "0123456789abcdef"]);
    // Readers do not get the rights of the person who provisions.
    expect(made.published).toMatchObject({ embed: false });
    for (const dataset of JSON.parse(made.serialized).datasets) {
      expect(dataset).toMatchObject({ catalog: "expanso_catalog", schema: "sensor_data" });
    }
    expect(failuresOf(await destroy(lake))).toEqual([]);
    expect(dashboardsOf(lake).map(({ trashed }) => trashed)).toEqual([true]);
    expect(lake.workspace.world().tree.has(folderOf(lake))).toBe(false);
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);

lakeTest(
  "the queries are a SQL notebook: two cells that say which tables are meant, and a cell for each query",
  async () => {
    const lake = await startLake({ ...WITH, env: { DATABRICKS_SCHEMA: "other" } });
    expect(failuresOf(await apply(lake))).toEqual([]);
    const path = `${folderOf(lake)}/queries`;
    const { tree } = lake.workspace.world();
    const found = tree.get(path);
    if (found?.kind !== "NOTEBOOK") throw new Error("there is no notebook");
    expect(found.language).toBe("SQL");
    const cells = found.source.split("\n\n-- COMMAND ----------\n\n");
    expect(cells[0]).toEndWith("\nUSE CATALOG `expanso_catalog`");
    expect(cells[1]).toBe("USE SCHEMA `other`");
    const { queries } = WITH.questions;
    expect(cells.slice(2).map((cell) => cell.split("\n")[0]!)).toEqual(
      queries.map(({ name }) => `-- DBTITLE 1,${name}`),
    );
    for (const [at, { sql }] of queries.entries()) expect(cells[at + 2]!.trim()).toEndWith(`\n${sql}`);

    tree.set(path, { ...found, source: `${found.source}\nSELECT 1` });
    expect(linesOf(await planOf(lake))).toEqual([
      `update notebook ${path}: source: another -> that of this version of the agent`,
    ]);
    tree.set(path, { ...found, source: "-- Databricks notebook source\nSELECT 'mine'" });
    expect(linesOf(await planOf(lake))).toEqual([
      `Cannot use notebook ${path}: it has no line "-- managed-by=agent-provision"`,
    ]);
  },
  LONG_MS,
);

lakeTest(
  "edited by hand: the plan says so, apply undoes it and publishes again; colours are whose they are",
  async () => {
    const lake = await startLake(WITH);
    await apply(lake);
    const first = liveOf(lake);
    edit(lake, (content) => {
      rename(content);
      Object.assign(content, { uiSettings: { theme: { widgetHeaderAlignment: "ALIGNMENT_UNSPECIFIED" } } });
    });
    expect(linesOf(await planOf(lake))).toEqual([
      `update ${idOf(lake)}: ${EDITED}`,
      `update ${idOf(lake)}: published: an older draft ${PUBLISHED}`,
    ]);
    expect(failuresOf(await apply(lake))).toEqual([]);
    expect(linesOf(await planOf(lake))).toEqual([]);
    const repaired = JSON.parse(liveOf(lake).serialized);
    expect(repaired.pages).toEqual(JSON.parse(first.serialized).pages);
    expect(repaired.uiSettings).toEqual({ theme: { widgetHeaderAlignment: "ALIGNMENT_UNSPECIFIED" } });
    expect(liveOf(lake).published!.atMs).toBeGreaterThanOrEqual(liveOf(lake).updatedAtMs);
  },
  LONG_MS,
);

lakeTest(
  "other settings and another version change it without a word of hands; what was not published is",
  async () => {
    const lake = await startLake(WITH);
    await apply(lake);
    const { dashboard, queries } = WITH.questions;
    const newer = { questions: { queries, dashboard: { ...dashboard, pages: [] } } };
    expect(linesOf(await planOf(lake, false, newer))).toEqual([
      `update ${idOf(lake)}: content: another -> that of this version of the agent and these settings`,
      `update ${idOf(lake)}: published: an older draft ${PUBLISHED}`,
    ]);
    const { dashboards, warehouses } = lake.workspace.world();
    dashboards.set(liveOf(lake).id, { ...liveOf(lake), published: null });
    expect(linesOf(await planOf(lake))).toEqual([`update ${idOf(lake)}: published: no ${PUBLISHED}`]);
    const { id, published } = { ...liveOf(lake), published: { warehouseId: undefined, embed: true, atMs: 9e12 } };
    dashboards.set(id, { ...liveOf(lake), published });
    expect(linesOf(await planOf(lake))).toEqual([
      `update ${idOf(lake)}: published: with the credentials of who published ${PUBLISHED}`,
    ]);
    expect(failuresOf(await apply(lake))).toEqual([]);
    expect(liveOf(lake).published!.embed).toBe(false);

    warehouses.set("fedcba9876543210", { ...[...warehouses.values()][0]!, id: "fedcba9876543210" });
    const chosen = { env: { DATABRICKS_WAREHOUSE_ID: "fedcba9876543210" } };
    expect(linesOf(await planOf(lake, false, chosen))[0]).toBe(
      `update ${idOf(lake)}: warehouse: 0123456789abcdef -> fedcba9876543210`,
    );
    expect(failuresOf(await apply(lake, false, chosen))).toEqual([]);
    expect(linesOf(await planOf(lake, false, chosen))).toEqual([]);
    expect(liveOf(lake).warehouseId).toBe("fedcba9876543210");
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);

lakeTest(
  "a person's own dashboard at our path is refused and left, or taken over with its path",
  async () => {
    const lake = await startLake(WITH);
    await apply(lake);
    edit(lake, () => undefined, { serialized: '{"pages":[{"name":"p","displayName":"Theirs"}]}\n' });
    const refused = `Cannot use ${idOf(lake)}: no dataset of it says managed-by=agent-provision`;
    expect(linesOf(await planOf(lake))).toEqual([refused]);
    expect(failuresOf(await destroy(lake))[0]).toEndWith(`was left: ${idOf(lake)} still needs it`);
    expect(liveOf(lake).serialized).toContain("Theirs");
    expect(linesOf(await planOf(lake, true)).find((line) => line.includes(idOf(lake)))).toBe(
      `update ${idOf(lake)}: ownership: not ours -> managed by agent provision, and its content with it`,
    );
    expect(failuresOf(await apply(lake, true))).toEqual([]);
    expect(linesOf(await planOf(lake))).toEqual([]);
    expect(liveOf(lake).serialized).not.toContain("Theirs");
    const { tree } = lake.workspace.world();
    const path = idOf(lake).replace("dashboard ", "");
    tree.set(path, { ...tree.get(path)!, kind: "FILE", content: Buffer.from("x") });
    expect(linesOf(await planOf(lake))).toEqual([`Cannot use ${idOf(lake)}: there is a file of that name`]);
  },
  LONG_MS,
);

lakeTest(
  "lost answers make no second one: of the making, of the change and of the publishing",
  async () => {
    const lake = await startLake(WITH);
    const BASE = "/api/2.0/lakeview/dashboards";
    lake.workspace.faults.add({ what: "lose-answer", method: "POST", path: BASE });
    lake.workspace.faults.add({ what: "lose-answer", method: "POST", path: `${BASE}/*/published` });
    expect(failuresOf(await apply(lake))).toEqual([]);
    expect(dashboardsOf(lake).length).toBe(1);
    edit(lake, rename);
    lake.workspace.faults.add({ what: "lose-answer", method: "PATCH", path: `${BASE}/*` });
    expect(failuresOf(await apply(lake))).toEqual([]);
    expect(linesOf(await planOf(lake))).toEqual([]);
    lake.workspace.faults.add({ what: "lose-answer", method: "DELETE", path: `${BASE}/*` });
    expect(failuresOf(await destroy(lake))).toEqual([]);
    expect(lake.workspace.faults.left()).toEqual([]);
    expect(dashboardsOf(lake).map(({ trashed }) => trashed)).toEqual([true]);
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);

lakeTest(
  "an edit between plan and apply is not overwritten and not published: the plan is made again first",
  async () => {
    const lake = await startLake(WITH);
    await apply(lake);
    edit(lake, rename);
    let isRaced = false;
    const fetchOnce = async (url: string, init: RequestInit) => {
      if (init.method === "PATCH" && url.includes("/lakeview/") && !isRaced) {
        isRaced = true;
        edit(lake, (content) => void Object.assign(content.pages[0]!, { displayName: "Mine, and better" }));
      }
      return fetch(url, init);
    };
    const failures = failuresOf(await apply(lake, false, { fetch: fetchOnce }));
    expect(failures.map((line) => line.split(": ").slice(0, 2).join(": "))).toEqual([
      `failed update ${idOf(lake)}: Cannot change ${idOf(lake)}`,
      `failed update ${idOf(lake)}: Cannot publish ${idOf(lake)}`,
    ]);
    expect(liveOf(lake).serialized).toContain("Mine, and better");
    expect(failuresOf(await apply(lake))).toEqual([]);
    expect(liveOf(lake).serialized).not.toContain("Mine");
  },
  LONG_MS,
);

lakeTest(
  "a second apply changes nothing, and one in the trash is made again",
  async () => {
    const lake = await startLake(WITH);
    await apply(lake);
    const before = writesOf(lake.workspace).length;
    await apply(lake);
    expect(writesOf(lake.workspace).length).toBe(before);
    const { id } = liveOf(lake);
    const answer = await fetch(`${lake.workspace.url}/api/2.0/lakeview/dashboards/${id}`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${lake.env.DATABRICKS_TOKEN}`, "user-agent": "test/1.0" },
    });
    expect(answer.status).toBe(200);
    expect(linesOf(await planOf(lake))).toEqual([`create ${idOf(lake)}: it does not exist`]);
    expect(failuresOf(await apply(lake))).toEqual([]);
    expect(liveOf(lake).id).not.toBe(id);
  },
  LONG_MS,
);

lakeTest(
  "verify analyses every dataset on the warehouse, and names a column that is shown and not there",
  async () => {
    const lake = await startLake(WITH);
    await apply(lake);
    const prove = async () => {
      const sides = await lake.sides();
      const plan = await makePlan(sides, { adopt: false }, world());
      const proofs = (await sides[1]!.prove?.({ ...world(), facts: plan.facts })) ?? [];
      return proofs
        .filter(({ claim }) => claim.includes("of the dashboard"))
        .map(({ ok, claim, detail }) => [ok, claim.split(" ")[1], detail]);
    };
    expect(await prove()).toEqual(
      WITH.questions.queries.map(({ name, sql }) => [true, name, `${outputColumns(sql).length} columns`]),
    );
    const before = liveOf(lake);
    const edited = before.serialized
      .replace("AS p95_ms", "AS p95")
      .replaceAll("sensor_readings_validated", "no_such_table");
    lake.workspace.world().dashboards.set(before.id, { ...before, serialized: edited });
    const wrong = (await prove()).filter(([ok]) => ok !== true);
    expect(wrong.map(([ok, name]) => [ok, name])).toEqual([
      [false, "latency"],
      [false, "throughput"],
      [false, "reconciliation"],
    ]);
    expect(wrong[0]![2]).toBe("it has no column p95_ms");
    expect(wrong[1]![2]).toContain("no_such_table");
    expect(lake.workspace.journal.complaints()).toEqual([]);
  },
  LONG_MS,
);
