/** `agent provision destroy`: deletes what provision made, backwards, with all data in it. Refuses everything else. */
import { AgentError } from "../../core/errors.ts";
import { FactBook } from "../../provision/facts.ts";
import { planProblems, planRemarks } from "../../provision/plan.ts";
import { applyRemoval, planRemoval, removalSteps } from "../../provision/removal.ts";
import type { Goes, ProvisionSide, Spared } from "../../provision/resource.ts";
import { type Ask, agreed, askOnTerminal, typed } from "../frame/ask.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import {
  FOREIGN_OBJECTS_FLAG,
  hasDatabricks,
  type ProvisionWorld,
  SIDE_FLAGS,
  tellingOutcomes,
  withSides,
  YES_FLAG,
} from "./sides.ts";
import { outcomeJson, planText, problemLines, remarkLines } from "./text.ts";

const ARGS = {
  ...SIDE_FLAGS,
  adopted: { type: "boolean", description: "Delete also what was taken over with --adopt." },
  ...FOREIGN_OBJECTS_FLAG,
  force: { type: "boolean", description: "Delete the AWS half alone, although a catalog of Databricks rests on it." },
  ...YES_FLAG,
  json: { type: "boolean", description: "One JSON value: {ok, steps, remarks, problems}, each step with its result." },
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
    await refuseUnderCatalog(flags, context, sides, world);
    const goes = alsoGoes(flags);
    const plan = await planRemoval(sides, world, goes);
    world.end();
    const [steps, remarks, problems] = [removalSteps(plan), planRemarks(plan), planProblems(plan)];
    let isSaid = false;
    const sayProblems = () => {
      if (!isSaid) for (const line of problems.flatMap(problemLines)) say(line);
      isSaid = true;
    };
    const tell = async (ok: boolean, told: readonly unknown[]) => {
      if (flags.json) await context.write(`${JSON.stringify({ ok, steps: told, remarks, problems }, null, 2)}\n`);
      sayProblems();
      return ok ? 0 : 1;
    };
    if (steps.length === 0) {
      say("There is nothing to delete.");
      return await tell(problems.length === 0, []);
    }
    for (const line of planText(steps).trimEnd().split("\n").slice(0, -1)) say(line);
    for (const line of remarks.flatMap(remarkLines)) say(line);
    // What stays and why is said before anything is deleted.
    sayProblems();
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
    const outcomes = await applyRemoval(plan, world, tellingOutcomes(world, say), goes);
    world.end();
    const done = outcomes.filter(({ result }) => result === "done").length;
    const ok = done === outcomes.length && problems.length === 0;
    say(`${done} of ${outcomes.length} are gone${ok ? "." : "; the same command continues from here."}`);
    return await tell(ok, outcomes.map(outcomeJson));
  });
}

function alsoGoes({ adopted, foreignObjects }: Flags<typeof ARGS>): Goes {
  return new Set<Spared["kind"]>([
    ...(adopted ? (["adopted"] as const) : []),
    ...(foreignObjects ? (["foreign-objects"] as const) : []),
  ]);
}

/** Role and buckets go last of all. Alone they would be taken from under a catalog, whose tables would be lost. */
async function refuseUnderCatalog(
  flags: Flags<typeof ARGS>,
  context: Context,
  sides: readonly ProvisionSide[],
  world: ProvisionWorld,
): Promise<void> {
  if (flags.force || sides.some(({ side }) => side === "databricks")) return;
  const resting = hasDatabricks(context)
    ? await withSides({ only: "databricks" }, context, restingOn(world))
    : await restingOn(world)(sides);
  if (resting.length === 0) return;
  const named = resting.slice(0, NAMED).join(", ");
  const more = resting.length > NAMED ? ` and ${resting.length - NAMED} more` : "";
  const isSeen = hasDatabricks(context);
  throw new AgentError(
    isSeen
      ? `Cannot destroy the AWS half alone: ${named}${more} would be without role and buckets`
      : `Cannot destroy the AWS half alone: ${named} is let in, and without DATABRICKS_HOST no one can look what rests on it`,
    {
      advice: isSeen
        ? "destroy without --only deletes both halves in the right order; --force deletes the AWS half alone, with the data of all tables"
        : "Set DATABRICKS_HOST, so that both halves go in the right order; or use --force, if nothing in Databricks needs it",
      tryHint: isSeen ? "agent provision destroy" : "export DATABRICKS_HOST=https://example.cloud.databricks.com",
    },
  );
}

const NAMED = 5;

/** Looks with the first side that can. */
function restingOn(world: ProvisionWorld) {
  return async ([side]: readonly ProvisionSide[]): Promise<readonly string[]> => {
    const doing = { ...world, facts: new FactBook() };
    doing.facts.learn((await side?.check(doing)) ?? {});
    return (await side?.restsOnAws?.(doing)) ?? [];
  };
}
