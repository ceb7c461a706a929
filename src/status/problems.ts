/** What is wrong with a node, each with the way out: what the running agent reports, and what its buffer tells. */

import type { LiveReport, Problem } from "../agent/live.ts";
import { isCounted, type Loss } from "../buffer/buffer.ts";
import type { LockHolder } from "../buffer/disk/lock.ts";
import { grouped, roughAge } from "../core/rough.ts";
import { MS_PER_DAY } from "../core/time/duration.ts";

export type Evidence = {
  readonly nowMs: number;
  readonly dataDir: string;
  /** Who holds the lock of the data dir; null where nobody runs. */
  readonly running: Pick<LockHolder, "pid" | "sinceMs"> | null;
  /** Of the agent that runs; null where none does, or it has not reported yet. */
  readonly live: LiveReport | null;
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

export function problemsOf(evidence: Evidence): Problem[] {
  const { live } = evidence;
  const all = [
    ...(live?.problems ?? []),
    ...evidence.corrupt,
    ...sourceProblems(live),
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
    return [{ code: "source_trouble", message, try: "nothing, if the source comes back: it is tried again by itself" }];
  });
}

function agentProblems({ nowMs, dataDir, running, live, pending }: Evidence): Problem[] {
  if (running === null) {
    if (pending === 0) return [];
    const message = `No agent is running, and ${grouped(pending)} rows wait to be delivered`;
    return [{ code: "not_running", message, try: `agent run --data-dir ${dataDir}` }];
  }
  const silentMs = Math.abs(nowMs - (live?.updatedAtMs ?? running.sinceMs));
  if (silentMs < SILENT_MS) return [];
  const message = `The agent with pid ${running.pid} has the lock, but has not reported for ${roughAge(silentMs)}`;
  return [{ code: "agent_silent", message, try: "look at its log; restart it if it does nothing (nothing is lost)" }];
}

function parkedProblems({ parked }: Evidence): Problem[] {
  if (parked === null) return [];
  const what = parked.count === 1 ? "1 batch" : `${grouped(parked.count)} batches`;
  return [
    {
      code: "batches_parked",
      message: `Cannot deliver ${what}, the store refuses them for good; the newest, ${parked.key}: ${parked.error}`,
      try: "mend what the store complains about; their readings are still in the buffer, a later version sends them again",
    },
  ];
}

/** What can be done so that no more are lost for this reason. */
const LOSS_ADVICE: Readonly<Record<string, string>> = {
  buffer_full: "raise AGENT_BUFFER_MAX_BYTES, or bring the uplink back sooner; AGENT_BUFFER_FULL=block drops nothing",
  buffer_corrupt: "check the disk (dmesg, smartctl) and its power; the damaged file is kept: ls buffer.corrupt-*.db",
  late_for_window: "raise AGENT_BUFFER_MAX_BYTES, so that windows are kept for readings this late",
};

function lossProblems({ losses, nowMs }: Evidence): Problem[] {
  const recent = losses.filter(({ untilMs }) => Math.abs(nowMs - untilMs) < LOSS_IS_NEWS_MS);
  const reasons = [...new Set(recent.map(({ reason }) => reason))];
  return reasons.map((reason): Problem => {
    const of = recent.filter((loss) => loss.reason === reason);
    const count = of.reduce((sum, loss) => sum + loss.count, 0);
    const known = count === 1 ? "1 reading was" : `${grouped(count)} readings were`;
    const isUnknown = of.some((loss) => !isCounted(loss));
    const what = !isUnknown ? known : `${count === 0 ? "An" : `${known} lost, and an`} unknown number of readings was`;
    const message = `${what} lost in the last 24 h (${reason})`;
    return { code: "readings_lost", message, try: LOSS_ADVICE[reason] ?? "look for the reason in the agent's log" };
  });
}
