/**
 * `/api/2.0/lakeview/dashboards` (databricks-sdk-go service/dashboards: LakeviewService; docs.databricks.com/api/lakeview/v1).
 * A dashboard is in the workspace's tree, by its display name, and is found there by its path.
 */

import { PAGE, pageOf } from "../wire/paging.ts";
import { absent, invalid, misused, Problem, taken } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import { flag, must, oneOf, queryFlag, queryInt, shape, text } from "../wire/shape.ts";
import type { Dashboard } from "../world/things.ts";
import type { World } from "../world/world.ts";
import { demandDashboard } from "./dashboard-shape.ts";
import { demandWritable } from "./places.ts";

const BASE = "/api/2.0/lakeview/dashboards";
/** The fields of a dashboard that are not output only. */
const FIELDS = { display_name: text, parent_path: text, serialized_dashboard: text, warehouse_id: text };
const CREATE = shape({ ...FIELDS, display_name: must(text) });
const UPDATE = shape({ ...FIELDS, etag: text });
const DATASETS = shape({ dataset_catalog: text, dataset_schema: text });
const VIEW = oneOf("DASHBOARD_VIEW_BASIC");
const EMPTY = "{}";

function dashboardOf(world: World, id: string): Dashboard {
  const found = world.dashboards.get(id);
  if (found === undefined) throw absent("RESOURCE_DOES_NOT_EXIST", `Unable to find dashboard: ${id}`);
  return found;
}

/** A trashed dashboard can be read, but not changed. */
function liveOne(world: World, id: string): Dashboard {
  const found = dashboardOf(world, id);
  if (found.trashed) throw absent("RESOURCE_DOES_NOT_EXIST", `Dashboard ${id} is in the trash.`);
  return found;
}

const pathOf = ({ folder, name }: Pick<Dashboard, "folder" | "name">) => `${folder}/${name}.lvdash.json`;
const etagOf = ({ revision }: Dashboard) => String(80_611_980 + revision);

/** One ask: the first ones after a change may find what was before it. */
function look(world: World, id: string): Dashboard {
  const found = dashboardOf(world, id);
  const { reads, before } = found.lag;
  if (reads === 0) return found;
  world.dashboards.set(id, { ...found, lag: { reads: reads - 1, before } });
  if (before === null) throw absent("RESOURCE_DOES_NOT_EXIST", `Unable to find dashboard: ${id}`);
  return before;
}

function keep(world: World, after: Dashboard, before: Dashboard | null): void {
  world.dashboards.set(after.id, { ...after, lag: { reads: world.settings.dashboardReadsThatLag, before } });
  if (before !== null) world.tree.delete(pathOf(before));
  const path = pathOf(after);
  const { id: dashboardId, createdAtMs, updatedAtMs: modifiedAtMs } = after;
  world.tree.set(path, { kind: "DASHBOARD", path, id: world.nextInt64(), createdAtMs, modifiedAtMs, dashboardId });
}

/** Into the trash of who does it; what was published is gone. */
export function trashDashboard(world: World, caller: string, id: string): void {
  const before = liveOne(world, id);
  world.tree.delete(pathOf(before));
  const lag = { reads: 0, before: null };
  world.dashboards.set(id, { ...before, folder: `/Users/${caller}/Trash`, trashed: true, published: null, lag });
}

function short(one: Dashboard): Record<string, unknown> {
  return {
    dashboard_id: one.id,
    display_name: one.name,
    warehouse_id: one.warehouseId,
    lifecycle_state: one.trashed ? "TRASHED" : "ACTIVE",
    create_time: new Date(one.createdAtMs).toISOString(),
    update_time: new Date(one.updatedAtMs).toISOString(),
  };
}

/** "This field is excluded in List Dashboards responses": etag, path, parent_path, serialized_dashboard. */
function dashboardJson(one: Dashboard): Record<string, unknown> {
  // acceptance/bundle/resources/dashboards/destroy of databricks/cli: of a trashed one little is left.
  if (one.trashed)
    return { dashboard_id: one.id, etag: etagOf(one), lifecycle_state: "TRASHED", parent_path: one.folder };
  return {
    ...short(one),
    etag: etagOf(one),
    path: pathOf(one),
    parent_path: one.folder,
    serialized_dashboard: one.serialized,
  };
}

/** As it is kept: pages get a type, datasets their catalog and schema, and the text is written again with a line end. */
function keptText(serialized: string, catalog: string | undefined, schema: string | undefined): string {
  if (serialized === EMPTY) return `${EMPTY}\n`;
  demandDashboard(serialized);
  const parsed = JSON.parse(serialized) as { datasets?: object[]; pages: object[] };
  const from = { ...(catalog === undefined ? {} : { catalog }), ...(schema === undefined ? {} : { schema }) };
  const datasets = parsed.datasets?.map((one) => ({ ...one, ...from }));
  const pages = parsed.pages.map((one) => ({ pageType: "PAGE_TYPE_CANVAS", ...one }));
  return `${JSON.stringify({ ...parsed, datasets, pages })}\n`;
}

function demandFolder(world: World, caller: string, folder: string): string {
  const place = folder.replace(/^\/Workspace(?=\/)/, "").replace(/\/$/, "");
  if (world.tree.get(place)?.kind !== "DIRECTORY") {
    throw absent("RESOURCE_DOES_NOT_EXIST", `Path (${folder}) doesn't exist.`);
  }
  demandWritable(caller, place);
  return place;
}

function demandName(name: string): string {
  if (name === "" || name.includes("/")) throw misused("display_name is not a name");
  return name;
}

function demandWarehouse(world: World, id: string | undefined): string | undefined {
  if (id === undefined || world.warehouses.has(id)) return id;
  throw absent("RESOURCE_DOES_NOT_EXIST", `SQL warehouse ${id} does not exist.`);
}

/** The sentence of databricks/cli issue 1692. */
function demandFree(world: World, wanted: Dashboard): void {
  const there = world.tree.get(pathOf(wanted));
  if (there === undefined || (there.kind === "DASHBOARD" && there.dashboardId === wanted.id)) return;
  const sentence = `Unable to register dashboard [dashboards/${wanted.id}]. Caused by Node named`;
  throw taken("RESOURCE_ALREADY_EXISTS", `${sentence} '${wanted.name}.lvdash.json' already exists`);
}

export const published = ({ published: one, name }: Dashboard) => {
  if (one === null) throw absent("RESOURCE_DOES_NOT_EXIST", `Unable to find published dashboard: ${name}`);
  return {
    display_name: name,
    warehouse_id: one.warehouseId,
    embed_credentials: one.embed,
    revision_create_time: new Date(one.atMs).toISOString(),
  };
};

export const DASHBOARD_ROUTES: readonly Route[] = [
  route("POST", BASE, { body: CREATE, query: DATASETS }, ({ world, caller, body, query }) => {
    const made: Dashboard = {
      id: world.nextUuid(`dashboard ${body.display_name}`).replaceAll("-", ""),
      name: demandName(body.display_name),
      folder: demandFolder(world, caller, body.parent_path ?? `/Users/${caller}`),
      serialized: keptText(body.serialized_dashboard ?? EMPTY, query.dataset_catalog, query.dataset_schema),
      warehouseId: demandWarehouse(world, body.warehouse_id),
      revision: 1,
      trashed: false,
      createdAtMs: world.now(),
      updatedAtMs: world.now(),
      lag: { reads: 0, before: null },
      published: null,
    };
    demandFree(world, made);
    keep(world, made, null);
    return dashboardJson(made);
  }),

  route(
    "GET",
    BASE,
    { query: shape({ page_size: queryInt, page_token: PAGE.page_token, show_trashed: queryFlag, view: VIEW }) },
    ({ world, query }) => {
      const all = [...world.dashboards.values()].filter(({ trashed }) => !trashed || query.show_trashed === true);
      const page = { max_results: query.page_size ?? 0, page_token: query.page_token };
      return pageOf(world, { list: "dashboards", field: "dashboards", all: all.map(short) }, page);
    },
  ),

  route("GET", `${BASE}/{id}`, {}, ({ world, at }) => dashboardJson(look(world, at["id"]!))),

  route("PATCH", `${BASE}/{id}`, { body: UPDATE, query: DATASETS }, ({ world, at, caller, body, query }) => {
    const before = liveOne(world, at["id"]!);
    demandWritable(caller, before.folder);
    // "Can be optionally provided on updates to ensure that the dashboard has not been modified since the last read."
    if (body.etag !== undefined && body.etag !== etagOf(before)) {
      throw new Problem(409, "ABORTED", `The dashboard was changed since it was read: etag ${body.etag} is old.`);
    }
    if (body.parent_path !== undefined && demandFolder(world, caller, body.parent_path) !== before.folder) {
      throw invalid("A dashboard is not moved by its parent_path.");
    }
    const text = body.serialized_dashboard;
    const after: Dashboard = {
      ...before,
      name: body.display_name === undefined ? before.name : demandName(body.display_name),
      serialized: text === undefined ? before.serialized : keptText(text, query.dataset_catalog, query.dataset_schema),
      warehouseId: demandWarehouse(world, body.warehouse_id) ?? before.warehouseId,
      revision: before.revision + 1,
      // Later than what was published of it, however fast the calls follow each other.
      updatedAtMs: Math.max(world.now(), (before.published?.atMs ?? 0) + 1),
    };
    demandFree(world, after);
    keep(world, after, before);
    return dashboardJson(after);
  }),

  route("DELETE", `${BASE}/{id}`, {}, ({ world, at, caller }) => trashDashboard(world, caller, at["id"]!)),

  route(
    "POST",
    `${BASE}/{id}/published`,
    { body: shape({ embed_credentials: flag, warehouse_id: text }) },
    ({ world, at, body }) => {
      const before = liveOne(world, at["id"]!);
      const warehouseId = demandWarehouse(world, body.warehouse_id) ?? before.warehouseId;
      const after = {
        ...before,
        // Embedded where nothing is said: "Default: true".
        published: {
          warehouseId,
          embed: body.embed_credentials ?? true,
          atMs: Math.max(world.now(), before.updatedAtMs),
        },
      };
      world.dashboards.set(after.id, after);
      return published(after);
    },
  ),

  route("GET", `${BASE}/{id}/published`, {}, ({ world, at }) => published(dashboardOf(world, at["id"]!))),

  route("DELETE", `${BASE}/{id}/published`, {}, ({ world, at }) => {
    const before = liveOne(world, at["id"]!);
    published(before);
    world.dashboards.set(before.id, { ...before, published: null });
  }),
];
