/** Where catalogs, schemas, volumes and tables may lie: inside an external location, and not upon one another. */

import { invalid } from "../wire/problem.ts";
import { checkedUrl, contains, overlaps } from "../wire/urls.ts";
import type { Location } from "../world/things.ts";
import type { World } from "../world/world.ts";
import { demand } from "./access.ts";
import { securableOf } from "./securable.ts";

/** The url without a slash at its end. Throws when no location holds it, or the caller lacks the privilege on that one. */
export function demandInLocation(world: World, caller: string, url: string, privilege: string): string {
  const place = checkedUrl(url);
  const location = locationOf(world, place);
  if (location === undefined) {
    throw invalid(`No parent external location was found for path '${url}'. Please create one first.`);
  }
  demand(world, caller, privilege, securableOf(world, "external_location", location.name));
  return place;
}

const locationOf = (world: World, place: string): Location | undefined =>
  [...world.locations.values()].find(({ url }) => contains(url, place));

/** For external volumes and tables. Throws LOCATION_OVERLAP when the place is not free. */
export function demandFreePlace(world: World, place: string, what: string): void {
  const overlap = (other: string) =>
    invalid(
      `INVALID_PARAMETER_VALUE.LOCATION_OVERLAP: Input path url '${place}' overlaps with ${other} within '${what}' call.`,
    );
  for (const one of [...world.volumes.values(), ...world.tables.values()]) {
    if (overlaps(one.url, place)) throw overlap(`other external tables or volumes ('${one.name}')`);
  }
  for (const { storageRoot } of [...world.catalogs.values(), ...world.schemas.values()]) {
    if (storageRoot !== null && overlaps(storageRoot, place)) throw overlap("managed storage");
  }
}
