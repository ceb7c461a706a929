/** The profiles that ship with the agent, and a user's own, which are used in the same way. */
import type { Profile } from "../../core/profile.ts";
import environmental from "./environmental.json";
import { readProfileFile, shippedProfile } from "./read.ts";
import windTurbine from "./wind-turbine.json";

const SHIPPED: Readonly<Record<string, unknown>> = { environmental, "wind-turbine": windTurbine };
const parsed = new Map<string, Profile>();

export function shippedProfiles(): readonly Profile[] {
  return Object.keys(SHIPPED).map(shipped);
}

/**
 * A shipped profile by its name, or the JSON file at that path, relative to `cwd`. Throws a UsageError with every
 * problem of the file, its place and its path in it (`mine.json:7:15: measures[2].unit: …`).
 */
export function loadProfile(nameOrFile: string, cwd: string = process.cwd()): Profile {
  return Object.hasOwn(SHIPPED, nameOrFile) ? shipped(nameOrFile) : readProfileFile(nameOrFile, cwd);
}

function shipped(name: string): Profile {
  const known = parsed.get(name);
  if (known !== undefined) return known;
  const made = shippedProfile(SHIPPED[name]);
  parsed.set(name, made);
  return made;
}
