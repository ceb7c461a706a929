/** `agent provision clean`: empties the buckets of the stages and the checkpoints, and keeps the set-up. */
import { AgentError, UsageError } from "../../core/errors.ts";
import { counted, grouped } from "../../core/readable-numbers.ts";
import type { Stage } from "../../core/stage.ts";
import { makePlan, planProblems } from "../../provision/plan.ts";
import type { Cleaned, CleanPlace } from "../../provision/resource.ts";
import { type Ask, agreed, askOnTerminal, typed } from "../frame/ask.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import { STAGE_FLAG } from "../lake/stage.ts";
import { FOREIGN_OBJECTS_FLAG, SIDE_FLAGS, withSides, YES_FLAG } from "./sides.ts";
import { problemLines } from "./text.ts";

const ARGS = {
  ...SIDE_FLAGS,
  stage: STAGE_FLAG,
  ...FOREIGN_OBJECTS_FLAG,
  ...YES_FLAG,
  json: { type: "boolean", description: "One JSON value: {ok, cleaned: [{bucket, deleted, kept}], problems}." },
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
  if (flags.only === "databricks") throw nothingToClean(stage);
  // Only buckets are emptied, and these are in AWS: nothing is asked of a workspace.
  return await withSides({ only: "aws" }, context, async ([side], world) => {
    if (side?.cleanable === undefined || side.clean === undefined) throw nothingToClean(stage);
    const plan = await makePlan([side], { adopt: false }, world);
    // Buckets of other owners are not emptied, and neither are those that cannot be read.
    const problems = planProblems(plan);
    if (problems.length > 0) {
      for (const line of problems.flatMap(problemLines)) say(line);
      throw new AgentError("Cannot clean: nothing was touched, because of the above");
    }
    const doing = { ...world, facts: plan.facts };
    const places = await side.cleanable(stage, doing);
    world.end();
    for (const line of places.map((place) => placeLine(place, flags.foreignObjects))) say(line);
    const what = stage === null ? "all five stages and all checkpoints" : `stage ${stage} and its checkpoints`;
    say(`These objects of ${what} will be deleted, with all their versions. This cannot be undone.`);
    const consent = { ...typed("clean"), what: "clean", tryHint: `${context.typed} --yes` };
    if (!(await agreed(flags, stop, askPerson, consent))) {
      say("Nothing was touched.");
      return 1;
    }
    const cleaned = await side.clean(places, doing, { foreign: flags.foreignObjects });
    world.end();
    say(`Clean: ${doneText(cleaned)}. What a buffer has delivered is not sent again.`);
    if (flags.json) await context.write(`${JSON.stringify({ ok: true, cleaned, problems }, null, 2)}\n`);
    return 0;
  });
}

function nothingToClean(stage: Stage | null): UsageError {
  return new UsageError("Cannot clean databricks: clean empties buckets, which are in AWS; tables keep their rows", {
    advice: "TRUNCATE TABLE deletes the rows of a table",
    tryHint: `agent provision clean --only aws${stage === null ? "" : ` --stage ${stage}`}`,
  });
}

function placeLine({ bucket, prefix, isThere, objects, foreign }: CleanPlace, goesToo: boolean): string {
  const place = `- bucket ${bucket}${prefix === "" ? "" : `, below ${prefix}`}`;
  if (!isThere) return `${place}: it does not exist`;
  if (foreign.count === 0) return `${place}: ${counted(objects, "object")}`;
  const fate = goesToo ? "deleted too" : "which stay; --foreign-objects deletes them too";
  return `${place}: ${counted(objects - foreign.count, "object")}, and ${foreign.text}: ${fate}`;
}

function doneText(cleaned: readonly Cleaned[]): string {
  const sum = (of: (one: Cleaned) => number) => cleaned.reduce((total, one) => total + of(one), 0);
  const gone = sum((one) => one.deleted);
  const what = gone === 1 ? "1 object or version" : `${grouped(gone)} objects and versions`;
  const deleted = `${what} deleted from ${counted(cleaned.length, "bucket")}`;
  const kept = sum((one) => one.kept);
  return kept === 0 ? deleted : `${deleted}, ${counted(kept, "object")} of others left`;
}
