/** Paths of the workspace tree: where one is, what is above it, and whether it may be written. */
import { absent, denied, invalid } from "../wire/problem.ts";
import type { WorkspaceObject } from "../world/things.ts";
import type { World } from "../world/world.ts";

/** `/Workspace/Users/a` and `/Users/a` are one place. */
export function placeOf(path: string): string {
  if (!path.startsWith("/")) throw invalid(`Path (${path}) doesn't start with '/'`);
  if (/\/\.\.?(\/|$)/.test(path)) throw invalid("Invalid request path");
  const bare = path
    .replace(/^\/Workspace(?=\/|$)/, "")
    .replace(/\/+/g, "/")
    .replace(/\/$/, "");
  return bare === "" ? "/" : bare;
}

export const parentOf = (place: string) => place.slice(0, place.lastIndexOf("/")) || "/";

export function objectAt(world: World, path: string): WorkspaceObject {
  const found = world.tree.get(placeOf(path));
  if (found === undefined) throw absent("RESOURCE_DOES_NOT_EXIST", `Path (${path}) doesn't exist.`);
  return found;
}

/** People write in their own folder and in /Shared; no one beside these, nor into someone else's. */
export function demandWritable(caller: string, place: string): void {
  const own = `/Users/${caller}`;
  if ([own, "/Shared"].some((folder) => place === folder || place.startsWith(`${folder}/`))) return;
  throw denied(`${caller} does not have CAN_EDIT permission on ${place}.`);
}
