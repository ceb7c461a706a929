/** A rule file with another text, checked as the running agent would check it, in slices between which the agent is at work. */
import { inSlices, type SliceLimits } from "../../core/time/steps.ts";
import type { HttpReply } from "../../http/route.ts";
import { checkEdit, type EditCheck } from "../../rules/files/check-edit.ts";
import type { EditedFolder } from "../../rules/files/load.ts";
import { jsonReply } from "../json-reply.ts";
import type { RuleCheckRefusal, RuleEdit, RuleEditCheck, WireRuleTests } from "../rules-wire.ts";
import { type EditorParts, wireProblem } from "./parts.ts";

/** A person waits for it, and it takes some milliseconds: it only lets the agent have its turns. */
const LIMITS: SliceLimits = { sliceMs: 8, share: 0.5 };

export function checkInSlices(
  { profiles }: EditorParts,
  folder: EditedFolder,
  { name, text }: RuleEdit,
  stop: AbortSignal,
): Promise<EditCheck> {
  const { dir, shownAs } = folder;
  return inSlices(checkEdit({ dir, shownAs, edit: { name, text }, profiles: profiles() }), LIMITS, stop);
}

/** 422: nothing was done. */
export function checkFailed(check: EditCheck, folder: EditedFolder, what: string): HttpReply {
  const refusal: RuleCheckRefusal = {
    message: `${what}: the check of its text failed`,
    try: null,
    ...wireCheck(check, folder),
  };
  return jsonReply(refusal, 422);
}

export function wireCheck({ outcome, problems, warnings, rules, set }: EditCheck, folder: EditedFolder): RuleEditCheck {
  return {
    outcome,
    problems: problems.map((problem) => wireProblem(problem, folder)),
    warnings: warnings.map((problem) => wireProblem(problem, folder)),
    tests: rules.map(({ rule, tests }): WireRuleTests => {
      return {
        rule: rule.name,
        cases: tests.map(({ test, problem }) => {
          const { line, column } = problem ?? rule.places.of(test.path);
          return { line, column, readings: test.sequence.count, problem: problem?.message ?? null };
        }),
      };
    }),
    version: set?.version ?? null,
    rules: set?.count ?? null,
  };
}
