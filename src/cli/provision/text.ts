/** A plan and its outcomes as text for people. */
import type { Outcome } from "../../provision/apply.ts";
import type { Problem, Step } from "../../provision/plan.ts";
import type { Action } from "../../provision/resource.ts";

const SIGN: Record<Action, string> = { none: " ", create: "+", update: "~", delete: "-", replace: "±" };

/** Every step that would be done, and in one line how many things are as they should be. */
export function planText(steps: readonly Step[]): string {
  const lines = steps
    .filter(({ action }) => action !== "none")
    .map(({ action, resource, because }) => `${SIGN[action]} ${action} ${resource}: ${because}\n`);
  return `${lines.join("")}${summaryLine(steps)}\n`;
}

export function summaryLine(steps: readonly Step[]): string {
  const count = (action: Action) => steps.filter((step) => step.action === action).length;
  const doing = (["create", "update", "replace", "delete"] as const)
    .filter((action) => count(action) > 0)
    .map((action) => `${count(action)} to ${action}`);
  const fine = `${count("none")} as they should be`;
  return doing.length === 0 ? `Nothing to do: ${fine}.` : `${doing.join(", ")}, ${fine}.`;
}

export function problemLines({ message, advice, try: hint }: Problem): string[] {
  return [message, ...(advice === null ? [] : [advice]), ...(hint === null ? [] : [`Try: ${hint}`])];
}

/** A line when a step is over; what failed says why, and the way out. */
export function outcomeLines({ step, result, problem, tookMs }: Outcome): string[] {
  const took = tookMs >= 1_000 ? ` (${(tookMs / 1_000).toFixed(1)} s)` : "";
  // That it did not exist, and that we made it, was said by the plan.
  const because = step.action === "create" || step.action === "delete" ? "" : `: ${step.because}`;
  const line = `${result} ${step.action} ${step.resource}${because}${took}`;
  if (result === "done" || problem === null) return [line];
  return result === "skipped" ? [`skipped ${step.action} ${problem.message}`] : [line, ...problemLines(problem)];
}

/** What `--json` says of an outcome, beside the step's own fields. */
export function outcomeJson({ step, result, problem }: Outcome) {
  return { ...step, result, problem };
}
