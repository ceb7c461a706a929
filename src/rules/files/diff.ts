/** The difference of two rule sets, by the names of their rules. */
import { canonicalRules } from "./canonical.ts";

export type RuleDiff = {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
};

/** `from` and `to`: sets as their canonical JSON. */
export function diffRules(from: string | null, to: string): RuleDiff {
  const before = rulesByName(from ?? "[]");
  const after = rulesByName(to);
  return {
    added: [...after.keys()].filter((name) => !before.has(name)),
    removed: [...before.keys()].filter((name) => !after.has(name)),
    changed: [...after].filter(([name, text]) => before.has(name) && before.get(name) !== text).map(([name]) => name),
  };
}

export function isSame({ added, removed, changed }: RuleDiff): boolean {
  return added.length + removed.length + changed.length === 0;
}

/** As a part of a sentence: `added a; removed b, c; changed d`. */
export function diffText(diff: RuleDiff): string {
  const parts = (["added", "removed", "changed"] as const).filter((what) => diff[what].length > 0);
  return parts.map((what) => `${what} ${listed(diff[what])}`).join("; ") || "the same rules";
}

const NAMES_SHOWN = 10;

function listed(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return names.slice(0, NAMES_SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function rulesByName(canonical: string): Map<string, string> {
  return new Map(canonicalRules(canonical).map((rule) => [rule.name, JSON.stringify(rule)]));
}
