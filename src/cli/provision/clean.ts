/** `agent provision clean`: empties the buckets of the stages and the checkpoints, and keeps the set-up. */
import { AgentError } from "../../core/errors.ts";
import { makePlan, planProblems } from "../../provision/plan.ts";
import { type Ask, agreed, askOnTerminal, typed } from "../frame/ask.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import { STAGE_FLAG } from "../lake/stage.ts";
import { SIDE_FLAGS, withSides, YES_FLAG } from "./sides.ts";
import { problemLines } from "./text.ts";

const ARGS = {
  ...SIDE_FLAGS,
  stage: STAGE_FLAG,
  ...YES_FLAG,
  json: { type: "boolean", description: "One JSON value: {ok, cleaned: [side], problems}." },
} as const satisfies Args;

export const command = defineCommand({
  name: "clean",
  summary: "Empty the stage buckets and the checkpoints, versions included; keeps the set-up and metadata; asks first.",
  args: ARGS,
  examples: ["agent provision clean --stage raw", "agent provision clean --yes"],
  run: (flags, context) => clean(flags, context, askOnTerminal),
});

export async function clean(flags: Flags<typeof ARGS>, context: Context, askPerson: Ask): Promise<ExitCode> {
  const { say, stop } = context;
  const stage = flags.stage ?? null;
  return await withSides(flags, context, async (sides, world) => {
    const plan = await makePlan(sides, { adopt: false }, world);
    world.end();
    // Buckets of other owners are not emptied, and neither are those that cannot be read.
    const problems = planProblems(plan);
    if (problems.length > 0) {
      for (const line of problems.flatMap(problemLines)) say(line);
      throw new AgentError("Cannot clean: nothing was touched, because of the above");
    }
    const what = stage === null ? "all five stages and all checkpoints" : `stage ${stage} and its checkpoints`;
    say(`Every object of ${what} will be deleted, with all its versions. This cannot be undone.`);
    const consent = { ...typed("clean"), what: "clean", tryHint: `${context.typed} --yes` };
    if (!(await agreed(flags, stop, askPerson, consent))) {
      say("Nothing was touched.");
      return 1;
    }
    for (const side of sides) await side.clean?.(stage, { ...world, facts: plan.facts });
    world.end();
    say("Clean. What a buffer has delivered is not sent again.");
    const cleaned = sides.map(({ side }) => side);
    if (flags.json) await context.write(`${JSON.stringify({ ok: true, cleaned, problems }, null, 2)}\n`);
    return 0;
  });
}
