/** `/api/2.1/unity-catalog/schemas` (databricks-sdk-go service/catalog: SchemasService). */

import { PAGE, pageOf } from "../wire/paging.ts";
import { invalid, Problem, taken } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import { mapOf, must, queryFlag, shape, text } from "../wire/shape.ts";
import { keptName } from "../world/names.ts";
import type { Schema, Table } from "../world/things.ts";
import type { World } from "../world/world.ts";
import {
  demand,
  demandOwner,
  demandOwnerOrAdmin,
  demandPrincipal,
  demandSight,
  isMetastoreAdmin,
  sees,
} from "./access.ts";
import { demandInLocation } from "./managed-storage.ts";
import { fullNameOf, newRecord, recordFields, securableOf, touched } from "./securable.ts";

const BASE = "/api/2.1/unity-catalog/schemas";
const CREATE = shape({
  name: must(text),
  catalog_name: must(text),
  comment: text,
  properties: mapOf(text),
  storage_root: text,
});
const UPDATE = shape({ comment: text, new_name: text, owner: text, properties: mapOf(text) });

const securable = (world: World, fullName: string) => securableOf(world, "schema", fullName);
export const schemaOf = (world: World, fullName: string): Schema =>
  world.schemas.get(securable(world, fullName).fullName)!;

function schemaJson(world: World, one: Schema): Record<string, unknown> {
  return {
    ...recordFields(world, one),
    full_name: fullNameOf(one),
    catalog_name: one.catalog,
    catalog_type: "MANAGED_CATALOG",
    schema_id: one.id,
    storage_root: one.storageRoot ?? undefined,
    storage_location: one.storageRoot === null ? undefined : `${one.storageRoot}/__unitystorage/schemas/${one.id}`,
    properties: one.properties,
    browse_only: false,
  };
}

export type SchemaWish = {
  readonly catalog: string;
  readonly name: string;
  readonly comment?: string | undefined;
  readonly properties?: Readonly<Record<string, string>> | undefined;
  readonly storageRoot?: string | undefined;
};

/** Throws SCHEMA_ALREADY_EXISTS, CATALOG_DOES_NOT_EXIST, or PERMISSION_DENIED without CREATE_SCHEMA. Of SQL as well. */
export function makeSchema(world: World, caller: string, wish: SchemaWish): Schema {
  const catalog = securableOf(world, "catalog", wish.catalog);
  if (!isMetastoreAdmin(world, caller)) {
    demand(world, caller, "USE_CATALOG", catalog);
    demand(world, caller, "CREATE_SCHEMA", catalog);
  }
  const name = keptName(wish.name, "Schema");
  const fullName = `${catalog.fullName}.${name}`;
  if (world.schemas.has(fullName)) throw taken("SCHEMA_ALREADY_EXISTS", `Schema '${fullName}' already exists`);
  const root = wish.storageRoot;
  const storageRoot = root === undefined ? null : demandInLocation(world, caller, root, "CREATE_MANAGED_STORAGE");
  const made: Schema = {
    ...newRecord(world, caller, `schema ${fullName}`, { name, comment: wish.comment }),
    catalog: catalog.fullName,
    storageRoot,
    properties: wish.properties ?? {},
  };
  world.schemas.set(fullName, made);
  return made;
}

const inside = (world: World, { catalog, name }: Schema) => {
  const here = (one: { readonly catalog: string; readonly schema: string }) =>
    one.catalog === catalog && one.schema === name;
  return {
    tables: [...world.tables].filter(([, one]) => here(one)),
    volumes: [...world.volumes].filter(([, one]) => here(one)),
  };
};

/** A managed table that was dropped can be undropped for days: till then its place stays in use (terraform-provider-databricks issue 2352). */
export function forgetTable(world: World, one: Table): void {
  world.tables.delete(fullNameOf(one));
  world.grants.forget(one.id);
  if (!one.external && world.settings.droppedTablesLinger) world.droppedPlaces.add(one.url);
}

/** With all that is in it. */
export function forgetSchema(world: World, one: Schema): void {
  const { tables, volumes } = inside(world, one);
  for (const [, table] of tables) forgetTable(world, table);
  for (const [fullName, { id }] of volumes) {
    world.volumes.delete(fullName);
    world.grants.forget(id);
  }
  world.schemas.delete(fullNameOf(one));
  world.grants.forget(one.id);
}

/** Of the API and of SQL. Throws SCHEMA_NOT_EMPTY unless it is empty or `force` is given. */
export function dropSchema(world: World, caller: string, fullName: string, force: boolean): void {
  const one = schemaOf(world, fullName);
  if (one.name === "information_schema") throw invalid("information_schema cannot be deleted.");
  demandOwner(world, caller, securable(world, fullNameOf(one)));
  const { tables, volumes } = inside(world, one);
  if (tables.length + volumes.length > 0 && !force) {
    const what = `The schema has ${tables.length} tables(s), 0 functions(s), ${volumes.length} volumes(s)`;
    throw new Problem(400, "SCHEMA_NOT_EMPTY", `Schema '${fullNameOf(one)}' is not empty. ${what}`);
  }
  forgetSchema(world, one);
}

export const SCHEMA_ROUTES: readonly Route[] = [
  route("POST", BASE, { body: CREATE }, ({ world, caller, body }) => {
    const { catalog_name: catalog, name, comment, properties, storage_root: storageRoot } = body;
    return schemaJson(world, makeSchema(world, caller, { catalog, name, comment, properties, storageRoot }));
  }),

  route(
    "GET",
    BASE,
    { query: shape({ ...PAGE, catalog_name: must(text), include_browse: queryFlag }) },
    ({ world, caller, query }) => {
      const catalog = securableOf(world, "catalog", query.catalog_name);
      const all = [...world.schemas.entries()].filter(
        ([fullName, one]) => one.catalog === catalog.fullName && sees(world, caller, securable(world, fullName)),
      );
      return pageOf(
        world,
        { list: `schemas of ${catalog.fullName}`, field: "schemas", all: all.map(([, one]) => schemaJson(world, one)) },
        query,
      );
    },
  ),

  route("GET", `${BASE}/{full_name}`, { query: shape({ include_browse: queryFlag }) }, ({ world, caller, at }) => {
    demandSight(world, caller, securable(world, at["full_name"]!));
    return schemaJson(world, schemaOf(world, at["full_name"]!));
  }),

  route("PATCH", `${BASE}/{full_name}`, { body: UPDATE }, ({ world, caller, at, body }) => {
    const before = schemaOf(world, at["full_name"]!);
    demandOwnerOrAdmin(world, caller, securable(world, fullNameOf(before)), {
      fields: Object.keys(body),
      adminMay: ["owner"],
    });
    demandPrincipal(world, body.owner);
    if (body.new_name !== undefined && keptName(body.new_name, "Schema") !== before.name) {
      throw new Problem(501, "NOT_IMPLEMENTED", "This fake does not rename schemas.");
    }
    const after: Schema = {
      ...before,
      ...touched(world, caller),
      owner: body.owner ?? before.owner,
      comment: body.comment ?? before.comment,
      properties: body.properties ?? before.properties,
    };
    world.schemas.set(fullNameOf(before), after);
    return schemaJson(world, after);
  }),

  route("DELETE", `${BASE}/{full_name}`, { query: shape({ force: queryFlag }) }, ({ world, caller, at, query }) => {
    dropSchema(world, caller, at["full_name"]!, query.force === true);
  }),
];
