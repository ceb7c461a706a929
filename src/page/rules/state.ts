/** What the agent says of its rules, shared by the parts of the view. */
import type { WireRule, WireRules } from "../../dashboard/rules-wire.ts";
import { changed } from "../shell/live.ts";
import type { Tone } from "../shell/parts.tsx";
import { type RouteState, useRoute } from "../shell/use-route.ts";

/** A list of hundreds of rules is asked for less often: what changed is said by the live connection. */
const EVERY_MS = { few: 2_000, many: 10_000 };
const FEW_RULES = 200;

export function useRules(): RouteState<WireRules> {
  const seen = changed.value?.rules ?? null;
  return useRoute<WireRules>("/api/rules", {}, everyMs, seen);
}

let everyMs = EVERY_MS.few;
export function noteSize({ rules }: WireRules): void {
  everyMs = rules.length > FEW_RULES ? EVERY_MS.many : EVERY_MS.few;
}

export type RuleCondition = { readonly tone: Tone; readonly word: string; readonly why: string };

/** How a rule in force is, in one word. */
export function conditionOf(rule: WireRule, { unmatched, warnings }: WireRules): RuleCondition {
  if (rule.errors > 0) {
    return { tone: "critical", word: "errors", why: "Its expression could not be evaluated for some readings" };
  }
  if (unmatched.includes(rule.name)) {
    return { tone: "warning", word: "no sensor", why: "It applies to none of the sensors seen so far" };
  }
  if (warnings.some(({ message }) => message.includes(`"${rule.name}"`))) {
    return { tone: "warning", word: "doubtful", why: "There is a warning about it" };
  }
  if (rule.readings === 0) return { tone: "quiet", word: "waiting", why: "No reading has come for it yet" };
  return { tone: "ok", word: "in force", why: "It judges readings" };
}

export const SEVERITY_TONES: Readonly<Record<WireRule["severity"], Tone>> = {
  info: "info",
  warning: "warning",
  critical: "critical",
};
