/** `agent provision run`: uploads notebook, queries and dashboard, runs the job, follows it to its end, and says what is in the tables. */

import { grouped } from "../../core/readable-numbers.ts";
import type { LoadReport } from "../../databricks/shapes/load-report.ts";
import { QUARANTINE_TABLE } from "../../lakehouse/names.ts";
import { applyPlan } from "../../provision/apply.ts";
import type { NotebookSource } from "../../provision/load/notebook.ts";
import type { RunEnd } from "../../provision/load/run.ts";
import type { Questions } from "../../provision/load/shipped-questions.ts";
import { makePlan, planProblems, planSteps } from "../../provision/plan.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import { textTable } from "../frame/table.ts";
import { databricksOptions, type ProvisionWorld, tellingOutcomes, withWayOut, worldOf } from "./sides.ts";
import { problemLines } from "./text.ts";

const ARGS = {
  json: {
    type: "boolean",
    description: "One JSON value: {ok, run_id, code, message, page, result, tables, dashboard}.",
  },
} as const satisfies Args;

export const command = defineCommand({
  name: "run",
  summary: "Upload notebook, queries and dashboard to Databricks, run the job, and follow it to its end.",
  args: ARGS,
  examples: ["agent provision run", "agent provision run --json"],
  run: async (flags, context) => {
    const [{ shippedNotebook }, { shippedQuestions }] = await Promise.all([
      import("../../provision/load/shipped-notebook.ts"),
      import("../../provision/load/shipped-questions.ts"),
    ]);
    return runNotebook(flags, context, { notebook: shippedNotebook(), questions: shippedQuestions() });
  },
});

type Shipped = { readonly notebook: NotebookSource; readonly questions: Questions };
type FinishedRun = { readonly end: RunEnd; readonly dashboard: string | null };

export async function runNotebook(flags: Flags<typeof ARGS>, context: Context, shipped: Shipped): Promise<ExitCode> {
  const world = worldOf(context);
  try {
    const done = await withWayOut(context, () => uploadAndRun(shipped, context, world));
    world.end();
    if (done === null) return 1;
    await tell(flags.json, context, done);
    return done.end.ok ? 0 : 1;
  } finally {
    world.end();
  }
}

async function tell(isJson: boolean, context: Context, { end, dashboard }: FinishedRun): Promise<void> {
  const { runId, ok, code, message, page, result } = end;
  const { readLoadReport } = await import("../../provision/load/load-report.ts");
  const tables = readLoadReport(result);
  if (isJson) {
    const told = { ok, run_id: runId, code, message, page, result, tables, dashboard };
    await context.write(`${JSON.stringify(told, null, 2)}\n`);
  } else if (tables !== null) {
    const rows = tables.map((one) => [one.stage, one.table, grouped(one.rows), grouped(one.quarantined.length)]);
    await context.write(
      textTable({
        head: ["stage", "table", "rows", "objects left out"],
        rows,
        right: [2, 3],
        columns: context.columns,
      }),
    );
  } else if (result !== null) {
    await context.write(`${result}\n`);
  }
  context.say(ok ? `Run ${runId} is done: ${page}` : `Run ${runId} failed (${code}): ${message}\n${page}`);
  for (const line of leftOutLines(tables ?? [])) context.say(line);
  if (dashboard !== null) context.say(`Dashboard: ${dashboard}`);
}

/** Their rows are missing until a person looks: by name, of each stage the first. */
function leftOutLines(tables: readonly LoadReport[]): string[] {
  const left = tables.filter(({ quarantined }) => quarantined.length > 0);
  const [first] = left;
  if (first === undefined) return [];
  const table = first.table.replace(/[^.]+$/, QUARANTINE_TABLE);
  const names = left.map(({ quarantined: [object], quarantined }) => {
    return `${object}${quarantined.length > 1 ? ` and ${grouped(quarantined.length - 1)} more` : ""}`;
  });
  return [
    `Objects that cannot be unpacked were left out: ${names.join(", ")}`,
    `Try: agent query "SELECT * FROM ${table}"`,
  ];
}

/**
 * All of it is brought up to date first: it is not the notebook of another version that runs. What would undo a person's
 * work is left: no one has agreed to that here.
 */
async function uploadAndRun(shipped: Shipped, context: Context, world: ProvisionWorld): Promise<FinishedRun | null> {
  const { openRunner } = await import("../../provision/lake/side.ts");
  const { side, run, dashboard } = openRunner({ ...databricksOptions(context), ...shipped });
  const { parts, facts } = await makePlan([side], { adopt: false }, world);
  const edited = parts.filter(({ changes }) => changes.some(({ undoes }) => undoes === true));
  for (const { resource } of edited) {
    context.say(`${resource.id} was edited by hand, and is left as it is. Try: agent provision plan`);
  }
  const plan = { parts: parts.filter((part) => !edited.includes(part)), facts };
  const problems = planProblems(plan);
  for (const line of problems.flatMap(problemLines)) context.say(line);
  if (problems.length > 0) return null;
  if (planSteps(plan).some(({ action }) => action !== "none")) {
    const outcomes = await applyPlan(plan, world, tellingOutcomes(world, context.say));
    if (outcomes.some(({ result }) => result !== "done")) return null;
  }
  const doing = { ...world, facts };
  let under = "";
  try {
    const end = await run(`agent-${crypto.randomUUID()}`, doing, ({ runId, page }) => {
      under = `Run ${runId} continues in the workspace: ${page}`;
      world.end();
      context.say(`Run ${runId} is under way: ${page}`);
    });
    return { end, dashboard: await dashboard(doing) };
  } catch (error) {
    if (!context.stop.aborted || under === "") throw error;
    world.end();
    context.say(under);
    return null;
  }
}
