/** `/api/2.1/unity-catalog/catalogs` (databricks-sdk-go service/catalog: CatalogsService). */

import { PAGE, pageOf } from "../wire/paging.ts";
import { Problem, taken } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import { mapOf, must, oneOf, queryFlag, shape, text } from "../wire/shape.ts";
import { keptName } from "../world/names.ts";
import type { Catalog } from "../world/things.ts";
import type { World } from "../world/world.ts";
import { demandOnMetastore, demandOwnerOrAdmin, demandPrincipal, demandSight, sees } from "./access.ts";
import { demandInLocation } from "./managed-storage.ts";
import { forgetSchema } from "./schemas.ts";
import { newRecord, recordFields, securableOf, touched } from "./securable.ts";

const BASE = "/api/2.1/unity-catalog/catalogs";
const CREATE = shape({
  name: must(text),
  comment: text,
  storage_root: text,
  properties: mapOf(text),
  options: mapOf(text),
});
/** No storage_root: it cannot be changed (terraform-provider-databricks: ForceNew). */
const UPDATE = shape({
  comment: text,
  isolation_mode: oneOf("OPEN", "ISOLATED"),
  new_name: text,
  owner: text,
  properties: mapOf(text),
  options: mapOf(text),
});

const securable = (world: World, name: string) => securableOf(world, "catalog", name);
export const catalogOf = (world: World, name: string): Catalog => world.catalogs.get(securable(world, name).fullName)!;

/** Where the catalog's managed tables and volumes are. */
export function catalogStorage(world: World, one: Catalog): string {
  return `${one.storageRoot ?? world.settings.metastoreRoot}/__unitystorage/catalogs/${one.id}`;
}

function catalogJson(world: World, one: Catalog): Record<string, unknown> {
  return {
    ...recordFields(world, one),
    id: one.id,
    full_name: one.name,
    catalog_type: "MANAGED_CATALOG",
    securable_type: "CATALOG",
    securable_kind: "CATALOG_STANDARD",
    storage_root: one.storageRoot ?? undefined,
    storage_location: catalogStorage(world, one),
    properties: one.properties,
    isolation_mode: one.isolation,
    browse_only: false,
  };
}

const schemasOf = (world: World, catalog: string) =>
  [...world.schemas.values()].filter((one) => one.catalog === catalog);

/** On return the catalog is there, with its two schemas. `storageRoot` is checked by the caller. */
function make(
  world: World,
  caller: string,
  name: string,
  { comment, properties, storageRoot }: Pick<Catalog, "comment" | "properties" | "storageRoot">,
): Catalog {
  const made: Catalog = {
    ...newRecord(world, caller, `catalog ${name}`, { name, comment }),
    storageRoot,
    properties,
    isolation: "OPEN",
  };
  world.catalogs.set(name, made);
  // A new catalog is not empty: Terraform deletes `default` after a create (catalog/resource_catalog.go).
  for (const [schema, owner] of [
    ["default", caller],
    ["information_schema", "System user"],
  ] as const) {
    const fullName = `${name}.${schema}`;
    const kept = {
      ...newRecord(world, owner, `schema ${fullName}`, { name: schema, comment: undefined }),
      catalog: name,
    };
    world.schemas.set(fullName, { ...kept, storageRoot: null, properties: {} });
  }
  return made;
}

export const CATALOG_ROUTES: readonly Route[] = [
  route("POST", BASE, { body: CREATE }, ({ world, caller, body }) => {
    demandOnMetastore(world, caller, "CREATE_CATALOG");
    const name = keptName(body.name, "Catalog");
    // Before the look whether it exists: databricks/cli issues 4513 and 5695.
    if (body.storage_root === undefined && world.settings.metastoreRoot === null) {
      throw new Problem(
        400,
        "INVALID_STATE",
        "Metastore storage root URL does not exist. Please provide a storage location for the catalog (for example 'CREATE CATALOG myCatalog MANAGED LOCATION '<location-path>').",
      );
    }
    if (world.catalogs.has(name)) throw taken("CATALOG_ALREADY_EXISTS", `Catalog '${name}' already exists`);
    const root = body.storage_root;
    const storageRoot = root === undefined ? null : demandInLocation(world, caller, root, "CREATE_MANAGED_STORAGE");
    const { comment, properties = {} } = body;
    return catalogJson(world, make(world, caller, name, { comment, properties, storageRoot }));
  }),

  route(
    "GET",
    BASE,
    { query: shape({ ...PAGE, include_browse: queryFlag, include_unbound: queryFlag }) },
    ({ world, caller, query }) => {
      const all = [...world.catalogs.values()].filter(({ name }) => sees(world, caller, securable(world, name)));
      return pageOf(
        world,
        { list: "catalogs", field: "catalogs", all: all.map((one) => catalogJson(world, one)) },
        query,
      );
    },
  ),

  route("GET", `${BASE}/{name}`, { query: shape({ include_browse: queryFlag }) }, ({ world, caller, at }) => {
    demandSight(world, caller, securable(world, at["name"]!));
    return catalogJson(world, catalogOf(world, at["name"]!));
  }),

  route("PATCH", `${BASE}/{name}`, { body: UPDATE }, ({ world, caller, at, body }) => {
    const before = catalogOf(world, at["name"]!);
    demandOwnerOrAdmin(world, caller, securable(world, before.name), {
      fields: Object.keys(body),
      adminMay: ["owner"],
    });
    demandPrincipal(world, body.owner);
    if (body.new_name !== undefined && keptName(body.new_name, "Catalog") !== before.name) {
      throw new Problem(501, "NOT_IMPLEMENTED", "This fake does not rename catalogs.");
    }
    const after: Catalog = {
      ...before,
      ...touched(world, caller),
      owner: body.owner ?? before.owner,
      comment: body.comment ?? before.comment,
      properties: body.properties ?? before.properties,
      isolation: body.isolation_mode ?? before.isolation,
    };
    world.catalogs.set(before.name, after);
    return catalogJson(world, after);
  }),

  route("DELETE", `${BASE}/{name}`, { query: shape({ force: queryFlag }) }, ({ world, caller, at, query }) => {
    const one = catalogOf(world, at["name"]!);
    // "The caller must be a metastore admin or the owner of the catalog."
    demandOwnerOrAdmin(world, caller, securable(world, one.name), { fields: [], adminMay: [] });
    const schemas = schemasOf(world, one.name);
    const inside = schemas.filter(({ name }) => name !== "information_schema").length;
    if (inside > 0 && query.force !== true) {
      throw new Problem(
        400,
        "CATALOG_NOT_EMPTY",
        `Catalog '${one.name}' is not empty. The catalog has ${inside} schema(s).`,
      );
    }
    for (const schema of schemas) forgetSchema(world, schema);
    world.catalogs.delete(one.name);
    world.grants.forget(one.id);
  }),
];
