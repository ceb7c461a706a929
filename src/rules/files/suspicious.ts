/**
 * Rules that are legal but probably a mistake: limits that no plausible reading can reach, or that every one breaks; a rule that
 * repeats another one; a measure that no profile has; a kind without the key that most sensors need. Warnings of `rules check`, never a reason to refuse a set.
 */
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import type { Measure, Profile } from "../../core/profile.ts";
import type { RuleWarning } from "../rule-set.ts";
import { placeOfCondition, type Rule } from "./rule.ts";

/**
 * A limit is suspicious when it is beyond the plausible range by more than this part of the range. A limit at the end of
 * the range, or a little beyond, is the one that catches a broken sensor.
 */
const FAR = 0.5;

/** `profiles`: all that a reading may have. The warnings are sorted by place. */
export function suspiciousRules(rules: readonly Rule[], profiles: readonly Profile[]): readonly RuleWarning[] {
  const measures = new Map<string, Measure[]>();
  for (const { measures: some } of profiles) {
    for (const measure of some) measures.set(measure.name, [...(measures.get(measure.name) ?? []), measure]);
  }
  const warnings = rules.flatMap((rule) => [
    ...doubtsOf(rule),
    ...strangeMeasures(rule, measures),
    ...strangeLimits(rule, measures),
    ...(rule.condition.doubt === undefined ? [] : [warning(rule, rule.condition.doubt)]),
  ]);
  const all = [...warnings, ...sameMeaning(rules)];
  return all.toSorted((a, b) =>
    a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1,
  );
}

/** What the rule's own text says, whatever the profiles. */
function doubtsOf({ appliesTo, condition, places }: Rule): RuleWarning[] {
  return [...appliesTo.doubts, ...(condition.idle ?? [])].map(({ path, message, index }) => ({
    ...places.of(path, index),
    message,
    idle: true,
  }));
}

function strangeMeasures(rule: Rule, known: ReadonlyMap<string, readonly Measure[]>): RuleWarning[] {
  return rule.condition.measures
    .filter((name) => !known.has(name))
    .map((name) => ({
      ...warning(rule, `no profile has a measure "${name}"${didYouMean(name, known.keys())}`),
      idle: true,
    }));
}

function strangeLimits(rule: Rule, known: ReadonlyMap<string, readonly Measure[]>): RuleWarning[] {
  const [name] = rule.condition.measures;
  const same = name === undefined ? undefined : known.get(name);
  if (same === undefined) return [];
  const warnings: RuleWarning[] = [];
  for (const { min, max } of rule.condition.limits ?? []) {
    const [low, high, unit] = widest(same);
    const far = (high - low) * FAR;
    const plausible = `plausible is ${low} to ${high} ${unit}`;
    if (max > high + far && max < Number.POSITIVE_INFINITY) {
      warnings.push(warning(rule, `"max" ${max} can hardly ever be broken: ${plausible}`));
    }
    if (min < low - far && min > Number.NEGATIVE_INFINITY) {
      warnings.push(warning(rule, `"min" ${min} can hardly ever be broken: ${plausible}`));
    }
    if (max < low || min > high) warnings.push(warning(rule, `every plausible reading breaks this: ${plausible}`));
  }
  return warnings;
}

/** The range that is plausible in any of the profiles that have the measure. */
function widest(same: readonly Measure[]): readonly [low: number, high: number, unit: string] {
  const low = Math.min(...same.map(({ plausible }) => plausible[0]));
  const high = Math.max(...same.map(({ plausible }) => plausible[1]));
  return [low, high, same[0]?.unit ?? ""];
}

function sameMeaning(rules: readonly Rule[]): RuleWarning[] {
  const first = new Map<string, Rule>();
  return rules.flatMap((rule) => {
    const other = first.get(rule.meaning);
    if (other !== undefined) return [warning(rule, `"${rule.name}" says the same as "${other.name}"`)];
    first.set(rule.meaning, rule);
    return [];
  });
}

function warning(rule: Rule, message: string): RuleWarning {
  return { ...placeOfCondition(rule), message, idle: false };
}
