/** From outside JSON to a profile: names, units and plausible ranges here, the simulation's part in its own file. */
import { UsageError } from "../core/errors.ts";
import type { Measure, Profile } from "../core/profile.ts";
import { IDENTITY_COLUMNS, LIMITS } from "../core/sensor.ts";
import { Fields } from "./profiles-fields.ts";
import { readFleet, readMeasureSimulation } from "./profiles-simulation.ts";

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

/** `from` says in errors where the JSON came from. Throws a UsageError that lists every problem, each with its path. */
export function parseProfile(value: unknown, from: string): Profile {
  const problems: string[] = [];
  const profile = readProfile(new Fields(value, "", problems));
  if (problems.length === 0) return profile;
  throw new UsageError(problems.map((problem) => `Cannot use profile "${from}": ${problem}`).join("\n"), {
    tryHint: "compare it with a shipped one: agent simulate --profile environmental --count 1",
  });
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
