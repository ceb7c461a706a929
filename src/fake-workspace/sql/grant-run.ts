/** Carries GRANT, REVOKE, COMMENT ON and DROP SCHEMA out. */
import { demandOwner } from "../catalog/access.ts";
import { changeGrants } from "../catalog/permissions.ts";
import { dropSchema } from "../catalog/schemas.ts";
import { metastoreOf, type Securable, securableOf, touched } from "../catalog/securable.ts";
import type { World } from "../world/world.ts";
import type { SqlSecurableStatement } from "./grant.ts";

/** `full` fills in the catalog and schema of the call. */
export function runOnSecurable(
  world: World,
  caller: string,
  one: SqlSecurableStatement,
  full: (names: readonly string[], parts: 1 | 2 | 3) => string,
): void {
  if (one.what === "drop-schema") {
    const name = full(one.name, 2);
    if (one.ifExists && !world.schemas.has(name)) return;
    dropSchema(world, caller, name, one.cascade);
    return;
  }
  const parts = one.type === "table" || one.type === "volume" ? 3 : one.type === "schema" ? 2 : 1;
  const securable: Securable =
    one.type === "metastore" ? metastoreOf(world) : securableOf(world, one.type, full(one.name, parts));
  if (one.what === "comment") {
    comment(world, caller, { ...securable, type: one.type }, one.comment);
    return;
  }
  const { principal, privileges } = one;
  const change = one.what === "grant" ? { add: privileges, remove: [] } : { add: [], remove: privileges };
  changeGrants(world, caller, securable, [{ principal, ...change }]);
}

type Commented = Securable & { readonly type: "catalog" | "schema" | "table" | "volume" };

function comment(world: World, caller: string, one: Commented, text: string): void {
  demandOwner(world, caller, one);
  const kept = { catalog: world.catalogs, schema: world.schemas, table: world.tables, volume: world.volumes }[one.type];
  const before = kept.get(one.fullName)!;
  (kept as Map<string, unknown>).set(one.fullName, { ...before, ...touched(world, caller), comment: text });
}
