/** Notebooks, files and folders; and dashboards, which lie among them. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Ask, askOf } from "./ask.ts";
import { ENGINEER } from "./settings.ts";
import { startWorkspace, type Workspace } from "./workspace.ts";

const TREE = "/api/2.0/workspace";
const HOME = `/Users/${ENGINEER}`;
const DASHBOARDS = "/api/2.0/lakeview/dashboards";
const SOURCE = "# Databricks notebook source\nprint('ä')\n\n# COMMAND ----------\n\nprint(2)";

let workspace: Workspace;
let ask: Ask;

beforeAll(async () => {
  workspace = await startWorkspace();
  ask = askOf(workspace);
});
beforeEach(() => workspace.reset());
afterAll(() => workspace.stop());

const base64 = (text: string) => Buffer.from(text).toString("base64");
const put = (path: string, source = SOURCE, more: object = {}) =>
  ask(`POST ${TREE}/import`, { path, format: "SOURCE", language: "PYTHON", content: base64(source), ...more });
const at = (call: string, path: string, more = "") =>
  ask(`GET ${TREE}/${call}?path=${encodeURIComponent(path)}${more}`);

test("mkdirs makes parents too, may be repeated, and does not go through a notebook", async () => {
  expect(await ask(`POST ${TREE}/mkdirs`, { path: `${HOME}/a/b` })).toMatchObject({ status: 200, body: {} });
  expect(await ask(`POST ${TREE}/mkdirs`, { path: `/Workspace${HOME}/a/b/` })).toMatchObject({ status: 200 });
  expect((await at("get-status", `${HOME}/a`)).body).toMatchObject({ object_type: "DIRECTORY", path: `${HOME}/a` });
  await put(`${HOME}/a/notebook`);
  for (const path of [`${HOME}/a/notebook`, `${HOME}/a/notebook/deeper`]) {
    expect(await ask(`POST ${TREE}/mkdirs`, { path })).toMatchObject({
      status: 400,
      body: { error_code: "RESOURCE_ALREADY_EXISTS" },
    });
  }
});

test("a notebook is imported, told with an id beyond 2^53, and exported as it was", async () => {
  expect(await put(`${HOME}/notebook`)).toMatchObject({ status: 200 });
  const status = (await at("get-status", `${HOME}/notebook`)).body;
  expect(status).toMatchObject({
    object_type: "NOTEBOOK",
    language: "PYTHON",
    resource_id: String(status["object_id"]),
  });
  expect(status["object_id"]).toBeGreaterThan(2n ** 53n);
  const { content } = (await at("export", `${HOME}/notebook`, "&format=SOURCE")).body;
  expect(Buffer.from(String(content), "base64").toString()).toBe(SOURCE);
  await put(`${HOME}/bare`, "print(1)");
  const bare = (await at("export", `${HOME}/bare`)).body["content"];
  expect(Buffer.from(String(bare), "base64").toString()).toBe("# Databricks notebook source\nprint(1)");
});

test("what is there is overwritten only on request, and never by something of another kind", async () => {
  await put(`${HOME}/notebook`);
  const refused = { status: 400, body: { error_code: "RESOURCE_ALREADY_EXISTS" } };
  expect(await put(`${HOME}/notebook`)).toMatchObject(refused);
  expect(
    await put(`${HOME}/notebook`, "-- Databricks notebook source", { language: "SQL", overwrite: true }),
  ).toMatchObject(refused);
  const id = (await at("get-status", `${HOME}/notebook`)).body["object_id"];
  expect(await put(`${HOME}/notebook`, "# Databricks notebook source\nprint(3)", { overwrite: true })).toMatchObject({
    status: 200,
  });
  expect((await at("get-status", `${HOME}/notebook`)).body["object_id"]).toBe(id);
});

test("an import needs a parent, base64, a language and at most 10 MB", async () => {
  expect(await put(`${HOME}/none/notebook`)).toMatchObject({
    status: 404,
    body: { error_code: "RESOURCE_DOES_NOT_EXIST" },
  });
  expect(await put(`${HOME}/a`, SOURCE, { content: "not base64!" })).toMatchObject({ status: 400 });
  expect(await put(`${HOME}/a`, SOURCE, { language: undefined })).toMatchObject({ status: 400 });
  expect(await put(`${HOME}/a`, "x".repeat(10 * 1024 * 1024 + 1))).toMatchObject({
    status: 400,
    body: { error_code: "MAX_NOTEBOOK_SIZE_EXCEEDED" },
  });
  expect(await put("/Users/other@example.com/a")).toMatchObject({ status: 403 });
});

test("AUTO makes a notebook of a source with the header, without its extension, and a file of all else", async () => {
  await put(`${HOME}/ingest.py`, SOURCE, { format: "AUTO", language: undefined });
  await put(`${HOME}/library.py`, "x = 1", { format: "AUTO", language: undefined });
  expect((await at("list", HOME)).body["objects"]).toMatchObject([
    { path: `${HOME}/ingest`, object_type: "NOTEBOOK" },
    { path: `${HOME}/library.py`, object_type: "FILE", size: 5 },
  ]);
});

test("a folder that is not empty is deleted only with recursive; an empty one lists nothing at all", async () => {
  await ask(`POST ${TREE}/mkdirs`, { path: `${HOME}/a/b` });
  expect((await at("list", `${HOME}/a/b`)).body).toEqual({});
  expect(await ask(`POST ${TREE}/delete`, { path: `${HOME}/a` })).toMatchObject({
    body: { error_code: "DIRECTORY_NOT_EMPTY" },
  });
  expect(await ask(`POST ${TREE}/delete`, { path: `${HOME}/a`, recursive: true })).toMatchObject({ status: 200 });
  expect(await at("get-status", `${HOME}/a/b`)).toMatchObject({
    status: 404,
    body: { error_code: "RESOURCE_DOES_NOT_EXIST" },
  });
  expect(await ask(`POST ${TREE}/delete`, { path: `${HOME}/a` })).toMatchObject({ status: 404 });
});

/** The shape of databricks/dbdemos-notebooks' .lvdash.json files. */
const DASHBOARD = {
  datasets: [
    { name: "d1", displayName: "Readings", queryLines: ["SELECT hour, count(*) AS n\n", "FROM t GROUP BY hour"] },
  ],
  pages: [
    {
      name: "p1",
      displayName: "Overview",
      layout: [
        {
          widget: {
            name: "w1",
            queries: [
              {
                name: "main_query",
                query: {
                  datasetName: "d1",
                  fields: [
                    { name: "n", expression: "`n`" },
                    { name: "hour", expression: "`hour`" },
                  ],
                  disaggregated: true,
                },
              },
            ],
            spec: {
              version: 3,
              widgetType: "line",
              encodings: {
                x: { fieldName: "hour", displayName: "Hour" },
                y: { fieldName: "n", displayName: "Readings" },
              },
            },
          },
          position: { x: 0, y: 0, width: 6, height: 4 },
        },
        { widget: { name: "w2", textbox_spec: "# Readings" }, position: { x: 0, y: 4, width: 6, height: 1 } },
      ],
    },
  ],
};
const make = (serialized: unknown = DASHBOARD, more: object = {}) =>
  ask(`POST ${DASHBOARDS}`, { display_name: "Readings", serialized_dashboard: JSON.stringify(serialized), ...more });

test("a dashboard is made, read, changed by its etag, published, listed and thrown away", async () => {
  const made = await make();
  expect(made.body).toMatchObject({
    lifecycle_state: "ACTIVE",
    parent_path: HOME,
    path: `${HOME}/Readings.lvdash.json`,
  });
  // As it is kept: with a page type and a line end.
  expect(made.body["serialized_dashboard"]).toEndWith("}\n");
  expect(String(made.body["serialized_dashboard"])).toContain("PAGE_TYPE_CANVAS");
  const path = `${DASHBOARDS}/${made.body["dashboard_id"]}`;
  const etag = made.body["etag"];
  expect((await ask(`GET ${path}`)).body).toEqual(made.body);
  expect(await ask(`PATCH ${path}`, { display_name: "Others", etag })).toMatchObject({
    body: { display_name: "Others" },
  });
  expect(await ask(`PATCH ${path}`, { display_name: "Again", etag })).toMatchObject({ status: 409 });
  expect(await ask(`GET ${path}/published`)).toMatchObject({ status: 404 });
  const warehouse_id = "0123456789abcdef";
  expect(await ask(`POST ${path}/published`, { embed_credentials: false, warehouse_id })).toMatchObject({
    body: { display_name: "Others", embed_credentials: false, warehouse_id },
  });
  const first = await ask(`GET ${DASHBOARDS}`);
  expect(first.body).toEqual({ dashboards: [], next_page_token: expect.any(String) });
  const listed = await ask(`GET ${DASHBOARDS}?page_token=${first.body["next_page_token"]}`);
  expect(listed.body["dashboards"]).toMatchObject([{ display_name: "Others" }]);
  expect((listed.body["dashboards"] as object[])[0]).not.toHaveProperty("serialized_dashboard");
  expect(await ask(`DELETE ${path}`)).toMatchObject({ status: 200 });
  expect((await ask(`GET ${path}`)).body).toMatchObject({ lifecycle_state: "TRASHED" });
  expect(await ask(`PATCH ${path}`, { display_name: "a" })).toMatchObject({ status: 404 });
});

test("a dashboard needs a folder, a name that is free, and a warehouse that exists", async () => {
  expect(await make(DASHBOARD, { parent_path: `${HOME}/none` })).toMatchObject({ status: 404 });
  expect(await make(DASHBOARD, { warehouse_id: "ffffffffffffffff" })).toMatchObject({ status: 404 });
  await make();
  expect(await make()).toMatchObject({ status: 400, body: { error_code: "RESOURCE_ALREADY_EXISTS" } });
});

test("serialized_dashboard is looked into: datasets, pages, widgets, fields and places", async () => {
  const broken: ((one: typeof DASHBOARD) => unknown)[] = [
    () => "not an object",
    ({ datasets }) => ({ datasets }),
    (one) => JSON.parse(JSON.stringify(one).replace('"version":3', '"version":2')),
    (one) => ({ ...one, theme: {} }),
    (one) => ({ ...one, datasets: [...one.datasets, ...one.datasets] }),
    (one) => ({ ...one, datasets: one.datasets.map(({ queryLines: _, ...rest }) => rest) }),
    (one) => JSON.parse(JSON.stringify(one).replace('"datasetName":"d1"', '"datasetName":"d2"')),
    (one) => JSON.parse(JSON.stringify(one).replace('"fieldName":"n"', '"fieldName":"m"')),
    (one) => JSON.parse(JSON.stringify(one).replace('"x":0', '"x":3')),
    (one) => JSON.parse(JSON.stringify(one).replace('"widgetType":"line"', '"widget":"line"')),
    (one) => JSON.parse(JSON.stringify(one).replace('"w2"', '"w1"')),
  ];
  for (const change of broken) expect(await make(change(DASHBOARD))).toMatchObject({ status: 400 });
  const wide = JSON.parse(JSON.stringify(DASHBOARD).replace('"width":6', '"width":12'));
  expect(await make(wide)).toMatchObject({ status: 400 });
  wide.pages[0].layoutVersion = "GRID_V1";
  expect(await make(wide)).toMatchObject({ status: 200 });
});
