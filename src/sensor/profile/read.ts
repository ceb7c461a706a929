/** From outside JSON to a profile: names, units and plausible ranges here, the simulation's part in its own file. */

import { Fields } from "../../core/outside/json-fields.ts";
import { type JsonFileKind, type JsonProblem, parseJsonFile, readJsonFile } from "../../core/outside/json-file.ts";
import type { Measure, Profile } from "../../core/profile.ts";
import { IDENTITY_COLUMNS, LIMITS } from "../../core/sensor.ts";
import { readFleet, readMeasureSimulation } from "./simulation.ts";

const PROFILE_NAME = /^[a-z][a-z0-9-]{0,63}$/;
const MEASURE_NAME = /^[a-z][a-z0-9_]{0,63}$/;
const UNIT = /^[^\p{Cc}]{0,32}$/u;
const DESCRIPTION = /^[^\p{Cc}]{0,1000}$/u;

/** Names that a row of some stage already has: a measure of that name would overwrite it. */
const TAKEN: ReadonlySet<string> = new Set<string>([
  ...IDENTITY_COLUMNS,
  ..."id timestamp status_code anomaly_flag anomaly_type reading_id node_id agent_version rules_version".split(" "),
  ..."ingested_at time_quality extra anomaly_rules anomaly_reason severity observed schema_version".split(" "),
  ..."window_id window_start window_end revision record_count anomaly_count processing_timestamp".split(" "),
]);

const PROFILE: JsonFileKind = {
  name: "profile",
  missing: "it is neither the name of a shipped profile nor a file",
  tryHint:
    '--profile environmental, --profile wind-turbine, or a file such as {"name": "room", "measures": [{"name": "co2", "unit": "ppm", "plausible": [350, 5000]}]}',
};

/** The profile file at `path`, seen from `cwd`. Throws a UsageError that lists every problem, each with its place. */
export function readProfileFile(path: string, cwd: string): Profile {
  return parseProfile(readJsonFile(PROFILE, path, cwd), path);
}

export function parseProfile(text: string, file: string): Profile {
  return parseJsonFile(PROFILE, text, file, (value, problems) => readProfile(new Fields(value, "", problems)));
}

/** A profile that ships, so that nothing can be wrong with it. */
export function shippedProfile(value: unknown): Profile {
  const problems: JsonProblem[] = [];
  const profile = readProfile(new Fields(value, "", problems));
  if (problems.length > 0) throw new Error(`a shipped profile is wrong: ${JSON.stringify(problems)}`);
  return profile;
}

function readProfile(fields: Fields): Profile {
  const name = fields.text("name", PROFILE_NAME, "a lower-case name such as wind-turbine");
  const description = fields.text("description", DESCRIPTION, "a text of at most 1,000 characters", "");
  const parameters = fields.numbers("parameters");
  const names: string[] = [];
  const measures = fields.objects("measures", { least: 1, most: LIMITS.measures }, (measure) => {
    const read = readMeasure(measure, names);
    names.push(read.name);
    return read;
  });
  const simulate = fields.object("simulate", (fleet) => readFleet(fleet, names));
  fields.done();
  return {
    name,
    description,
    measures,
    ...(parameters === undefined ? {} : { parameters }),
    ...(simulate === undefined ? {} : { simulate }),
  };
}

function readMeasure(fields: Fields, before: readonly string[]): Measure {
  const name = fields.text("name", MEASURE_NAME, "a lower-case identifier such as wind_speed");
  if (TAKEN.has(name)) fields.problem("name", `"${name}" is already the name of a column that every reading has`);
  if (name !== "" && before.includes(name)) fields.problem("name", `"${name}" is there twice`);
  const unit = fields.text("unit", UNIT, "a text of at most 32 characters, empty where there is no unit");
  const plausible = fields.pair("plausible");
  const simulate = fields.object("simulate", (model) => readMeasureSimulation(model, plausible, before));
  fields.done();
  return { name, unit, plausible, ...(simulate === undefined ? {} : { simulate }) };
}
