/** `agent provision run`: uploads the notebook, runs its job and follows it to its end. */
import { applyPlan } from "../provision/apply.ts";
import type { NotebookSource } from "../provision/databricks-notebook.ts";
import { makePlan, planProblems, planSteps } from "../provision/plan.ts";
import type { Command, Context, ExitCode, Flags } from "./command.ts";
import { databricksOptions, type ProvisionWorld, tellingOutcomes, worldOf } from "./provision-sides.ts";
import { problemLines } from "./provision-text.ts";

export const command: Command = {
  name: "run",
  summary: "Upload the notebook to Databricks, run it as a job, and follow it to its end.",
  args: { json: { type: "boolean", description: "One JSON value: {ok, run_id, code, message, page, result}." } },
  examples: ["agent provision run", "agent provision run --json"],
  run: async (flags, context) => {
    const { shippedNotebook } = await import("../provision/shipped-notebook.ts");
    return runNotebook(flags, context, shippedNotebook());
  },
};

export async function runNotebook(flags: Flags, context: Context, notebook: NotebookSource): Promise<ExitCode> {
  const world = worldOf(context);
  try {
    const end = await uploadAndRun(notebook, context, world);
    world.end();
    if (end === null) return 1;
    const { runId, ok, code, message, page, result } = end;
    const told = { ok, run_id: runId, code, message, page, result };
    if (flags["json"] === true) await context.write(`${JSON.stringify(told, null, 2)}\n`);
    context.say(ok ? `Run ${runId} is done: ${page}` : `Run ${runId} failed (${code}): ${message}\n${page}`);
    if (result !== null && flags["json"] !== true) await context.write(`${result}\n`);
    return ok ? 0 : 1;
  } finally {
    world.end();
  }
}

/** The notebook and the job are brought up to date first: it is not the notebook of another version that runs. */
async function uploadAndRun(notebook: NotebookSource, context: Context, world: ProvisionWorld) {
  const { openRunner } = await import("../provision/databricks-side.ts");
  const { side, run } = openRunner({ ...databricksOptions(context), notebook });
  const plan = await makePlan([side], { adopt: false }, world);
  const problems = planProblems(plan);
  for (const line of problems.flatMap(problemLines)) context.say(line);
  if (problems.length > 0) return null;
  if (planSteps(plan).some(({ action }) => action !== "none")) {
    const outcomes = await applyPlan(plan, world, tellingOutcomes(world, context.say));
    if (outcomes.some(({ result }) => result !== "done")) return null;
  }
  return run(`agent-${crypto.randomUUID()}`, { ...world, facts: plan.facts });
}
