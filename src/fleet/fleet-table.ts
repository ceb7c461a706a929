/**
 * One row for each node of a fleet, from up to four lists: Bacalhau's nodes, the executions of the agent's job, the lines of the
 * status job, and the heartbeats in the store. A device has two names, Bacalhau's and the agent's; a status line says both.
 */
import { type Execution, type FleetNode, newestFirst } from "./executions.ts";

/** A heartbeat as it is read. */
export type Report = {
  readonly nodeId: string;
  readonly version: string | null;
  readonly rules: string | null;
  /** `silent`: nothing was heard for three times its interval. */
  readonly state: "ok" | "degraded" | "stopped" | "silent";
  readonly ageMs: number;
  readonly lagMs: number;
  readonly pending: number;
  readonly losses: number;
  /** As `code: message`. */
  readonly problems: readonly string[];
};

export type FleetRow = {
  /** Bacalhau's name; null: only its heartbeat is known. */
  readonly node: string | null;
  /** The agent's name; null: nothing was heard of an agent there. */
  readonly nodeId: string | null;
  /** `live`; `none`: no execution runs there; `away`: the node is not connected; null: Bacalhau was not asked, or the job is not for it. */
  readonly execution: "live" | "none" | "away" | null;
  /** The last end, where none is live. */
  readonly ended: string | null;
  readonly report: Report | null;
  /** The words of the status line by name, where there is no heartbeat; `state` too. */
  readonly line: Words | null;
};

export type FleetLists = {
  /** Of the agent's job, of its latest version; null: not asked. */
  readonly executions: readonly Execution[] | null;
  readonly nodes: readonly FleetNode[];
  /** Executions of the status job. */
  readonly lines: readonly Execution[];
  readonly reports: readonly Report[];
};

export function fleetRows({ executions, nodes, lines, reports }: FleetLists): readonly FleetRow[] {
  const spoken = new Map<string, Words>();
  // The newest comes last, and stays.
  for (const each of newestFirst(lines).toReversed()) {
    const words = wordsOf(each.out);
    if (words !== null) spoken.set(each.node, words);
  }
  const names = new Set([
    ...nodes.map(({ node }) => node),
    ...(executions ?? []).map(({ node }) => node),
    ...spoken.keys(),
  ]);
  const left = new Map(reports.map((report) => [report.nodeId, report]));
  const rows = [...names].sort().map((node): FleetRow => {
    const line = spoken.get(node) ?? null;
    const nodeId = line?.["node_id"] ?? nameIn(left.keys(), node);
    const report = nodeId === null ? null : (left.get(nodeId) ?? null);
    if (nodeId !== null) left.delete(nodeId);
    return { node, nodeId, report, line, ...placed(node, executions, nodes) };
  });
  const others = [...left.values()].map((report): FleetRow => {
    return { node: null, nodeId: report.nodeId, execution: null, ended: null, report, line: null };
  });
  return [...rows, ...others.sort((a, b) => (a.nodeId ?? "").localeCompare(b.nodeId ?? ""))];
}

type Placed = Pick<FleetRow, "execution" | "ended">;

function placed(node: string, executions: FleetLists["executions"], nodes: readonly FleetNode[]): Placed {
  if (executions === null) return { execution: null, ended: null };
  const own = newestFirst(executions.filter((each) => each.node === node));
  // The list of nodes is of those with the job's labels: what it does not name, and where nothing ever ran, is of another ring.
  const isForIt = own.length > 0 || nodes.length === 0 || nodes.some((each) => each.node === node);
  if (!isForIt) return { execution: null, ended: null };
  const isAway = nodes.some((each) => each.node === node && !each.isConnected);
  const last = own.find(({ isLive }) => !isLive);
  const ended = last === undefined ? null : `${last.state}${last.message === "" ? "" : `: ${last.message}`}`;
  if (isAway) return { execution: "away", ended };
  return own.some(({ isLive }) => isLive) ? { execution: "live", ended: null } : { execution: "none", ended };
}

type Words = Readonly<Record<string, string>>;
const WORDS = /^(\S+) (ok|degraded|waiting|stopped|missing)((?: [a-z_]+=(?:"[^"]*"|\S+))*)$/;

/** The words of `agent status --line` by their names, and `state`, and `node_id` where it is known; null: no such line. */
function wordsOf(out: string): Words | null {
  const [, nodeId, state, rest = ""] = WORDS.exec(out.split("\n", 1)[0] ?? "") ?? [];
  if (nodeId === undefined || state === undefined) return null;
  const words = [...rest.matchAll(/ ([a-z_]+)=(?:"([^"]*)"|(\S+))/g)].map(([, name = "", quoted, bare = ""]) => {
    return [name, quoted ?? bare] as const;
  });
  const known = words.filter(([, value]) => value !== "-");
  return { ...Object.fromEntries(known), state, ...(nodeId === "-" ? {} : { node_id: nodeId }) };
}

/** An agent's id begins with its host's name, which is Bacalhau's name of the node where no one chose another. */
function nameIn(ids: Iterable<string>, node: string): string | null {
  const all = [...ids];
  if (all.includes(node)) return node;
  const begun = all.filter((id) => id.startsWith(`${node}-`) && /^[0-9a-z]+$/.test(id.slice(node.length + 1)));
  return begun.length === 1 ? (begun[0] ?? null) : null;
}
