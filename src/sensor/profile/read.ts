/** From a profile file to a profile: names, units and plausible ranges here, the simulation's part in its own file. */

import { pair } from "../../core/outside/composed-shapes.ts";
import { type JsonFileKind, parseJsonFile, readJsonFile } from "../../core/outside/json-file.ts";
import { number, text } from "../../core/outside/scalar-shapes.ts";
import {
  type Complain,
  type JsonProblem,
  list,
  object,
  optional,
  type Partly,
  record,
  type ValueOf,
} from "../../core/outside/shape.ts";
import type { Measure, Profile } from "../../core/profile.ts";
import { IDENTITY_COLUMNS, LIMITS } from "../../core/sensor.ts";
import { FLEET, fleet, MEASURE_SIMULATION, measureSimulation } from "./simulation.ts";

/** Names that a row of some stage already has: a measure of that name would overwrite it. */
const TAKEN: ReadonlySet<string> = new Set<string>([
  ...IDENTITY_COLUMNS,
  ..."id timestamp status_code anomaly_flag anomaly_type reading_id node_id agent_version rules_version".split(" "),
  ..."ingested_at time_quality extra anomaly_rules anomaly_reason severity observed schema_version".split(" "),
  ..."window_id window_start window_end revision record_count anomaly_count processing_timestamp".split(" "),
]);

const MEASURE = object(
  {
    name: text(/^[a-z][a-z0-9_]{0,63}$/, "a lower-case identifier such as wind_speed", (name) =>
      TAKEN.has(name) ? `"${name}" is already the name of a column that every reading has` : null,
    ),
    unit: text(/^[^\p{Cc}]{0,32}$/u, "a text of at most 32 characters, empty where there is no unit"),
    plausible: pair,
    simulate: optional(MEASURE_SIMULATION),
  },
  ({ plausible, simulate }, complain) => {
    if (plausible === undefined) return;
    const [least = 0, most = 0] = plausible;
    const [low = least, high = most] = simulate?.limits ?? [];
    if (low < least || high > most) complain("simulate.limits", `must be within ${least} to ${most}`);
    const [lowest = least, highest = most] = simulate?.faulty ?? [];
    if (lowest > least || highest < most) complain("simulate.faulty", `must include all of ${least} to ${most}`);
  },
);

/** A profile file; `agent init` writes one to start from, docs/schema/profile.schema.json is its JSON Schema. */
export const PROFILE_FILE = object(
  {
    $schema: optional(text(/^.{0,1000}$/u, "a text")),
    name: text(/^[a-z][a-z0-9-]{0,63}$/, "a lower-case name such as wind-turbine"),
    description: optional(text(/^[^\p{Cc}]{0,1000}$/u, "a text of at most 1,000 characters"), ""),
    parameters: optional(record(number(), { most: LIMITS.measures })),
    measures: list(MEASURE, { least: 1, most: LIMITS.measures }, checkNames),
    simulate: optional(FLEET),
  },
  ({ measures = [], simulate }, complain) => {
    const names = measures.map((measure) => measure?.name);
    for (const [i, site] of (simulate?.locations ?? []).entries()) {
      for (const name of site?.offsets?.keys() ?? []) {
        if (!names.includes(name))
          complain(`simulate.locations[${i}].offsets.${name}`, "is not a measure of this profile");
      }
    }
  },
);

/** Each name once, and no measure that rests on a later one: the simulator makes them in this order. */
function checkNames(measures: readonly (Partly<ValueOf<typeof MEASURE>> | undefined)[], complain: Complain): void {
  const before = new Set<string>();
  for (const [i, measure] of measures.entries()) {
    for (const key of ["follows", "curve"] as const) {
      const name = measure?.simulate?.[key]?.measure;
      if (name !== undefined && !before.has(name)) {
        complain(`[${i}].simulate.${key}.measure`, `"${name}" must be a measure that comes before this one`);
      }
    }
    const name = measure?.name;
    if (name === undefined) continue;
    if (before.has(name)) complain(`[${i}].name`, `"${name}" is there twice`);
    before.add(name);
  }
}

const PROFILE: JsonFileKind<ValueOf<typeof PROFILE_FILE>> = {
  name: "profile",
  missing: "it is neither a shipped profile (environmental, wind-turbine) nor a file",
  tryHint: "agent run --profile environmental",
  shape: PROFILE_FILE,
};

/** The profile file at `path`, seen from `cwd`. Throws a UsageError that lists every problem, each with its place. */
export function readProfileFile(path: string, cwd: string): Profile {
  return profileOf(readJsonFile(PROFILE, path, cwd));
}

export function parseProfile(text: string, file: string): Profile {
  return profileOf(parseJsonFile(PROFILE, text, file));
}

/** A profile that ships, so that nothing can be wrong with it. */
export function shippedProfile(value: unknown): Profile {
  const problems: JsonProblem[] = [];
  const file = PROFILE_FILE.read(value, "", problems);
  if (file === undefined || problems.length > 0)
    throw new Error(`a shipped profile is wrong: ${JSON.stringify(problems)}`);
  return profileOf(file);
}

function profileOf({ name, description, parameters, measures, simulate }: ValueOf<typeof PROFILE_FILE>): Profile {
  return {
    name,
    description,
    measures: measures.map(measureOf),
    ...(parameters !== undefined && { parameters: Object.fromEntries(parameters) }),
    ...(simulate !== undefined && { simulate: fleet(simulate) }),
  };
}

function measureOf({ name, unit, plausible, simulate }: ValueOf<typeof MEASURE>): Measure {
  const model = simulate === undefined ? undefined : measureSimulation(simulate, plausible);
  return { name, unit, plausible, ...(model !== undefined && { simulate: model }) };
}
