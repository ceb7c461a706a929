/** Dashboards, by the requests that databricks-sdk-go and databricks/cli send (service/dashboards/impl.go; acceptance/bundle). */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Ask, askOf } from "../wire/ask.ts";
import type { Workspace } from "../wire/port.ts";
import { startWorkspace } from "../wire/workspace.ts";
import { ENGINEER, ROBOT } from "../world/settings.ts";

const HOME = `/Users/${ENGINEER}`;
const BASE = "/api/2.0/lakeview/dashboards";
const TREE = "/api/2.0/workspace";
const warehouse_id = "0123456789abcdef";

let workspace: Workspace;
let ask: Ask;
let nowMs = 1_750_000_000_000;
beforeAll(async () => {
  workspace = await startWorkspace({}, { now: () => nowMs });
  ask = askOf(workspace);
});
beforeEach(() => {
  workspace.reset();
  workspace.set({ dashboardReadsThatLag: 0 });
});
afterAll(() => workspace.stop());

const CONTENT = {
  datasets: [
    { name: "bf8f76f4", displayName: "Test Dataset", queryLines: ["SELECT 1\n"], catalog: "foo", schema: "bar" },
  ],
  pages: [{ name: "02724bf2", displayName: "Untitled page" }],
};
const make = (more: object = {}, query = "") => {
  const body = {
    display_name: "NYC Taxi",
    parent_path: `/Workspace${HOME}`,
    serialized_dashboard: JSON.stringify(CONTENT),
  };
  return ask(`POST ${BASE}${query}`, { ...body, warehouse_id, ...more });
};
const pathOf = ({ body }: { readonly body: Readonly<Record<string, unknown>> }) => `${BASE}/${body["dashboard_id"]}`;
const contentOf = ({ body }: { readonly body: Readonly<Record<string, unknown>> }) =>
  JSON.parse(String(body["serialized_dashboard"]));

test("a dashboard is made in a folder, and reported with its path, an etag and a 32-digit id", async () => {
  const made = await make();
  expect(made.body).toMatchObject({
    display_name: "NYC Taxi",
    warehouse_id,
    lifecycle_state: "ACTIVE",
    etag: expect.any(String),
    parent_path: HOME,
    path: `${HOME}/NYC Taxi.lvdash.json`,
  });
  expect(made.body["dashboard_id"]).toMatch(/^[0-9a-f]{32}$/);
  expect((await ask(`GET ${pathOf(made)}`)).body).toEqual(made.body);
});

test("it is kept with a page type, a line end, and the catalog and schema that the query names", async () => {
  const made = await make();
  expect(made.body["serialized_dashboard"]).toEndWith("}\n");
  expect(contentOf(made)).toEqual({
    ...CONTENT,
    pages: [{ ...CONTENT.pages[0], pageType: "PAGE_TYPE_CANVAS" }],
  });
  const elsewhere = await make({ display_name: "Other" }, "?dataset_catalog=main&dataset_schema=default");
  expect(contentOf(elsewhere).datasets[0]).toMatchObject({ catalog: "main", schema: "default" });
});

test("it is in the workspace's tree: found by its path, listed, exported, and no empty folder", async () => {
  await ask(`POST ${TREE}/mkdirs`, { path: `${HOME}/folder` });
  const made = await make({ parent_path: `${HOME}/folder` });
  const path = encodeURIComponent(`${HOME}/folder/NYC Taxi.lvdash.json`);
  const status = { object_type: "DASHBOARD", resource_id: made.body["dashboard_id"] };
  expect((await ask(`GET ${TREE}/get-status?path=${path}`)).body).toMatchObject(status);
  expect((await ask(`GET ${TREE}/list?path=${encodeURIComponent(`${HOME}/folder`)}`)).body).toMatchObject({
    objects: [status],
  });
  const { content } = (await ask(`GET ${TREE}/export?path=${path}&format=AUTO`)).body;
  expect(Buffer.from(String(content), "base64").toString()).toBe(String(made.body["serialized_dashboard"]));
  const remove = (recursive: boolean) => ask(`POST ${TREE}/delete`, { path: `${HOME}/folder`, recursive });
  expect(await remove(false)).toMatchObject({ body: { error_code: "DIRECTORY_NOT_EMPTY" } });
  expect(await remove(true)).toMatchObject({ status: 200 });
  expect((await ask(`GET ${pathOf(made)}`)).body).toMatchObject({ lifecycle_state: "TRASHED" });
});

test("it needs a folder that is there and may be written to, a name that is free, and a warehouse that exists", async () => {
  expect(await make({ parent_path: `${HOME}/none` })).toMatchObject({ status: 404 });
  expect(await make({ parent_path: "/Users" })).toMatchObject({ status: 403 });
  expect(await make({ warehouse_id: "ffffffffffffffff" })).toMatchObject({ status: 404 });
  expect(await make({ display_name: "a/b" })).toMatchObject({ status: 400 });
  expect(await make({ serialized_dashboard: '{"pages":[{}]}' })).toMatchObject({ status: 400 });
  await make();
  const again = await make();
  expect(again).toMatchObject({ status: 400, body: { error_code: "RESOURCE_ALREADY_EXISTS" } });
  expect(again.body["message"]).toEndWith("Caused by Node named 'NYC Taxi.lvdash.json' already exists");
  // A bare one, and a field that is an answer's.
  expect(contentOf(await ask(`POST ${BASE}`, { display_name: "Bare" }))).toEqual({});
  expect(await make({ display_name: "b", lifecycle_state: "ACTIVE" })).toMatchObject({
    body: { error_code: "MALFORMED_REQUEST" },
  });
});

test("a change takes an etag, moves the path with the name, and gives the next etag", async () => {
  const made = await make();
  const { etag } = made.body;
  const body = { display_name: "Renamed", parent_path: `/Workspace${HOME}`, warehouse_id, etag };
  const changed = await ask(`PATCH ${pathOf(made)}`, body);
  expect(changed.body).toMatchObject({ display_name: "Renamed", path: `${HOME}/Renamed.lvdash.json` });
  expect(changed.body["etag"]).not.toBe(etag);
  const gone = `path=${encodeURIComponent(`${HOME}/NYC Taxi.lvdash.json`)}`;
  expect(await ask(`GET ${TREE}/get-status?${gone}`)).toMatchObject({ status: 404 });
  expect(await ask(`PATCH ${pathOf(made)}`, { ...body, display_name: "Late" })).toMatchObject({ status: 409 });
  const elsewhere = await ask(`PATCH ${pathOf(made)}`, { parent_path: "/Shared" });
  expect(elsewhere.body["message"]).toBe("A dashboard is not moved by its parent_path.");
});

test("what is published is of its moment: a change of the draft is later, and the credentials are embedded unless refused", async () => {
  const made = await make();
  const published = `${pathOf(made)}/published`;
  expect(await ask(`GET ${published}`)).toMatchObject({ status: 404 });
  expect((await ask(`POST ${published}`, {})).body).toMatchObject({ embed_credentials: true, warehouse_id });
  const first = await ask(`POST ${published}`, { embed_credentials: false, warehouse_id });
  expect(first.body).toMatchObject({ display_name: "NYC Taxi", embed_credentials: false, warehouse_id });
  expect(String(first.body["revision_create_time"]) >= String(made.body["update_time"])).toBe(true);
  const changed = await ask(`PATCH ${pathOf(made)}`, { serialized_dashboard: "{}" });
  const stale = (await ask(`GET ${published}`)).body;
  expect(String(stale["revision_create_time"]) < String(changed.body["update_time"])).toBe(true);
  expect(await ask(`DELETE ${published}`)).toMatchObject({ status: 200 });
  expect(await ask(`GET ${published}`)).toMatchObject({ status: 404 });
});

test("a deleted dashboard is in the trash: without a path, not published, not to be changed, and its name is free", async () => {
  const made = await make();
  await ask(`POST ${pathOf(made)}/published`, {});
  expect(await ask(`DELETE ${pathOf(made)}`)).toMatchObject({ status: 200 });
  const trashed = { lifecycle_state: "TRASHED", parent_path: `${HOME}/Trash` };
  expect((await ask(`GET ${pathOf(made)}`)).body).toMatchObject(trashed);
  expect(await ask(`GET ${pathOf(made)}/published`)).toMatchObject({ status: 404 });
  expect(await ask(`PATCH ${pathOf(made)}`, { display_name: "a" })).toMatchObject({ status: 404 });
  expect(await make()).toMatchObject({ status: 200 });
});

test("a list has no contents, comes in pages, the first of which may be empty, and shows the trash on request", async () => {
  const made = await make();
  await make({ display_name: "Second" });
  await ask(`DELETE ${pathOf(made)}`);
  const all = async (query: string) => {
    const names: unknown[] = [];
    let token = "";
    do {
      const more = token === "" ? "" : `&page_token=${token}`;
      const { body } = await ask(`GET ${BASE}?${query}${more}`);
      names.push(...(body["dashboards"] as Readonly<Record<string, unknown>>[]).map((one) => one["display_name"]));
      for (const one of body["dashboards"] as object[]) expect(one).not.toHaveProperty("etag");
      token = String(body["next_page_token"] ?? "");
    } while (token !== "");
    return names;
  };
  expect(await all("page_size=1&view=DASHBOARD_VIEW_BASIC")).toEqual(["Second"]);
  expect(await all("page_size=1&show_trashed=true")).toEqual(["NYC Taxi", "Second"]);
});

test("the first reads after a change may show the old state", async () => {
  workspace.set({ dashboardReadsThatLag: 1 });
  const made = await make();
  expect(await ask(`GET ${pathOf(made)}`)).toMatchObject({ status: 404 });
  expect(await ask(`GET ${pathOf(made)}`)).toMatchObject({ status: 200 });
  nowMs += 5;
  await ask(`PATCH ${pathOf(made)}`, { display_name: "Renamed" });
  expect((await ask(`GET ${pathOf(made)}`)).body).toMatchObject({ display_name: "NYC Taxi" });
  expect((await ask(`GET ${pathOf(made)}`)).body).toMatchObject({ display_name: "Renamed" });
});

test("without permission to write to the folder, its contents may not be changed", async () => {
  await ask(`POST ${TREE}/mkdirs`, { path: `${HOME}/own` });
  const made = await make({ parent_path: `${HOME}/own` });
  workspace.set({
    people: [{ name: ROBOT, groups: [], token: "dapi-robot", clientSecret: null, metastoreAdmin: true }],
  });
  const robot = askOf(workspace, "dapi-robot");
  expect(await robot(`PATCH ${pathOf(made)}`, { display_name: "Mine" })).toMatchObject({ status: 403 });
});
