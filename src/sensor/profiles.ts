/** The profiles that ship with the agent, and a user's own, which work the same way. */
import { readFileSync, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { codeOf, messageOf, UsageError } from "../core/errors.ts";
import type { Profile } from "../core/profile.ts";
import environmental from "./environmental.json";
import { parseProfile } from "./profiles-parse.ts";
import windTurbine from "./wind-turbine.json";

/** What a profile's file may weigh; the shipped ones have 5 KB. */
const FILE_MAX_BYTES = 1024 * 1024;

const SHIPPED: Readonly<Record<string, unknown>> = { environmental, "wind-turbine": windTurbine };
const parsed = new Map<string, Profile>();

export function shippedProfiles(): readonly Profile[] {
  return Object.keys(SHIPPED).map(shipped);
}

/**
 * A shipped profile by its name, or the JSON file at that path, seen from `cwd`. Throws a UsageError with every problem
 * of the file and its path in it (`measures[2].unit: …`).
 */
export function loadProfile(nameOrFile: string, cwd: string = process.cwd()): Profile {
  if (Object.hasOwn(SHIPPED, nameOrFile)) return shipped(nameOrFile);
  return parseProfile(readJson(resolve(cwd, nameOrFile), nameOrFile), basename(nameOrFile));
}

function shipped(name: string): Profile {
  const known = parsed.get(name);
  if (known !== undefined) return known;
  const made = parseProfile(SHIPPED[name], name);
  parsed.set(name, made);
  return made;
}

function readJson(path: string, asGiven: string): unknown {
  const refuse = (cause: unknown, reason: string): never => {
    throw new UsageError(`Cannot read profile "${asGiven}": ${reason}`, {
      cause,
      tryHint: `--profile ${Object.keys(SHIPPED).join(", --profile ")}, or the path of a JSON file`,
    });
  };
  let text = "";
  try {
    if (statSync(path).size > FILE_MAX_BYTES) refuse(undefined, `it is larger than ${FILE_MAX_BYTES} bytes`);
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const missing = codeOf(error) === "ENOENT";
    refuse(error, missing ? "it is neither the name of a shipped profile nor a file" : messageOf(error));
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    return refuse(error, `it is not JSON: ${messageOf(error)}`);
  }
}
