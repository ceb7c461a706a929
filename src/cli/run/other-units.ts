/** Limits in rules are plain numbers: those of the rules in the binary are in the units of the shipped profiles. */
import type { Profile } from "../../core/profile.ts";
import { conversionOf } from "../../core/units.ts";
import { shippedProfiles } from "../../sensor/profile/shipped.ts";

/** A sentence about measures that this profile has in another unit; null where there is none. */
export function otherUnits(profile: Profile): string | null {
  const shipped = new Map(shippedProfiles().flatMap(({ measures }) => measures.map(({ name, unit }) => [name, unit])));
  const other = profile.measures.flatMap(({ name, unit }) => {
    const expected = shipped.get(name) ?? unit;
    const conversion = conversionOf(unit, expected);
    const isSame = conversion !== null && conversion.scale === 1 && conversion.offset === 0;
    return isSame ? [] : [`${name} in ${unit === "" ? "no unit" : unit}, not ${expected}`];
  });
  if (other.length === 0) return null;
  return `The profile "${profile.name}" has ${other.join(", ")}: the limits of the built-in rules do not fit. Copy the rules, and change their limits`;
}
