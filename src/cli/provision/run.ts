/** `agent provision run`: uploads notebook, queries and dashboard, runs the job, follows it to its end, and says what is in the tables. */

import { oneLine } from "../../core/log/log.ts";
import { grouped } from "../../core/readable-numbers.ts";
import type { Stage } from "../../core/stage.ts";
import type { LoadReport } from "../../databricks/shapes/load-report.ts";
import { QUARANTINE_TABLE } from "../../lakehouse/names.ts";
import { applyPlan } from "../../provision/apply.ts";
import type { NotebookSource } from "../../provision/load/notebook.ts";
import type { RunEnd, RunStart } from "../../provision/load/run.ts";
import type { Questions } from "../../provision/load/shipped-questions.ts";
import { makePlan, planProblems, planSteps } from "../../provision/plan.ts";
import { foreignText } from "../foreign-text.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import { textTable } from "../frame/table.ts";
import { stagesNamed } from "../lake/stage.ts";
import { databricksOptions, type ProvisionWorld, tellingOutcomes, withWayOut, worldOf } from "./sides.ts";
import { problemLines } from "./text.ts";

const ARGS = {
  rebuild: {
    type: "string",
    description:
      "Stages or tables, separated by commas: their rows of objects that are in the bucket are deleted, and all objects there are read " +
      "again. Rows of objects that are gone stay. For a table that the load refuses because its checkpoint is gone.",
    valueHint: "STAGE",
  },
  json: {
    type: "boolean",
    description: "One JSON value: {ok, run_id, code, message, page, result, tables, dashboard}.",
  },
} as const satisfies Args;

export const command = defineCommand({
  name: "run",
  summary: "Upload notebook, queries and dashboard to Databricks, run the job, and follow it to its end.",
  args: ARGS,
  examples: ["agent provision run", "agent provision run --json", "agent provision run --rebuild raw"],
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
  const rebuild = stagesNamed(flags.rebuild ?? "", "agent provision run --rebuild raw");
  const world = worldOf(context);
  try {
    const done = await withWayOut(context, () => uploadAndRun(shipped, rebuild, context, world));
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
  for (const line of foreignLines(tables ?? [])) context.say(oneLine(line));
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

/** Whose they are is for a person to say; they cost nothing but a look at their names. */
function foreignLines(tables: readonly LoadReport[]): string[] {
  const counted = tables.filter(({ foreign }) => typeof foreign === "number" && foreign > 0);
  const uncounted = tables.filter(({ foreign }) => typeof foreign !== "number").map(({ stage }) => stage);
  return [
    ...counted.map(({ stage, foreign, foreign_named: names = [] }) => {
      return `${stage}: ${foreignText(foreign ?? 0, names)} in its bucket are not the agent's, and were not read`;
    }),
    ...(uncounted.length === 0
      ? []
      : [
          `Objects that are not the agent's were not read, and could not be counted: ${uncounted.join(", ")}`,
          "Try: agent verify --databricks",
        ]),
  ];
}

/**
 * All of it is brought up to date first: it is not the notebook of another version that runs. What would undo a person's
 * work is left: no one has agreed to that here.
 */
async function uploadAndRun(
  shipped: Shipped,
  rebuild: readonly Stage[],
  context: Context,
  world: ProvisionWorld,
): Promise<FinishedRun | null> {
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
    const onStart = ({ runId, page }: RunStart) => {
      under = `Run ${runId} continues in the workspace: ${page}`;
      world.end();
      context.say(`Run ${runId} is under way: ${page}`);
    };
    const end = await run({ token: `agent-${crypto.randomUUID()}`, rebuild, onStart }, doing);
    return { end, dashboard: await dashboard(doing) };
  } catch (error) {
    if (!context.stop.aborted || under === "") throw error;
    world.end();
    context.say(under);
    return null;
  }
}
