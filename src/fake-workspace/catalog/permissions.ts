/** `/api/2.1/unity-catalog/permissions` and `/effective-permissions` (databricks-sdk-go service/catalog: GrantsService). */

import { denied, invalid, misused } from "../wire/problem.ts";
import { type Route, route } from "../wire/route.ts";
import { type Checked, flag, listOf, must, queryInt, shape, text } from "../wire/shape.ts";
import type { World } from "../world/world.ts";
import { demandPrincipal, demandSight, isMetastoreAdmin, owns } from "./access.ts";
import type { Grants } from "./grant-book.ts";
import { PRIVILEGES } from "./privileges.ts";
import { calledOf, parentsOf, SECURABLE_TYPES, type Securable, type SecurableType, securableOf } from "./securable.ts";

const CHANGE = { principal: must(text), add: listOf(text), remove: listOf(text) };
type Change = Checked<typeof CHANGE>;
const PATCH = shape({ changes: must(listOf(shape(CHANGE), 1_000)), omit_permissions_in_response: flag });
const QUERY = shape({ principal: text, max_results: queryInt, page_token: text });

/** In any case in the path: the API's enum is upper case, Terraform sends lower case (catalog/permissions/permissions.go). */
function securableAt(world: World, at: Readonly<Record<string, string>>): Securable {
  const word = at["securable_type"]!.toLowerCase();
  const type = word === "credential" ? "storage_credential" : word;
  if (!(SECURABLE_TYPES as readonly string[]).includes(type)) throw misused(`Unknown securable type "${word}"`);
  return securableOf(world, type as SecurableType, at["full_name"]!);
}

function demandPrivileges(type: SecurableType, privileges: readonly string[]): void {
  const wrong = privileges.find((one) => !PRIVILEGES[type].includes(one));
  if (wrong !== undefined) throw invalid(`Privilege ${wrong} is not applicable to this entity [${type}].`);
}

function changed(world: World, one: Securable, changes: readonly Change[]): Grants {
  const grants = new Map([...world.grants.now(one.id)].map(([name, held]) => [name, new Set(held)]));
  for (const { principal, add = [], remove = [] } of changes) {
    demandPrincipal(world, principal);
    demandPrivileges(one.type, [...add, ...remove]);
    if (add.some((privilege) => remove.includes(privilege))) {
      throw invalid(`Duplicate privileges to add and delete for principal ${principal}.`);
    }
    const held = grants.get(principal) ?? new Set<string>();
    for (const privilege of remove) {
      if (privilege === "ALL_PRIVILEGES") held.clear();
      else held.delete(privilege);
    }
    for (const privilege of add) held.add(privilege);
    if (held.size === 0) grants.delete(principal);
    else grants.set(principal, held);
  }
  return grants;
}

/** Of the API and of SQL. Owners, holders of MANAGE and metastore admins may; the next reads may still show what was before. */
export function changeGrants(world: World, caller: string, one: Securable, changes: readonly Change[]): Grants {
  if (!owns(world, caller, one) && !isMetastoreAdmin(world, caller)) {
    throw denied(`User does not have MANAGE on ${calledOf(one.type)} '${one.fullName}'.`);
  }
  const grants = changed(world, one, changes);
  world.grants.change(one.id, grants, world.settings.grantReadsThatLag);
  return grants;
}

/** The order of assignments is not fixed: it changes with every read. */
function shuffled<T>(world: World, id: string, all: readonly T[]): readonly T[] {
  const from = Math.floor(world.chance(`order of ${id}`) * all.length);
  return [...all.slice(from), ...all.slice(0, from)];
}

function assignments(world: World, one: Securable, grants: Grants, principal?: string) {
  const all = [...grants].filter(([name]) => principal === undefined || name === principal);
  const listed = all.map(([name, held]) => ({ principal: name, privileges: [...held].sort() }));
  return listed.length === 0 ? {} : { privilege_assignments: shuffled(world, one.id, listed) };
}

export const PERMISSION_ROUTES: readonly Route[] = [
  route(
    "PATCH",
    "/api/2.1/unity-catalog/permissions/{securable_type}/{full_name}",
    { body: PATCH },
    ({ world, caller, at, body }) => {
      const one = securableAt(world, at);
      const grants = changeGrants(world, caller, one, body.changes);
      return body.omit_permissions_in_response === true ? {} : assignments(world, one, grants);
    },
  ),

  route(
    "GET",
    "/api/2.1/unity-catalog/permissions/{securable_type}/{full_name}",
    { query: QUERY },
    ({ world, caller, at, query }) => {
      const one = securableAt(world, at);
      demandSight(world, caller, one);
      return assignments(world, one, world.grants.read(one.id), query.principal);
    },
  ),

  route(
    "GET",
    "/api/2.1/unity-catalog/effective-permissions/{securable_type}/{full_name}",
    { query: QUERY },
    ({ world, caller, at, query }) => {
      const one = securableAt(world, at);
      demandSight(world, caller, one);
      const held = new Map<string, Record<string, unknown>[]>();
      for (const from of [one, ...parentsOf(world, one)]) {
        for (const [name, privileges] of world.grants.read(from.id)) {
          if (query.principal !== undefined && query.principal !== name) continue;
          const inherited =
            from === one ? {} : { inherited_from_name: from.fullName, inherited_from_type: from.type.toUpperCase() };
          const reaching = [...privileges].filter((privilege) => PRIVILEGES[one.type].includes(privilege));
          held.set(name, [
            ...(held.get(name) ?? []),
            ...reaching.sort().map((privilege) => ({ privilege, ...inherited })),
          ]);
        }
      }
      const told = [...held].filter(([, privileges]) => privileges.length > 0);
      return {
        privilege_assignments: shuffled(
          world,
          one.id,
          told.map(([principal, privileges]) => ({ principal, privileges })),
        ),
      };
    },
  ),
];
