/** The rules in the binary, as files to edit. */
import { join } from "node:path";
import type { Profile } from "../../core/profile.ts";
import { IDENTITY_COLUMNS } from "../../core/sensor.ts";
import { placeOfCondition, type Rule } from "../../rules/files/rule.ts";
import { SHIPPED_FILES, shippedRules } from "../../rules/files/shipped.ts";
import { shippedProfiles } from "../../sensor/profile/shipped.ts";
import { jsonText } from "./json-text.ts";
import { type Outcome, writeNew } from "./new-file.ts";

export type RuleFileWritten = {
  readonly file: string;
  readonly outcome: Outcome;
  readonly rules: number;
  /** Whose readings they judge, of the profiles that ship. */
  readonly profiles: readonly string[];
};

/** Writes each of them that is not there yet into the folder `path`, shown as `dir`. */
export function writeShippedRules(path: string, dir: string): readonly RuleFileWritten[] {
  const rules = shippedRules();
  return Object.entries(SHIPPED_FILES).map(([name, value]) => {
    const own = rules.filter((rule) => placeOfCondition(rule).file === name);
    const shownAs = join(dir, name);
    const outcome = writeNew({ path: join(path, name), shownAs, text: jsonText(withoutSchema(value)) });
    const profiles = shippedProfiles().filter((profile) => own.some((rule) => isFor(rule, profile)));
    return { file: shownAs, outcome, rules: own.length, profiles: profiles.map((profile) => profile.name) };
  });
}

/** The schema of the repository is not beside a folder of the user's. */
function withoutSchema(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== "$schema"));
}

function isFor({ appliesTo, condition }: Rule, { name, measures }: Profile): boolean {
  const isOfType = appliesTo.columns.every((column) => column === "sensor_type");
  if (!isOfType || !appliesTo.matches(IDENTITY_COLUMNS.map((column) => (column === "sensor_type" ? name : null)))) {
    return false;
  }
  const used = condition.measures;
  return used.length === 0 || used.some((measure) => measures.some((known) => known.name === measure));
}
