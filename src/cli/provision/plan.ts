/** `agent provision plan`: what would change, and why. Nothing is touched. */
import { makePlan, planProblems, planRemarks, planSteps } from "../../provision/plan.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import { ADOPT_FLAG, SIDE_FLAGS, WISH_FLAGS, withSides } from "./sides.ts";
import { planText, problemLines } from "./text.ts";

const ARGS = {
  ...SIDE_FLAGS,
  ...WISH_FLAGS,
  ...ADOPT_FLAG,
  json: { type: "boolean", description: "One JSON value: {steps, remarks, problems}." },
} as const satisfies Args;

export const command = defineCommand({
  name: "plan",
  summary: "What would change in the clouds, and why; nothing is touched.",
  args: ARGS,
  examples: ["agent provision plan --only aws", "agent provision plan --json"],
  run: plan,
});

async function plan(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  return await withSides(flags, context, async (sides, world) => {
    const made = await makePlan(sides, { adopt: flags.adopt }, world);
    world.end();
    const [steps, remarks, problems] = [planSteps(made), planRemarks(made), planProblems(made)];
    if (flags.json) await context.write(`${JSON.stringify({ steps, remarks, problems }, null, 2)}\n`);
    else await context.write(planText(steps, { remarks, refused: problems.length }));
    for (const line of problems.flatMap(problemLines)) context.say(line);
    return problems.length === 0 ? 0 : 1;
  });
}
