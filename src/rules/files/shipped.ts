/** The rules of the folder `rules/`, in the binary: for a run that has no folder of its own. */
import humidity from "../../../rules/humidity-range.json" with { type: "json" };
import missing from "../../../rules/missing-measure.json" with { type: "json" };
import pressure from "../../../rules/pressure-range.json" with { type: "json" };
import flag from "../../../rules/sensor-flag.json" with { type: "json" };
import stuck from "../../../rules/stuck.json" with { type: "json" };
import temperature from "../../../rules/temperature-range.json" with { type: "json" };
import vibration from "../../../rules/vibration-range.json" with { type: "json" };
import voltage from "../../../rules/voltage-range.json" with { type: "json" };
import turbine from "../../../rules/wind-turbine.json" with { type: "json" };
import type { SensorCatalogue } from "../../core/sensor.ts";
import { compileRules } from "../compile.ts";
import { formatProblem, type RuleSet } from "../rule-set.ts";
import { type Rule, readRules } from "./rule.ts";

/** Checked by a test against the folder. */
export const SHIPPED_FILES: Readonly<Record<string, unknown>> = {
  "humidity-range.json": humidity,
  "missing-measure.json": missing,
  "pressure-range.json": pressure,
  "sensor-flag.json": flag,
  "stuck.json": stuck,
  "temperature-range.json": temperature,
  "vibration-range.json": vibration,
  "voltage-range.json": voltage,
  "wind-turbine.json": turbine,
};

/** How many rules they hold. */
export const SHIPPED_COUNT = Object.values(SHIPPED_FILES).flat().length;

export function shippedRules(): readonly Rule[] {
  const files = Object.entries(SHIPPED_FILES).map(([name, value]) => ({ name, text: JSON.stringify(value) }));
  const rules = readRules(files);
  if ("ok" in rules) return rules.ok;
  throw new Error(`Cannot read the rules in the binary: ${rules.refused.map(formatProblem).join("\n")}`);
}

/** Their own tests are run by the project's tests, not by every start. */
export function builtInRules(catalogue: SensorCatalogue): RuleSet {
  return compileRules(shippedRules(), catalogue);
}
