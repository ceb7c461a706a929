/** `agent provision apply`: shows the plan, asks, and does it, step by step. Twice: nothing to do. Killed: run it again. */
import { counted } from "../../core/readable-numbers.ts";
import { applyPlan, confirmPlan } from "../../provision/apply.ts";
import { makePlan, type Plan, type Problem, planProblems, planRemarks, planSteps } from "../../provision/plan.ts";
import { type Ask, agreed, askOnTerminal, typed } from "../frame/ask.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import {
  ADOPT_FLAG,
  FORCE_FLAG,
  type ProvisionWorld,
  SIDE_FLAGS,
  tellingOutcomes,
  WISH_FLAGS,
  withSides,
  YES_FLAG,
} from "./sides.ts";
import { outcomeJson, planText, problemLines, remarkLines, summaryLine } from "./text.ts";

const ARGS = {
  ...SIDE_FLAGS,
  ...WISH_FLAGS,
  ...ADOPT_FLAG,
  ...FORCE_FLAG,
  ...YES_FLAG,
  json: { type: "boolean", description: "One JSON value: {ok, steps, remarks, problems}, each step with its result." },
} as const satisfies Args;

export const command = defineCommand({
  name: "apply",
  summary: "Do what the plan says, step by step; shows it and asks first.",
  args: ARGS,
  examples: ["agent provision apply --only aws", "agent provision apply --yes --json"],
  run: (flags, context) => apply(flags, context, askOnTerminal),
});

export async function apply(flags: Flags<typeof ARGS>, context: Context, askPerson: Ask): Promise<ExitCode> {
  const { say, stop } = context;
  return await withSides(flags, context, async (sides, world) => {
    const plan = await makePlan(sides, { adopt: flags.adopt }, world);
    world.end();
    const [steps, remarks, problems] = [planSteps(plan), planRemarks(plan), planProblems(plan)];
    const beside = { remarks, refused: problems.length };
    const todo = steps.filter(({ action }) => action !== "none").length;
    const isForeign = plan.parts.some(({ problem, isForeign: foreign }) => problem !== null && foreign);
    const tell = async (ok: boolean, told: readonly unknown[], more: readonly Problem[] = []) => {
      const all = [...problems, ...more];
      if (flags.json) {
        await context.write(`${JSON.stringify({ ok, steps: told, remarks, problems: all }, null, 2)}\n`);
      }
      for (const line of all.flatMap(problemLines)) say(line);
      return ok ? 0 : 1;
    };
    if (todo > 0) for (const line of planText(steps, beside).trimEnd().split("\n")) say(line);
    // Half a set-up around another owner's bucket helps no one: a person decides first.
    if (isForeign) return await tell(false, steps);
    if (todo === 0) {
      for (const line of remarks.filter(({ level }) => level === "warning").flatMap(remarkLines)) say(line);
      say(summaryLine(steps, beside));
      return await tell(problems.length === 0, steps);
    }
    const consent = {
      ...typed("apply"),
      what: "apply the plan",
      tryHint: `${context.typed} --yes`,
    };
    if (!(await agreed(flags, stop, askPerson, consent))) {
      say("Nothing was touched.");
      return 1;
    }
    return await carryOut(plan, context, world, tell);
  });
}

async function carryOut(
  plan: Plan,
  { say }: Context,
  world: ProvisionWorld,
  tell: (ok: boolean, told: readonly unknown[], more: readonly Problem[]) => Promise<ExitCode>,
): Promise<ExitCode> {
  const outcomes = await applyPlan(plan, world, tellingOutcomes(world, say));
  const done = outcomes.filter(({ result }) => result === "done").length;
  const isDone = done === outcomes.length;
  // "Done" is said of what is there now, not of what the calls answered some time ago.
  const changed = isDone ? await confirmPlan(plan, world) : [];
  world.end();
  const ok = isDone && changed.length === 0 && planProblems(plan).length === 0;
  say(
    ok
      ? `Done: ${counted(done, "step")}.`
      : `${done} of ${counted(outcomes.length, "step")} ${outcomes.length === 1 ? "is" : "are"} done; the same command continues from here.`,
  );
  return await tell(ok, outcomes.map(outcomeJson), changed);
}
