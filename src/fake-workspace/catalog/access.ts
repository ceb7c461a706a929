/** Permissions: owners, holders of a privilege here or above, metastore admins. */

import { absent, denied } from "../wire/problem.ts";
import type { World } from "../world/world.ts";
import { covers } from "./privileges.ts";
import { calledOf, metastoreOf, parentsOf, type Securable } from "./securable.ts";

/** Everybody is in it. */
const ALL_USERS = "account users";

function principalExists(world: World, name: string): boolean {
  const { people, groups } = world.settings;
  return (
    name === ALL_USERS ||
    name === world.metastoreOwner ||
    groups.includes(name) ||
    people.some((person) => person.name === name || person.groups.includes(name))
  );
}

export function demandPrincipal(world: World, name: string | undefined): void {
  if (name === undefined || principalExists(world, name)) return;
  throw absent("PRINCIPAL_DOES_NOT_EXIST", `Could not find principal with name ${name}.`);
}

const personOf = (world: World, caller: string) => world.settings.people.find(({ name }) => name === caller);

export const isMetastoreAdmin = (world: World, caller: string): boolean =>
  personOf(world, caller)?.metastoreAdmin === true;

/** The names that a caller acts under. */
export function namesOf(world: World, caller: string): readonly string[] {
  const admin = isMetastoreAdmin(world, caller) ? [world.metastoreOwner] : [];
  return [caller, ALL_USERS, ...(personOf(world, caller)?.groups ?? []), ...admin];
}

/** The owner, or who may MANAGE it, or the owner of its parent (but not a metastore admin as such). */
export function owns(world: World, caller: string, one: Securable): boolean {
  const names = namesOf(world, caller);
  const above = parentsOf(world, one).filter(({ type }) => type !== "metastore");
  if ([one, ...above].some(({ owner }) => names.includes(owner))) return true;
  return [one, ...above].some(({ id }) => holdsOn(world, names, "MANAGE", id));
}

function holdsOn(world: World, names: readonly string[], privilege: string, id: string): boolean {
  const grants = world.grants.now(id);
  return names.some((name) => [...(grants.get(name) ?? [])].some((held) => covers(held, privilege)));
}

/** Held here or above. Owners hold everything on what they own, and so do metastore admins on the metastore. */
export function holds(world: World, caller: string, privilege: string, one: Securable): boolean {
  const names = namesOf(world, caller);
  if (one.type === "metastore") return names.includes(one.owner) || holdsOn(world, names, privilege, one.id);
  if (owns(world, caller, one)) return true;
  return [one, ...parentsOf(world, one)].some(
    ({ type, id }) => type !== "metastore" && holdsOn(world, names, privilege, id),
  );
}

export function demand(world: World, caller: string, privilege: string, one: Securable): void {
  if (holds(world, caller, privilege, one)) return;
  const name = one.type === "metastore" ? `metastore-${world.settings.region}` : one.fullName;
  throw denied(`User does not have ${privilege.replaceAll("_", " ")} on ${calledOf(one.type)} '${name}'.`);
}

export function demandOnMetastore(world: World, caller: string, privilege: string): void {
  demand(world, caller, privilege, metastoreOf(world));
}

export function demandOwner(world: World, caller: string, one: Securable): void {
  if (owns(world, caller, one)) return;
  throw denied(`User is not an owner of ${calledOf(one.type)} '${one.fullName}'.`);
}

/** The owner, or a metastore admin whose change has only fields of `adminMay`. */
export function demandOwnerOrAdmin(
  world: World,
  caller: string,
  one: Securable,
  { fields, adminMay }: { readonly fields: readonly string[]; readonly adminMay: readonly string[] },
): void {
  if (isMetastoreAdmin(world, caller) && fields.every((field) => adminMay.includes(field))) return;
  demandOwner(world, caller, one);
}

/** To see it: owner, metastore admin, or a holder of any privilege on it or on its parent. */
export function sees(world: World, caller: string, one: Securable): boolean {
  if (isMetastoreAdmin(world, caller) || owns(world, caller, one)) return true;
  const names = namesOf(world, caller);
  const places = [one, ...parentsOf(world, one).filter(({ type }) => type !== "metastore")];
  return places.some(({ id }) => names.some((name) => (world.grants.now(id).get(name)?.size ?? 0) > 0));
}

export function demandSight(world: World, caller: string, one: Securable): void {
  if (sees(world, caller, one)) return;
  throw denied(`User does not have any privilege on ${calledOf(one.type)} '${one.fullName}'.`);
}
