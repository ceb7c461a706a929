/** `agent provision destroy`: deletes what provision made, backwards, with all data in it. Refuses everything else. */
import { planProblems } from "../../provision/plan.ts";
import { applyRemoval, planRemoval, removalSteps } from "../../provision/removal.ts";
import { type Ask, agreed, askOnTerminal, typed } from "../frame/ask.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import { SIDE_FLAGS, tellingOutcomes, withSides, YES_FLAG } from "./sides.ts";
import { outcomeJson, planText, problemLines } from "./text.ts";

const ARGS = {
  ...SIDE_FLAGS,
  ...YES_FLAG,
  json: { type: "boolean", description: "One JSON value: {ok, steps, problems}, each step with its result." },
} as const satisfies Args;

export const command = defineCommand({
  name: "destroy",
  summary: "Delete everything that provision made, with all data in it; asks first.",
  args: ARGS,
  examples: ["agent provision destroy --only aws", "agent provision destroy --yes"],
  run: (flags, context) => destroy(flags, context, askOnTerminal),
});

export async function destroy(flags: Flags<typeof ARGS>, context: Context, askPerson: Ask): Promise<ExitCode> {
  const { say, stop } = context;
  return await withSides(flags, context, async (sides, world) => {
    const plan = await planRemoval(sides, world);
    world.end();
    const [steps, problems] = [removalSteps(plan), planProblems(plan)];
    const tell = async (ok: boolean, told: readonly unknown[]) => {
      if (flags.json) await context.write(`${JSON.stringify({ ok, steps: told, problems }, null, 2)}\n`);
      for (const line of problems.flatMap(problemLines)) say(line);
      return ok ? 0 : 1;
    };
    if (steps.length === 0) {
      say("There is nothing to delete.");
      return await tell(problems.length === 0, []);
    }
    for (const line of planText(steps).trimEnd().split("\n").slice(0, -1)) say(line);
    say(`${steps.length} to delete, with all data in them. This cannot be undone.`);
    const consent = {
      ...typed("destroy"),
      what: "destroy the set-up",
      tryHint: `${context.typed} --yes`,
    };
    if (!(await agreed(flags, stop, askPerson, consent))) {
      say("Nothing was touched.");
      return 1;
    }
    const outcomes = await applyRemoval(plan, world, tellingOutcomes(world, say));
    world.end();
    const done = outcomes.filter(({ result }) => result === "done").length;
    const ok = done === outcomes.length && problems.length === 0;
    say(`${done} of ${outcomes.length} are gone${ok ? "." : "; the same command continues from here."}`);
    return await tell(ok, outcomes.map(outcomeJson));
  });
}
