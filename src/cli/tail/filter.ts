/** What `agent tail` was asked for, as a filter of readings, and what to say where nothing can pass it. */
import { BufferLedger } from "../../buffer/ledger/ledger.ts";
import { storedRuleSet } from "../../buffer/ledger/rules.ts";
import { type BrokenRule, MALFORMED_RULE, type TailFilter } from "../../buffer/ledger/tail.ts";
import { UsageError } from "../../core/errors.ts";
import { oneLine } from "../../core/log/log.ts";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { text } from "../../core/outside/scalar-shapes.ts";
import { optional } from "../../core/outside/shape.ts";
import { atLeast, storedEntries } from "../../core/outside/stored-json.ts";
import { SEVERITIES, type Severity } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, type SensorCatalogue } from "../../core/sensor.ts";
import { globMatcher } from "../../rules/selector.ts";

/** Null: not asked for. `rule` and `sensor` are names or globs. */
export type Wanted = {
  readonly sensor: string | null;
  readonly rule: string | null;
  readonly severity: Severity | null;
};

export function filterOf({ sensor, rule, severity }: Wanted, verdicts: readonly number[]): TailFilter {
  const isRule = rule === null ? () => true : matcherOf(rule);
  const least = severity === null ? 0 : SEVERITIES.indexOf(severity);
  const isSensor = sensor === null ? null : matcherOf(sensor);
  const isBroken = (broken: BrokenRule) => isRule(broken.rule) && severityRank(broken) >= least;
  return {
    verdicts,
    isSensor: isSensor === null ? null : (id) => id !== null && isSensor(id),
    isBroken: rule === null && severity === null ? null : isBroken,
  };
}

/** A severity of another version's rule is one that a person should see. */
function severityRank({ severity }: BrokenRule): number {
  const rank = (SEVERITIES as readonly string[]).indexOf(severity);
  return rank < 0 ? SEVERITIES.length : rank;
}

/** The name itself passes, too, whatever characters it has. */
function matcherOf(glob: string): (name: string) => boolean {
  const matches = globMatcher(glob);
  return (name) => name === glob || matches(name);
}

/** Throws UsageError where the stage holds only readings that broke no rule. */
export function checkStage(stage: string, { rule, severity }: Wanted): void {
  if (stage === "raw" || stage === "anomalies" || (rule === null && severity === null)) return;
  const flag = rule === null ? "--severity" : "--rule";
  throw new UsageError(`Cannot use ${flag} with --stage ${stage}: the readings of that stage break no rule`, {
    tryHint: "agent tail --stage anomalies --severity warning",
  });
}

const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");
/** Names that are searched for the one that was probably meant. */
const NAMES = 10_000;

/** A line for each name that nothing has so far: a slip of the finger, or what is yet to come. */
export function unknownLines(wanted: Wanted, dataDir: string, catalogue: SensorCatalogue): string[] {
  const { sensor } = wanted;
  return [...(sensor === null ? [] : unknownSensor(sensor, catalogue)), ...unbrokenRule(wanted, dataDir)].map(oneLine);
}

function unknownSensor(sensor: string, { interned }: SensorCatalogue): string[] {
  const ids = new Set(interned.flatMap(({ identity }) => identity[SENSOR_ID] ?? []).map(String));
  const matches = matcherOf(sensor);
  if (ids.has(sensor) || [...ids].some(matches)) return [];
  const whose = isGlob(sensor) ? `whose sensor matches "${sensor}"` : `of sensor "${sensor}"`;
  return [`The buffer has no reading ${whose} yet${didYouMean(sensor, [...ids].slice(0, NAMES))}`];
}

/** No rule has the name, or none of those that have it is severe enough. */
function unbrokenRule({ rule, severity }: Wanted, dataDir: string): string[] {
  if (rule === null && severity === null) return [];
  const rules = rulesInForce(dataDir);
  if (rules === null) return [];
  const found = rule === null ? rules : rules.filter(({ rule: name }) => matcherOf(rule)(name));
  const what = rule === null ? "" : isGlob(rule) ? ` whose name matches "${rule}"` : ` "${rule}"`;
  if (rule !== null && found.length === 0) {
    const names = rules.map(({ rule: name }) => name);
    return [`The rule set in force has no rule${what}${didYouMean(rule, names)}`];
  }
  if (severity === null || found.some((one) => severityRank(one) >= SEVERITIES.indexOf(severity))) return [];
  const most = found.reduce((a, b) => (severityRank(b) > severityRank(a) ? b : a)).severity;
  const above = severity === SEVERITIES.at(-1) ? "" : " or above";
  return [`The rule set in force has no rule${what} of severity ${severity}${above}: the highest is ${most}`];
}

function isGlob(name: string): boolean {
  return /[*?\\]/.test(name);
}

const anyText = text(/^/, "a text");
/** A rule of a set as it is stored: without what is as usual. */
const RULE = atLeast({ name: anyText, severity: optional(anyText) });
const USUAL_SEVERITY = "warning";

/** By the buffer, of the set that judged last, and the rule that malformed readings break; null: no set is known. */
function rulesInForce(dataDir: string): BrokenRule[] | null {
  const ledger = BufferLedger.open(dataDir);
  try {
    const version = ledger.meta("rules_version");
    const set = version === null ? null : storedRuleSet(ledger, version);
    const rules = set === null ? null : storedEntries(RULE, set.canonical);
    if (rules === null) return null;
    return [...rules.map(({ name, severity = USUAL_SEVERITY }) => ({ rule: name, severity })), MALFORMED_RULE];
  } finally {
    ledger.close();
  }
}
