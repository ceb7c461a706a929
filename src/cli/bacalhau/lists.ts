/** Bacalhau's lists: out of files, or from the `bacalhau` command, called with a list of arguments and no shell. */
import { resolve } from "node:path";
import { AgentError, messageOf } from "../../core/errors.ts";
import { readFileText } from "../../core/outside/file-text.ts";
import { type Execution, type FleetNode, readExecutions, readNodes } from "../../fleet/executions.ts";
import type { Context } from "../frame/command.ts";

const ANSWER_BYTES = 256 * 1024 * 1024;
const WITHIN_MS = 60_000;
/** Without it Bacalhau lists the first 20, and says nothing of the rest. */
const ALL = ["--limit", "100000", "--output", "json"];
const TRY = { tryHint: "agent bacalhau status --help" };

export type JobNames = { readonly job: string; readonly statusJob: string; readonly labels: string };
export type Files = Readonly<Record<"executions" | "lines" | "nodes", string | undefined>>;
export type BacalhauLists = {
  readonly executions: readonly Execution[] | null;
  readonly lines: readonly Execution[];
  readonly nodes: readonly FleetNode[];
  /** What could not be had, and why; the table is made without it. */
  readonly notes: readonly string[];
};

export function listsInFiles(files: Files, context: Context): BacalhauLists {
  const read = <T>(file: string | undefined, as: (json: string) => readonly T[] | null) =>
    file === undefined ? null : inFile(file, as, context);
  return {
    executions: read(files.executions, readExecutions),
    lines: read(files.lines, readExecutions) ?? [],
    nodes: read(files.nodes, readNodes) ?? [],
    notes: [],
  };
}

/** All executions of the latest version of a job, out of the file or from Bacalhau. */
export async function executionsOf(
  job: string,
  file: string | undefined,
  context: Context,
): Promise<readonly Execution[]> {
  if (file !== undefined) return inFile(file, readExecutions, context);
  return listed(readExecutions, await bacalhau(["job", "executions", job, ...ALL], context));
}

function inFile<T>(file: string, as: (json: string) => readonly T[] | null, { cwd }: Context): readonly T[] {
  let text: string;
  try {
    text = readFileText(resolve(cwd, file), ANSWER_BYTES);
  } catch (error) {
    throw new AgentError(`Cannot read "${file}": ${messageOf(error)}`, { cause: error });
  }
  const list = as(text);
  if (list === null) throw new AgentError(`Cannot read "${file}": it is no JSON list of Bacalhau (--output json)`, TRY);
  return list;
}

/** The agent's job must be there. `notes` names the others that are not. */
export async function listsFromBacalhau(
  { job, statusJob, labels }: JobNames,
  context: Context,
): Promise<BacalhauLists> {
  const executions = await executionsOf(job, undefined, context);
  const notes: string[] = [];
  const maybe = async <T>(words: readonly string[], as: (json: string) => readonly T[] | null, without: string) => {
    try {
      return listed(as, await bacalhau(words, context));
    } catch (error) {
      notes.push(`${without}: ${messageOf(error)}`);
      return [];
    }
  };
  const nodes = await maybe(
    ["node", "list", "--labels", labels, ...ALL],
    readNodes,
    "Nodes that never had an execution are not in the table",
  );
  const lines = await maybe(
    ["job", "executions", statusJob, ...ALL],
    readExecutions,
    "Without status lines (bacalhau job run jobs/status.yaml) nodes and heartbeats are joined by their names",
  );
  return { executions, nodes, lines, notes };
}

function listed<T>(as: (json: string) => readonly T[] | null, json: string): readonly T[] {
  const list = as(json);
  if (list === null) throw new AgentError("Cannot read what bacalhau printed: it is no JSON list", TRY);
  return list;
}

async function bacalhau(words: readonly string[], { env, cwd, stop }: Context): Promise<string> {
  const line = `bacalhau ${words.join(" ")}`;
  const program = Bun.which("bacalhau", { PATH: env["PATH"] ?? "" });
  if (program === null) {
    throw new AgentError(`Cannot run "${line}": there is no command bacalhau here. Give its output as files`, TRY);
  }
  const child = Bun.spawn([program, ...words], {
    cwd,
    env: { ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    signal: stop,
    timeout: WITHIN_MS,
    killSignal: "SIGKILL",
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code === 0) return out;
  const why = err.trim().split("\n").at(-1) ?? "";
  throw new AgentError(`Cannot run "${line}": ${why === "" ? `it ended with ${code}` : why}`, TRY);
}
