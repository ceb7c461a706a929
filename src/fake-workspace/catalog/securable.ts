/** The things that Unity Catalog guards, as they are kept here, and how they are found. */
import { absent } from "../wire/problem.ts";
import type { Schema, SecurableRecord, Table, Volume } from "../world/things.ts";
import type { World } from "../world/world.ts";

export const SECURABLE_TYPES = [
  "metastore",
  "catalog",
  "schema",
  "table",
  "volume",
  "external_location",
  "storage_credential",
] as const;
export type SecurableType = (typeof SECURABLE_TYPES)[number];

/** Enough of a securable to judge permissions on it. */
export type Securable = {
  readonly type: SecurableType;
  readonly id: string;
  readonly fullName: string;
  readonly owner: string;
};

export const fullNameOf = (one: Schema | Volume | Table): string =>
  "schema" in one ? `${one.catalog}.${one.schema}.${one.name}` : `${one.catalog}.${one.name}`;

/** What each kind answers when it is not there, and where it is kept. */
const KINDS: Record<
  Exclude<SecurableType, "metastore">,
  {
    readonly code: string;
    readonly called: string;
    readonly kept: (world: World) => ReadonlyMap<string, SecurableRecord>;
  }
> = {
  catalog: { code: "CATALOG_DOES_NOT_EXIST", called: "Catalog", kept: (world) => world.catalogs },
  schema: { code: "SCHEMA_DOES_NOT_EXIST", called: "Schema", kept: (world) => world.schemas },
  table: { code: "TABLE_DOES_NOT_EXIST", called: "Table", kept: (world) => world.tables },
  // There is no code for volumes (databricks-sdk-go, service/apps/model.go: the enum of codes).
  volume: { code: "RESOURCE_DOES_NOT_EXIST", called: "Volume", kept: (world) => world.volumes },
  external_location: {
    code: "EXTERNAL_LOCATION_DOES_NOT_EXIST",
    called: "External Location",
    kept: (world) => world.locations,
  },
  storage_credential: {
    code: "STORAGE_CREDENTIAL_DOES_NOT_EXIST",
    called: "Storage Credential",
    kept: (world) => world.credentials,
  },
};

export const calledOf = (type: SecurableType): string => (type === "metastore" ? "Metastore" : KINDS[type].called);

/** Names are looked up in any case: they are kept in lower case. Throws the kind's …_DOES_NOT_EXIST. */
export function securableOf(world: World, type: SecurableType, name: string): Securable {
  const fullName = name.toLowerCase();
  if (type === "metastore") {
    if (fullName !== world.metastoreId) throw absent("METASTORE_DOES_NOT_EXIST", `Metastore '${name}' does not exist.`);
    return { type, id: world.metastoreId, fullName, owner: world.metastoreOwner };
  }
  const { code, called, kept } = KINDS[type];
  const found = kept(world).get(fullName);
  if (found === undefined) throw absent(code, `${called} '${name}' does not exist.`);
  return { type, id: found.id, fullName, owner: found.owner };
}

export const metastoreOf = (world: World): Securable => securableOf(world, "metastore", world.metastoreId);

/** Its parents: a table in its schema, a schema in its catalog, a catalog in the metastore. Nearest first. */
export function parentsOf(world: World, one: Securable): readonly Securable[] {
  if (one.type === "metastore") return [];
  const parts = one.fullName.split(".");
  const parents: Securable[] = [];
  if (one.type === "table" || one.type === "volume") {
    parents.push(securableOf(world, "schema", parts.slice(0, 2).join(".")));
  }
  if (one.type === "table" || one.type === "volume" || one.type === "schema") {
    parents.push(securableOf(world, "catalog", parts[0]!));
  }
  return [...parents, metastoreOf(world)];
}

/** A new one, made now by the caller. `what` names it for its id: kind and full name. */
export function newRecord(
  world: World,
  caller: string,
  what: string,
  { name, comment }: Pick<SecurableRecord, "name" | "comment">,
): SecurableRecord {
  const nowMs = world.now();
  return {
    id: world.nextUuid(what),
    name,
    owner: caller,
    comment,
    createdAtMs: nowMs,
    createdBy: caller,
    updatedAtMs: nowMs,
    updatedBy: caller,
  };
}

/** The fields that every answer of Unity Catalog has. */
export function recordFields(world: World, one: SecurableRecord): Record<string, unknown> {
  return {
    name: one.name,
    owner: one.owner,
    comment: one.comment,
    metastore_id: world.metastoreId,
    created_at: one.createdAtMs,
    created_by: one.createdBy,
    updated_at: one.updatedAtMs,
    updated_by: one.updatedBy,
  };
}

export const touched = (world: World, caller: string) => ({ updatedAtMs: world.now(), updatedBy: caller });
