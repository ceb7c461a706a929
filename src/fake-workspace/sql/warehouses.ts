/** `/api/2.0/sql/warehouses` (databricks-sdk-go service/sql: WarehousesService). */
import { absent, invalid } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import { queryInt, shape, text } from "../wire/shape.ts";
import type { Warehouse } from "../world/things.ts";
import type { World } from "../world/world.ts";

const BASE = "/api/2.0/sql/warehouses";

export function warehouseOf(world: World, id: string): Warehouse {
  const found = world.warehouses.get(id);
  // The answer to `GET …/endpoints/get`: MicrosoftDocs/azure-docs.de-de issue 774.
  if (!/^[0-9a-f]{16}$/.test(id)) throw invalid(`${id} is not a valid endpoint id.`);
  if (found === undefined) throw absent("RESOURCE_DOES_NOT_EXIST", `SQL warehouse ${id} does not exist.`);
  return found;
}

export function startWarehouse(world: World, id: string): void {
  const found = warehouseOf(world, id);
  if (found.state === "RUNNING" || found.state === "STARTING") return;
  world.warehouses.set(id, { ...found, state: "STARTING", asksUntilRunning: world.settings.warehouseAsksStarting });
}

/** A look at it is what lets it come up: no test waits for a clock. */
export function lookAtWarehouse(world: World, id: string): Warehouse {
  const found = warehouseOf(world, id);
  if (found.state !== "STARTING") return found;
  const asksUntilRunning = found.asksUntilRunning - 1;
  const after: Warehouse = { ...found, asksUntilRunning, state: asksUntilRunning < 0 ? "RUNNING" : "STARTING" };
  world.warehouses.set(id, after);
  return after;
}

function warehouseJson({ id, name, state }: Warehouse): Record<string, unknown> {
  return {
    id,
    name,
    state,
    cluster_size: "2X-Small",
    min_num_clusters: 1,
    max_num_clusters: 1,
    num_clusters: state === "RUNNING" ? 1 : 0,
    auto_stop_mins: 10,
    enable_photon: true,
    enable_serverless_compute: true,
    warehouse_type: "PRO",
    odbc_params: { hostname: "127.0.0.1", path: `/sql/1.0/warehouses/${id}`, port: 443, protocol: "https" },
  };
}

export const WAREHOUSE_ROUTES: readonly Route[] = [
  route(
    "GET",
    BASE,
    { query: shape({ page_size: queryInt, page_token: text, run_as_user_id: queryInt }) },
    ({ world }) => {
      const all = [...world.warehouses.keys()].map((id) => warehouseJson(lookAtWarehouse(world, id)));
      return all.length === 0 ? {} : { warehouses: all };
    },
  ),

  route("GET", `${BASE}/{id}`, {}, ({ world, at }) => warehouseJson(lookAtWarehouse(world, at["id"]!))),

  route("POST", `${BASE}/{id}/start`, {}, ({ world, at }) => startWarehouse(world, at["id"]!)),

  route("POST", `${BASE}/{id}/stop`, {}, ({ world, at }) => {
    world.warehouses.set(at["id"]!, { ...warehouseOf(world, at["id"]!), state: "STOPPED" });
  }),
];
