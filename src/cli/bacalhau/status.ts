/**
 * `agent bacalhau status`: one table of all nodes, of what Bacalhau runs there and what their agents say. Bacalhau says "Running"
 * of a job that nothing runs any more on some of its nodes: they are named, with what to type. Exit 1: there are such nodes.
 */
import { messageOf } from "../../core/errors.ts";
import { oneLine } from "../../core/log/log.ts";
import { grouped, roughAge } from "../../core/readable-numbers.ts";
import { shellWord } from "../../core/shell-word.ts";
import { type FleetRow, fleetRows, type Report } from "../../fleet/fleet-table.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";
import { textTable } from "../frame/table.ts";
import { lastHeartbeats } from "./heartbeats.ts";
import { type BacalhauLists, type Files, listsFromBacalhau, listsInFiles } from "./lists.ts";

/** Nodes that are named in one line; the table and `--json` have all. */
const NAMED = 20;

const ARGS = {
  job: { type: "string", description: "The name of the agent's job.", valueHint: "NAME", default: "agent" },
  statusJob: {
    type: "string",
    description: "The name of the job of jobs/status.yaml: its lines say which agent is on which node.",
    valueHint: "NAME",
    default: "agent-status",
  },
  labels: {
    type: "string",
    description:
      "Which nodes the job is for, as its constraints say: those without an execution are in the table, too.",
    valueHint: "LABELS",
    default: "role=edge",
  },
  executions: {
    type: "string",
    description:
      "The executions of the job, from `bacalhau job executions agent --limit 100000 --output json`. With one of these files, the command bacalhau is not called.",
    valueHint: "FILE",
  },
  lines: { type: "string", description: "The same of the status job.", valueHint: "FILE" },
  // Not "nodes": citty reads --nodes as a negation.
  allNodes: {
    type: "string",
    description: "All nodes, from `bacalhau node list --limit 100000 --output json`.",
    valueHint: "FILE",
  },
  ...settingFlags("store"),
  json: { type: "boolean", description: "One JSON value: {job, nodes: [{node, node_id, execution, state}]}." },
} as const satisfies Args;

export const command = defineCommand({
  name: "status",
  summary: "One table of all nodes: execution, heartbeat, version, rules, lag, losses; and nodes without the agent.",
  args: ARGS,
  looks: true,
  examples: ["agent bacalhau status --store s3:", "agent bacalhau status --executions agent.json --lines lines.json"],
  run,
});

async function run(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const files: Files = { executions: flags.executions, lines: flags.lines, nodes: flags.allNodes };
  const isInFiles = Object.values(files).some((file) => file !== undefined);
  const lists = isInFiles ? listsInFiles(files, context) : await listsFromBacalhau(flags, context);
  const { reports, note } = await heartbeats(context);
  for (const each of [...lists.notes, ...note]) context.say(oneLine(each));
  const rows = fleetRows({ ...lists, reports });
  const lacking = rows.filter(({ execution }) => execution === "none");
  if (flags.json) await context.write(`${JSON.stringify({ job: flags.job, nodes: rows.map(jsonOf) }, null, 2)}\n`);
  else await context.write(`${tableOf(rows, context.columns)}${adviceOf(rows, lists, flags.job)}`);
  return lacking.length > 0 ? 1 : 0;
}

/** A laptop that may not read the store still sees the executions. */
async function heartbeats(context: Context): Promise<{ reports: readonly Report[]; note: readonly string[] }> {
  const { store } = context.settings;
  try {
    const reports = await lastHeartbeats(context);
    return {
      reports,
      note: reports.length > 0 ? [] : [`There is no heartbeat in ${store}: name the fleet's store with --store`],
    };
  } catch (error) {
    return { reports: [], note: [`The table is without heartbeats: ${messageOf(error)}`] };
  }
}

function tableOf(rows: readonly FleetRow[], columns: number | undefined): string {
  const head = ["node", "agent", "execution", "heard", "state", "version", "rules", "lag", "lost", "problem"];
  const cells = rows.map((row) =>
    [row.node ?? "-", row.nodeId ?? "-", row.execution ?? "-", ...wordsOf(row)].map(oneLine),
  );
  return rows.length === 0 ? "There is no node\n" : textTable({ head, rows: cells, right: [3, 7, 8], columns });
}

/** By the heartbeat; where there is none, by the status line, which has no age. */
function wordsOf({ report, line, ended, execution }: FleetRow): string[] {
  const end = execution === "live" ? null : ended;
  if (report !== null) {
    const lag = report.pending === 0 ? "-" : roughAge(report.lagMs);
    const names = [roughAge(report.ageMs), report.state, report.version ?? "-", report.rules ?? "-", lag];
    return [...names, grouped(report.losses), report.problems[0] ?? end ?? "-"];
  }
  const of = (name: string) => line?.[name] ?? "-";
  const problem = line === null ? (end ?? "-") : (line["why"] ?? line["problem"] ?? end ?? "-");
  return ["-", of("state"), of("version"), of("rules"), of("lag"), of("lost"), problem];
}

function adviceOf(rows: readonly FleetRow[], { executions }: BacalhauLists, job: string): string {
  const named = (of: readonly FleetRow[]) => {
    const names = of.slice(0, NAMED).map(({ node, nodeId }) => node ?? nodeId ?? "-");
    return `${names.join(", ")}${of.length > NAMED ? ` and ${grouped(of.length - NAMED)} more` : ""}`;
  };
  const counted = (of: readonly FleetRow[]) => (of.length === 1 ? "1 node" : `${grouped(of.length)} nodes`);
  const lines: string[] = [];
  const add = (of: readonly FleetRow[], words: string, ...more: string[]) => {
    if (of.length > 0) lines.push("", `${counted(of)} ${words}: ${named(of)}`, ...more);
  };
  const by = (execution: FleetRow["execution"]) => rows.filter((row) => row.execution === execution);
  // Without the flag the command waits for the end of the daemon, for five minutes.
  const rerun = `  Try: bacalhau job rerun ${shellWord(job)} --wait=false`;
  const works = ({ report }: FleetRow) => report?.state === "ok" || report?.state === "degraded";
  add(
    by("none").filter(works),
    "without a live execution, though an agent there sends heartbeats",
    "Bacalhau does not know it any more, and a new one would wait for its lock: stop it on the node, then start the new one",
    "  Try: docker ps --filter name=bacalhau-",
    rerun,
  );
  add(
    by("none").filter((row) => !works(row)),
    "without a live execution",
    "Bacalhau starts nothing there again by itself. A new version of the job starts the agent again on all nodes",
    rerun,
  );
  add(by("away"), "not connected", "Their agents continue. Bacalhau brings what changed within 15 s of their return");
  add(
    rows.filter(({ report }) => report?.state === "silent"),
    "silent: no heartbeat for three intervals",
  );
  if (executions !== null && executions.length === 0 && rows.length === 0) {
    lines.push(`The job ${job} has no execution: no node has its labels`, "  Try: bacalhau node list");
  }
  return lines.length === 0 ? "" : `${lines.map(oneLine).join("\n")}\n`;
}

function jsonOf({ node, nodeId, execution, ended, report, line }: FleetRow) {
  return {
    node,
    node_id: nodeId,
    execution,
    ended,
    heard_s: report === null ? null : Math.round(report.ageMs / 1_000),
    state: report?.state ?? line?.["state"] ?? null,
    agent_version: report?.version ?? line?.["version"] ?? null,
    rules_version: report?.rules ?? line?.["rules"] ?? null,
    lag_s: report === null ? null : Math.round(report.lagMs / 1_000),
    pending: report?.pending ?? null,
    losses: report?.losses ?? null,
    problems: report?.problems ?? [],
    line,
  };
}
