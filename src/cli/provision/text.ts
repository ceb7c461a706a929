/** A plan and its outcomes as text for people. */
import type { Outcome } from "../../provision/apply.ts";
import type { Problem, Step } from "../../provision/plan.ts";
import type { Action, Remark } from "../../provision/resource.ts";

const SIGN: Record<Action, string> = { none: " ", create: "+", update: "~", delete: "-", replace: "±" };

/** What a plan has beside its steps. `refused`: things with a problem, which is said after it. */
export type Beside = { readonly remarks?: readonly Remark[]; readonly refused?: number };

/** Every step that would be done, what else a person should know, and in one line how many things are as they should be. */
export function planText(steps: readonly Step[], beside: Beside = {}): string {
  const lines = steps
    .filter(({ action }) => action !== "none")
    .map(({ action, resource, because }) => `${SIGN[action]} ${action} ${resource}: ${because}\n`);
  const said = (beside.remarks ?? []).flatMap(remarkLines).map((line) => `${line}\n`);
  return `${lines.join("")}${said.join("")}${summaryLine(steps, beside)}\n`;
}

/** `! warning user x: …` is what a person should look at; a note is only what is there. */
export function remarkLines({ resource, level, message, advice, try: hint }: Remark): string[] {
  const head = `${level === "warning" ? "! warning" : "  note"} ${resource}: ${message}`;
  return [head, ...(advice === null ? [] : [advice]), ...(hint === null ? [] : [`Try: ${hint}`])];
}

export function summaryLine(steps: readonly Step[], { remarks = [], refused = 0 }: Beside = {}): string {
  const count = (action: Action) => steps.filter((step) => step.action === action).length;
  const doing = (["create", "update", "replace", "delete"] as const)
    .filter((action) => count(action) > 0)
    .map((action) => `${count(action)} to ${action}`);
  const warned = new Set(remarks.filter(({ level }) => level === "warning").map(({ resource }) => resource));
  const fine = steps.filter(({ action, resource }) => action === "none" && !warned.has(resource)).length;
  const said = [...doing, `${fine} as they should be`];
  if (warned.size > 0) said.push(`${warned.size} with a warning`);
  if (refused > 0) said.push(`${refused} with a problem`);
  return `${doing.length + refused === 0 ? "Nothing to do: " : ""}${said.join(", ")}.`;
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
