/**
 * `agent bacalhau result JOB`: what an ops job did on each node, a line each. `bacalhau job run` exits 0 for a job that failed
 * everywhere, and its state says Completed: the exit code is in the executions only. Exit 1: it failed somewhere, or runs still.
 */
import { oneLine } from "../../core/log/log.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { type Execution, newestFirst } from "../../fleet/executions.ts";
import { defineCommand } from "../frame/command.ts";
import { textTable } from "../frame/table.ts";
import { executionsOf } from "./lists.ts";

export const command = defineCommand({
  name: "result",
  summary: "What an ops job (fetch, rules, verify) did on each node: its exit code and its line.",
  args: {
    job: { type: "positional", valueHint: "JOB", description: "The name of the job, as agent-fetch.", required: true },
    executions: {
      type: "string",
      description:
        "Its executions, from `bacalhau job executions JOB --limit 100000 --output json`. Then the command bacalhau is not called.",
      valueHint: "FILE",
    },
    json: { type: "boolean", description: "One JSON value: {ok, nodes: [{node, state, exit_code, line, message}]}." },
  },
  looks: true,
  examples: ["agent bacalhau result agent-fetch", "agent bacalhau result agent-rules --json"],
  run: async (flags, context) => {
    const last = lastOfNodes(await executionsOf(flags.job, flags.executions, context));
    const ok = last.length > 0 && last.every(isDone);
    if (flags.json) {
      await context.write(`${JSON.stringify({ ok, nodes: last.map(jsonOf) }, null, 2)}\n`);
      return ok ? 0 : 1;
    }
    const head = ["node", "state", "exit", "line"];
    const rows = last.map((each) => [each.node, each.state, exitOf(each), lineOf(each)].map(oneLine));
    if (rows.length > 0) await context.write(textTable({ head, rows, right: [2], columns: context.columns }));
    await context.write(`${oneLine(sumOf(last, flags.job))}\n`);
    return ok ? 0 : 1;
  },
});

/** The newest execution of each node, by the names of the nodes. */
function lastOfNodes(executions: readonly Execution[]): readonly Execution[] {
  const last = new Map(
    newestFirst(executions)
      .toReversed()
      .map((each) => [each.node, each]),
  );
  return [...last.values()].sort((a, b) => a.node.localeCompare(b.node));
}

const isDone = ({ state, exitCode }: Execution) => state === "Completed" && exitCode === 0;
const exitOf = ({ exitCode, isLive }: Execution) => (isLive || exitCode === null ? "-" : String(exitCode));

/** What it printed says more than what Bacalhau says of it, which is the same for every failure of a program. */
function lineOf({ out, error, message }: Execution): string {
  const [line = ""] = [out, error, message]
    .map((text) => text.trim().split("\n", 1)[0] ?? "")
    .filter((text) => text !== "");
  return line === "" ? "-" : line;
}

function sumOf(last: readonly Execution[], job: string): string {
  if (last.length === 0) return `The job ${job} has no execution: no node has its labels, or none has room for it`;
  const count = (of: (each: Execution) => boolean) => last.filter(of).length;
  const [done, live] = [count(isDone), count(({ isLive }) => isLive)];
  const counted = (n: number, words: string) => (n === 0 ? "" : `, ${grouped(n)} ${words}`);
  return `${grouped(done)} of ${grouped(last.length)} nodes done${counted(last.length - done - live, "failed")}${counted(live, "at work")}`;
}

function jsonOf(each: Execution) {
  const { node, state, exitCode, message } = each;
  return { node, state, exit_code: exitCode, line: lineOf(each), message };
}
