/** `/api/2.1/unity-catalog/volumes` (databricks-sdk-go service/catalog: VolumesService). */

import { PAGE, pageOf } from "../wire/paging.ts";
import { invalid, taken } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import { must, oneOf, queryFlag, shape, text } from "../wire/shape.ts";
import { keptName } from "../world/names.ts";
import type { Volume } from "../world/things.ts";
import type { World } from "../world/world.ts";
import { demand, demandOwnerOrAdmin, demandPrincipal, demandSight, sees } from "./access.ts";
import { catalogOf, catalogStorage } from "./catalogs.ts";
import { demandFreePlace, demandInLocation } from "./managed-storage.ts";
import { fullNameOf, newRecord, recordFields, securableOf, touched } from "./securable.ts";

const BASE = "/api/2.1/unity-catalog/volumes";
const CREATE = shape({
  catalog_name: must(text),
  schema_name: must(text),
  name: must(text),
  volume_type: must(oneOf("EXTERNAL", "MANAGED")),
  storage_location: text,
  comment: text,
});
const UPDATE = shape({ comment: text, new_name: text, owner: text });

const securable = (world: World, fullName: string) => securableOf(world, "volume", fullName);
const volumeOf = (world: World, fullName: string): Volume => world.volumes.get(securable(world, fullName).fullName)!;

function volumeJson(world: World, one: Volume): Record<string, unknown> {
  return {
    ...recordFields(world, one),
    full_name: fullNameOf(one),
    catalog_name: one.catalog,
    schema_name: one.schema,
    volume_id: one.id,
    volume_type: one.external ? "EXTERNAL" : "MANAGED",
    storage_location: one.url,
    browse_only: false,
  };
}

export type VolumeWish = {
  readonly catalog: string;
  readonly schema: string;
  readonly name: string;
  readonly comment?: string | undefined;
  /** Of an external volume. */
  readonly url?: string | undefined;
};

/** Of the API and of SQL. Throws RESOURCE_ALREADY_EXISTS: there is no code of volumes. */
export function makeVolume(world: World, caller: string, wish: VolumeWish): Volume {
  const schema = securableOf(world, "schema", `${wish.catalog}.${wish.schema}`);
  const [catalog = ""] = schema.fullName.split(".");
  demand(world, caller, "USE_CATALOG", securableOf(world, "catalog", catalog));
  demand(world, caller, "USE_SCHEMA", schema);
  demand(world, caller, "CREATE_VOLUME", schema);
  const name = keptName(wish.name, "Volume");
  const fullName = `${schema.fullName}.${name}`;
  if (world.volumes.has(fullName)) throw taken("RESOURCE_ALREADY_EXISTS", `Volume '${fullName}' already exists`);
  const kept = newRecord(world, caller, `volume ${fullName}`, { name, comment: wish.comment });
  const external = wish.url !== undefined;
  let url = `${catalogStorage(world, catalogOf(world, catalog))}/volumes/${kept.id}`;
  if (wish.url !== undefined) {
    url = demandInLocation(world, caller, wish.url, "CREATE_EXTERNAL_VOLUME");
    demandFreePlace(world, url, "CreateVolume");
  }
  const made: Volume = { ...kept, catalog, schema: schema.fullName.split(".")[1]!, external, url };
  world.volumes.set(fullName, made);
  return made;
}

export const VOLUME_ROUTES: readonly Route[] = [
  route("POST", BASE, { body: CREATE }, ({ world, caller, body }) => {
    const external = body.volume_type === "EXTERNAL";
    if (external && body.storage_location === undefined) {
      throw invalid("Missing required field: storage_location, of an EXTERNAL volume.");
    }
    if (!external && body.storage_location !== undefined) {
      throw invalid("storage_location must not be set for a MANAGED volume.");
    }
    const { catalog_name: catalog, schema_name: schema, name, comment, storage_location: url } = body;
    return volumeJson(world, makeVolume(world, caller, { catalog, schema, name, comment, url }));
  }),

  route(
    "GET",
    BASE,
    { query: shape({ ...PAGE, catalog_name: must(text), schema_name: must(text), include_browse: queryFlag }) },
    ({ world, caller, query }) => {
      const schema = securableOf(world, "schema", `${query.catalog_name}.${query.schema_name}`).fullName;
      const all = [...world.volumes].filter(
        ([fullName, one]) =>
          `${one.catalog}.${one.schema}` === schema && sees(world, caller, securable(world, fullName)),
      );
      return pageOf(
        world,
        { list: `volumes of ${schema}`, field: "volumes", all: all.map(([, one]) => volumeJson(world, one)) },
        query,
      );
    },
  ),

  route("GET", `${BASE}/{full_name}`, { query: shape({ include_browse: queryFlag }) }, ({ world, caller, at }) => {
    demandSight(world, caller, securable(world, at["full_name"]!));
    return volumeJson(world, volumeOf(world, at["full_name"]!));
  }),

  route("PATCH", `${BASE}/{full_name}`, { body: UPDATE }, ({ world, caller, at, body }) => {
    const before = volumeOf(world, at["full_name"]!);
    demandOwnerOrAdmin(world, caller, securable(world, fullNameOf(before)), {
      fields: Object.keys(body),
      adminMay: Object.keys(body),
    });
    demandPrincipal(world, body.owner);
    const name = body.new_name === undefined ? before.name : keptName(body.new_name, "Volume");
    const after: Volume = {
      ...before,
      ...touched(world, caller),
      name,
      owner: body.owner ?? before.owner,
      comment: body.comment ?? before.comment,
    };
    if (name !== before.name && world.volumes.has(fullNameOf(after))) {
      throw taken("RESOURCE_ALREADY_EXISTS", `Volume '${fullNameOf(after)}' already exists`);
    }
    world.volumes.delete(fullNameOf(before));
    world.volumes.set(fullNameOf(after), after);
    return volumeJson(world, after);
  }),

  route("DELETE", `${BASE}/{full_name}`, {}, ({ world, caller, at }) => {
    const one = volumeOf(world, at["full_name"]!);
    demandOwnerOrAdmin(world, caller, securable(world, fullNameOf(one)), { fields: [], adminMay: [] });
    world.volumes.delete(fullNameOf(one));
    world.grants.forget(one.id);
  }),
];
