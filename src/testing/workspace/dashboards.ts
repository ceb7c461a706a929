/** `/api/2.0/lakeview/dashboards` (databricks-sdk-go service/dashboards: LakeviewService). */
import { demandDashboard } from "./dashboard-shape.ts";
import { PAGE, pageOf } from "./paging.ts";
import { absent, misused, Problem, taken } from "./problem.ts";
import { type Route, route } from "./route.ts";
import { flag, must, queryFlag, queryInt, shape, text } from "./shape.ts";
import type { World } from "./world.ts";

export type Dashboard = {
  readonly id: string;
  readonly name: string;
  readonly folder: string;
  readonly serialized: string;
  readonly warehouseId: string | undefined;
  readonly revision: number;
  readonly trashed: boolean;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly published: {
    readonly warehouseId: string | undefined;
    readonly embed: boolean;
    readonly atMs: number;
  } | null;
};

const BASE = "/api/2.0/lakeview/dashboards";
const CREATE = shape({ display_name: must(text), parent_path: text, serialized_dashboard: text, warehouse_id: text });
const UPDATE = shape({ display_name: text, etag: text, serialized_dashboard: text, warehouse_id: text });
const DATASETS = shape({ dataset_catalog: text, dataset_schema: text });
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

const pathOf = ({ folder, name }: Dashboard) => `${folder}/${name}.lvdash.json`;
const etagOf = ({ revision }: Dashboard) => String(80_611_980 + revision);

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
function told(one: Dashboard): Record<string, unknown> {
  return {
    ...short(one),
    etag: etagOf(one),
    path: pathOf(one),
    parent_path: one.folder,
    serialized_dashboard: one.serialized,
  };
}

/** As it is kept: pages get a type, datasets their catalog and schema, and the text is written anew with a line end. */
function keptText(serialized: string, catalog: string | undefined, schema: string | undefined): string {
  if (serialized === EMPTY) return `${EMPTY}\n`;
  demandDashboard(serialized);
  const parsed = JSON.parse(serialized) as { datasets?: object[]; pages: object[] };
  const from = { ...(catalog === undefined ? {} : { catalog }), ...(schema === undefined ? {} : { schema }) };
  const datasets = parsed.datasets?.map((one) => ({ ...one, ...from }));
  const pages = parsed.pages.map((one) => ({ pageType: "PAGE_TYPE_CANVAS", ...one }));
  return `${JSON.stringify({ ...parsed, datasets, pages })}\n`;
}

function demandFolder(world: World, folder: string): string {
  const place = folder.replace(/^\/Workspace(?=\/)/, "").replace(/\/$/, "");
  if (world.tree.get(place)?.kind === "DIRECTORY") return place;
  throw absent("RESOURCE_DOES_NOT_EXIST", `Path (${folder}) doesn't exist.`);
}

function demandWarehouse(world: World, id: string | undefined): string | undefined {
  if (id === undefined || world.warehouses.has(id)) return id;
  throw absent("RESOURCE_DOES_NOT_EXIST", `SQL warehouse ${id} does not exist.`);
}

function demandFree(world: World, wanted: Dashboard): void {
  const other = [...world.dashboards.values()].find(
    (one) => one.id !== wanted.id && !one.trashed && pathOf(one) === pathOf(wanted),
  );
  if (other !== undefined) throw taken("RESOURCE_ALREADY_EXISTS", `Path (${pathOf(wanted)}) already exists.`);
}

const published = ({ published: one, name }: Dashboard) => {
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
    if (body.display_name === "" || body.display_name.includes("/")) throw misused("display_name is not a name");
    const made: Dashboard = {
      id: world.nextUuid(`dashboard ${body.display_name}`).replaceAll("-", ""),
      name: body.display_name,
      folder: demandFolder(world, body.parent_path ?? `/Users/${caller}`),
      serialized: keptText(body.serialized_dashboard ?? EMPTY, query.dataset_catalog, query.dataset_schema),
      warehouseId: demandWarehouse(world, body.warehouse_id),
      revision: 1,
      trashed: false,
      createdAtMs: world.now(),
      updatedAtMs: world.now(),
      published: null,
    };
    demandFree(world, made);
    world.dashboards.set(made.id, made);
    return told(made);
  }),

  route(
    "GET",
    BASE,
    { query: shape({ page_size: queryInt, page_token: PAGE.page_token, show_trashed: queryFlag, view: text }) },
    ({ world, query }) => {
      const all = [...world.dashboards.values()].filter(({ trashed }) => !trashed || query.show_trashed === true);
      const page = { max_results: query.page_size ?? 0, page_token: query.page_token };
      return pageOf(world, "dashboards", "dashboards", all.map(short), page);
    },
  ),

  route("GET", `${BASE}/{id}`, {}, ({ world, at }) => told(dashboardOf(world, at["id"]!))),

  route("PATCH", `${BASE}/{id}`, { body: UPDATE, query: DATASETS }, ({ world, at, body, query }) => {
    const before = liveOne(world, at["id"]!);
    // "Can be optionally provided on updates to ensure that the dashboard has not been modified since the last read."
    if (body.etag !== undefined && body.etag !== etagOf(before)) {
      throw new Problem(409, "ABORTED", `The dashboard was changed since it was read: etag ${body.etag} is old.`);
    }
    const text = body.serialized_dashboard;
    const after: Dashboard = {
      ...before,
      name: body.display_name ?? before.name,
      serialized: text === undefined ? before.serialized : keptText(text, query.dataset_catalog, query.dataset_schema),
      warehouseId: demandWarehouse(world, body.warehouse_id) ?? before.warehouseId,
      revision: before.revision + 1,
      updatedAtMs: world.now(),
    };
    demandFree(world, after);
    world.dashboards.set(after.id, after);
    return told(after);
  }),

  route("DELETE", `${BASE}/{id}`, {}, ({ world, at }) => {
    const before = liveOne(world, at["id"]!);
    world.dashboards.set(before.id, { ...before, trashed: true, published: null });
  }),

  route(
    "POST",
    `${BASE}/{id}/published`,
    { body: shape({ embed_credentials: flag, warehouse_id: text }) },
    ({ world, at, body }) => {
      const before = liveOne(world, at["id"]!);
      const warehouseId = demandWarehouse(world, body.warehouse_id) ?? before.warehouseId;
      const after = {
        ...before,
        published: { warehouseId, embed: body.embed_credentials ?? false, atMs: world.now() },
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
