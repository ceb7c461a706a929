/** The problems of a node, each with a command to try: those that the running agent reports, and those in its buffer. */

import type { LiveReport } from "../agent/live.ts";
import { isCounted, type Loss } from "../buffer/buffer.ts";
import type { LockHolder } from "../buffer/disk/agent-lock.ts";
import { LOCK_CODE, type WaitingAgent } from "../buffer/disk/waiting-note.ts";
import type { Problem } from "../core/problem.ts";
import { grouped, roughAge } from "../core/readable-numbers.ts";
import { MS_PER_DAY } from "../core/time/duration.ts";
import { BUILD_VERSION } from "../core/version.ts";
import { type LastRun, runAgain } from "./run-again.ts";

export type Evidence = {
  readonly nowMs: number;
  readonly dataDir: string;
  /** The holder of the data dir's lock; null where no agent runs. */
  readonly running: Pick<LockHolder, "pid" | "sinceMs"> | null;
  /** An agent that waits before it can begin: the one that runs, or another one. */
  readonly waiting: WaitingAgent | null;
  /** Of the agent that runs; null where none does, or it has not reported yet. */
  readonly live: LiveReport | null;
  /** Problems that outlive an agent, as the running one reports them, or the one that ended last. */
  readonly lasting: readonly Problem[];
  /** What the last report says of how its agent was started; null: not known. */
  readonly lastRun: LastRun | null;
  /** Why its report is not read; null: it is, or there is none. */
  readonly unread: string | null;
  /** Rows that wait to be delivered, over all stages. */
  readonly pending: number;
  readonly parked: { readonly count: number; readonly key: string; readonly error: string } | null;
  readonly losses: readonly Loss[];
  /** What the buffer remembers of one that was corrupt. */
  readonly corrupt: readonly Problem[];
};

/** An agent reports every second; a device under load, or a large deletion, may hold it up for a while. */
const SILENT_MS = 30_000;
/** A loss degrades health for this long; it stays in `losses` for ever. */
const LOSS_IS_NEWS_MS = MS_PER_DAY;

/** True until the rules change, or until an agent takes from the source, whether one runs or not. */
const LASTING_CODES: ReadonlySet<string> = new Set(["rules_refused", "rules_idle", "rule_errors", "source_trouble"]);

/** The problems in `report` that do not end with its agent: of the rules, of the sources, and of the input. */
export function lastingProblems(report: LiveReport): Problem[] {
  return [
    ...report.problems.filter(({ code }) => LASTING_CODES.has(code)),
    ...report.sources.flatMap((source) => source.input ?? []),
  ];
}

export function problemsOf(evidence: Evidence): Problem[] {
  const { live } = evidence;
  const all = [
    ...waitingProblems(evidence.waiting),
    ...(live?.problems ?? []),
    ...evidence.corrupt,
    ...sourceProblems(live),
    ...evidence.lasting,
    ...agentProblems(evidence),
    ...parkedProblems(evidence),
    ...lossProblems(evidence),
  ];
  return all.filter((problem, i) => {
    const isSame = (other: Problem) => other.code === problem.code && other.message === problem.message;
    return all.findIndex(isSame) === i;
  });
}

function sourceProblems(live: LiveReport | null): Problem[] {
  return (live?.sources ?? []).flatMap(({ uri, trouble }): Problem[] => {
    if (trouble === null) return [];
    const message = `Cannot take from "${uri}": ${trouble}`;
    return [{ code: "source_trouble", message, try: "agent config check" }];
  });
}

/** What an agent waits for, and which one. */
function waitingProblems(waiting: WaitingAgent | null): Problem[] {
  if (waiting === null) return [];
  const { pid, host, problem } = waiting;
  if (problem.code === LOCK_CODE) return [problem];
  return [{ ...problem, message: `${problem.message}. The agent with pid ${pid} on host "${host}" waits for it` }];
}

function agentProblems({ nowMs, dataDir, running, waiting, live, lastRun, unread, pending }: Evidence): Problem[] {
  if (running === null) {
    if (pending === 0 || waiting !== null) return [];
    const { note, command } = runAgain(dataDir, lastRun);
    const message = `No agent is running, and ${grouped(pending)} rows wait to be delivered${note}`;
    return [{ code: "not_running", message, try: command }];
  }
  if (unread !== null) {
    const message = `Cannot read the report of the agent with pid ${running.pid}: ${unread}. It may be of another version than this binary, ${BUILD_VERSION}`;
    return [{ code: "report_unread", message, try: "agent --version" }];
  }
  const silentMs = Math.abs(nowMs - (live?.updatedAtMs ?? running.sinceMs));
  if (silentMs < SILENT_MS) return [];
  const message = `The agent with pid ${running.pid} has the lock, but has not reported for ${roughAge(silentMs)}; a restart loses nothing`;
  return [{ code: "agent_silent", message, try: `ps -p ${running.pid} -o pid,stat,etime,args` }];
}

function parkedProblems({ parked }: Evidence): Problem[] {
  if (parked === null) return [];
  const what = parked.count === 1 ? "1 batch" : `${grouped(parked.count)} batches`;
  return [
    {
      code: "batches_parked",
      message: `Cannot deliver ${what}, the store refuses them for good; the newest, ${parked.key}: ${parked.error}. The buffer keeps them`,
      try: "agent buffer requeue",
    },
  ];
}

/** How to lose no more for this reason, and what to type first. */
const LOSS_ADVICE: Readonly<Record<string, readonly [advice: string, command: string]>> = {
  buffer_full: [
    "raise AGENT_BUFFER_MAX_BYTES, or set AGENT_BUFFER_FULL=block, which drops nothing",
    "agent config show",
  ],
  buffer_corrupt: ["check the disk and its power; the damaged file is kept", "dmesg | tail -n 50"],
  late_for_window: ["raise AGENT_BUFFER_MAX_BYTES: windows are then kept for readings this late", "agent config show"],
};
const OTHER_LOSS = ["the agent's log has the reason", "agent status --json"] as const;

function lossProblems({ losses, nowMs }: Evidence): Problem[] {
  const recent = losses.filter(({ untilMs }) => Math.abs(nowMs - untilMs) < LOSS_IS_NEWS_MS);
  const reasons = [...new Set(recent.map(({ reason }) => reason))];
  return reasons.map((reason): Problem => {
    const of = recent.filter((loss) => loss.reason === reason);
    const count = of.reduce((sum, loss) => sum + loss.count, 0);
    const known = count === 1 ? "1 reading was" : `${grouped(count)} readings were`;
    const isUnknown = of.some((loss) => !isCounted(loss));
    const what = !isUnknown ? known : `${count === 0 ? "An" : `${known} lost, and an`} unknown number of readings was`;
    const [advice, command] = LOSS_ADVICE[reason] ?? OTHER_LOSS;
    const message = `${what} lost in the last 24 h (${reason}): ${advice}`;
    return { code: "readings_lost", message, try: command };
  });
}
