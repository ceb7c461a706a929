/** The status of a node, read from its buffer and from the running agent. */

import { type LastReport, type LiveReport, lastReport } from "../agent/live.ts";
import type { Rates } from "../agent/rates.ts";
import { isCounted } from "../buffer/buffer.ts";
import { type LockHolder, lockHolder } from "../buffer/disk/agent-lock.ts";
import { type WaitingAgent, waitingAgent } from "../buffer/disk/waiting-note.ts";
import type { SourceCounts } from "../buffer/ledger/holdings.ts";
import { withoutPassword } from "../core/log/redact.ts";
import type { Problem } from "../core/problem.ts";
import type { Settings } from "../core/settings/settings.ts";
import { SETTINGS } from "../core/settings/table.ts";
import { shellWord } from "../core/shell-word.ts";
import { STAGES, type Stage } from "../core/stage.ts";
import { BUILD_VERSION } from "../core/version.ts";
import { notesOf } from "../sensor/source-notes.ts";
import { type BufferFacts, readFacts } from "./facts.ts";
import { isRunning, openLedger } from "./not-begun.ts";
import { lastingProblems, problemsOf } from "./problems.ts";
import { unwritable } from "./writable.ts";

/** Times are ISO 8601; null where there is none. */
export type Status = {
  readonly node_id: string;
  readonly epoch: string;
  /** Of the agent that runs, else of this binary. */
  readonly agent_version: string;
  readonly pid: number | null;
  /** The time of the last report of the agent that runs, where that is seconds old, as of a process that is stopped; else null. */
  readonly not_heard_since: string | null;
  /** An agent that was started and waits before it can begin; null: none does. `for` is a problem's code. */
  readonly waiting: {
    readonly pid: number;
    readonly host: string;
    readonly since: string | null;
    readonly for: string;
  } | null;
  readonly health: "ok" | "degraded";
  readonly problems: readonly Problem[];
  readonly rules: {
    readonly version: string | null;
    readonly count: number;
    readonly loaded_at: string | null;
    readonly refused: LiveReport["rules"]["refused"];
    /** Rules that apply to none of the sensors seen so far. */
    readonly unmatched: readonly string[];
    /** Warnings about rules in force, which are legal. */
    readonly warnings: NonNullable<LiveReport["rules"]["warnings"]>;
  };
  readonly buffer: {
    readonly accepted: number;
    readonly first_seq: number | null;
    readonly last_seq: number | null;
    /** In use, which the limit is about. */
    readonly bytes: number;
    readonly limit_bytes: number;
    readonly file_bytes: number;
  };
  /** In rows. Of `aggregated`, rows of windows; those of open windows are an estimate. */
  readonly stages: Readonly<
    Record<Stage, { delivered: number; pending: number; oldest_pending_at: string | null; parked: number }>
  >;
  readonly open_windows: number;
  readonly losses: readonly {
    readonly reason: string;
    readonly count: number;
    /** False: their number is unknown, and `count` is 0. */
    readonly counted: boolean;
    readonly first_seq: number | null;
    readonly last_seq: number | null;
    readonly since: string | null;
    readonly until: string | null;
    /** Of an earlier buffer, whose seqs these are; null: of this one. */
    readonly epoch: string | null;
  }[];
  readonly uplink: {
    readonly state: "up" | "down";
    readonly since: string | null;
    readonly error: string | null;
    /** The time of the report that says so, where no agent has reported since: none runs, or it is not heard. Null: it is so now. */
    readonly as_of: string | null;
  };
  /** The last heartbeat of this node; null: no agent runs, or AGENT_HEARTBEAT is off. */
  readonly heartbeat: { readonly sent_at: string | null; readonly error: string | null } | null;
  /** Over the last minute; null: no agent runs, or it is not heard. */
  readonly rates: Rates | null;
  readonly sources: readonly (SourceCounts & {
    readonly trouble: string | null;
    /**
     * Changes by the writer since the agent's first reading, counted: rows that were edited, roll-backs. What a source that listens has
     * answered since the agent was started.
     */
    readonly notes: readonly string[];
  })[];
  /** Sensors that a rule of silence misses now, the longest first. */
  readonly silent_sensors: readonly {
    readonly rule: string;
    readonly sensor_id: string;
    readonly since: string | null;
  }[];
  /** Of the malformed readings that are still in the buffer. */
  readonly refused_by_reason: Readonly<Record<string, number>>;
  /** Fields that no profile knows, of the newest readings that have any. */
  readonly new_fields: readonly { readonly name: string; readonly first_seq: number }[];
};

/** An agent reports every second. With an older report it is not known what it does now; a problem comes later (`agent_silent`). */
const UNHEARD_MS = 5_000;

const LOOKS_AT_NODE = /^agent (status|tail|why|verify|rules list)\b/;

/** Throws NoBufferError where there is no buffer, and NotBegunError where an agent waits before it makes one. */
export function readStatus(dataDir: string, settings: Settings, nowMs: number): Status {
  const ledger = openLedger(dataDir);
  try {
    const last = lastReport(dataDir);
    const running = runningAgent(dataDir, last.report);
    const waiting = waitingAgent(dataDir);
    const stuck = running === null && waiting !== null ? null : unwritable(dataDir, running !== null);
    const { facts, details, damaged } = readFacts(ledger, settings, { dataDir, nowMs });
    const seen = [stuck, damaged].filter((problem) => problem !== null);
    return { ...statusOf(facts, { dataDir, settings, nowMs, last, running, waiting, seen }), ...details };
  } finally {
    ledger.close();
  }
}

type StatusInputs = {
  readonly dataDir: string;
  readonly settings: Settings;
  readonly nowMs: number;
  /** What an agent reported last, and which one runs now. */
  readonly last: LastReport;
  readonly running: Pick<LockHolder, "pid" | "sinceMs"> | null;
  readonly waiting: WaitingAgent | null;
  /** What is seen from outside: why the running agent cannot write, what cannot be read. Absent where the agent itself is asked. */
  readonly seen?: readonly Problem[];
};

/** All of a status that costs the same however much the buffer holds, once that is found. */
export type BriefStatus = Omit<Status, "refused_by_reason" | "new_fields">;

export function statusOf(
  found: BufferFacts,
  { dataDir, settings, nowMs, last, running, waiting, seen = [] }: StatusInputs,
): BriefStatus {
  // A report of an agent that is gone is not about the one that has just begun.
  const live = running !== null && last.report?.pid === running.pid ? last.report : null;
  const { held, lag, losses, parked, corrupt } = found;
  const pending = STAGES.reduce((sum, stage) => sum + lag.stages[stage].pending, 0);
  const lastOrLive = running === null ? last.report : live;
  const isHeard = live !== null && Math.abs(nowMs - live.updatedAtMs) < UNHEARD_MS;
  const known = problemsOf({
    nowMs,
    dataDir,
    running,
    waiting,
    live,
    lastRun: last.report,
    unread: last.unread,
    lasting: lastOrLive === null ? [] : lastingProblems(lastOrLive),
    pending,
    parked,
    losses,
    corrupt,
  });
  const problems = [...seen, ...known];
  return {
    node_id: found.nodeId,
    epoch: found.epoch,
    agent_version: live?.agentVersion ?? BUILD_VERSION,
    pid: running?.pid ?? null,
    not_heard_since: live === null || isHeard ? null : iso(live.updatedAtMs),
    waiting: waiting === null ? null : waitingStatus(waiting),
    health: problems.length === 0 ? "ok" : "degraded",
    problems: problems.map((problem) => ({
      ...problem,
      message: withoutPassword(problem.message),
      try: ofNode(problem.try, dataDir, settings),
    })),
    rules: rulesStatus(found, live, lastOrLive),
    buffer: {
      accepted: found.accepted,
      first_seq: held.seqs?.first ?? null,
      last_seq: held.seqs?.last ?? null,
      bytes: held.bytes,
      limit_bytes: lastOrLive?.bufferLimitBytes ?? settings.bufferMaxBytes,
      file_bytes: held.fileBytes,
    },
    stages: Object.fromEntries(
      STAGES.map((stage) => {
        const { delivered, pending: waiting, oldestPendingMs, parked: refused } = lag.stages[stage];
        return [stage, { delivered, pending: waiting, oldest_pending_at: iso(oldestPendingMs), parked: refused }];
      }),
    ) as Status["stages"],
    open_windows: lag.openWindows,
    losses: losses.map(({ reason, count, range, sinceMs, untilMs, epoch = null }) => ({
      reason,
      count,
      counted: isCounted({ count }),
      first_seq: range?.first ?? null,
      last_seq: range?.last ?? null,
      since: iso(sinceMs),
      until: iso(untilMs),
      epoch,
    })),
    uplink: uplinkStatus(last, isHeard),
    heartbeat: heartbeatStatus(live),
    rates: (isHeard ? live.rates : null) ?? null,
    sources: sourcesStatus(found, lastOrLive, live !== null),
    silent_sensors: (live?.rules.silent ?? []).map(({ rule, sensor, sinceMs }) => {
      return { rule, sensor_id: sensor, since: iso(sinceMs) };
    }),
  };
}

function waitingStatus({ pid, host, sinceMs, problem }: WaitingAgent): NonNullable<Status["waiting"]> {
  return { pid, host, since: iso(sinceMs), for: problem.code };
}

/** `command`, with the data dir where it looks at a node and would look at another one. */
function ofNode(command: string, dataDir: string, settings: Settings): string {
  const isOther = settings.dataDir !== SETTINGS.dataDir.fallback && !command.includes("--data-dir");
  return isOther && LOOKS_AT_NODE.test(command) ? `${command} --data-dir ${shellWord(dataDir)}` : command;
}

/** The holder of the lock, or null. A report without a lock is of an agent that ended, however it ended. */
function runningAgent(dataDir: string, last: LiveReport | null): Pick<LockHolder, "pid" | "sinceMs"> | null {
  if (!isRunning(dataDir)) return null;
  const holder = lockHolder(dataDir);
  if (holder !== null) return holder;
  return last === null ? null : { pid: last.pid, sinceMs: last.startedAtMs };
}

/** Where no agent runs, by the buffer; what the agent that ended last said of the same set is still so. */
function rulesStatus({ rules: known }: BufferFacts, live: LiveReport | null, last: LiveReport | null): Status["rules"] {
  if (live !== null) {
    const { version, count, loadedAtMs } = live.rules;
    return { version, count, loaded_at: iso(loadedAtMs), ...saidOfRules(live) };
  }
  if (known === null) return { version: null, count: 0, loaded_at: null, ...saidOfRules(null) };
  const { version, count, sinceMs } = known;
  return { version, count, loaded_at: iso(sinceMs), ...saidOfRules(last?.rules.version === version ? last : null) };
}

function saidOfRules(report: LiveReport | null): Pick<Status["rules"], "refused" | "warnings" | "unmatched"> {
  const { refused = [], warnings = [], unmatched = [] } = report?.rules ?? {};
  return { refused, warnings, unmatched };
}

function uplinkStatus({ report, unread }: LastReport, isHeard: boolean): Status["uplink"] {
  if (report === null) {
    const error = unread === null ? "no agent has reported yet" : "the agent's last report cannot be read";
    return { state: "down", since: null, error, as_of: null };
  }
  const { state, sinceMs, error } = report.uplink;
  const asOf = isHeard ? null : iso(report.updatedAtMs);
  return { state, since: iso(sinceMs), error: error === null ? null : withoutPassword(error), as_of: asOf };
}

function heartbeatStatus(live: LiveReport | null): Status["heartbeat"] {
  const heartbeat = live?.heartbeat ?? null;
  return heartbeat === null ? null : { sent_at: iso(heartbeat.sentAtMs), error: heartbeat.error };
}

/** `isLive`: `report` is of an agent that runs. Of one that ended, the trouble of its sources is still so. */
function sourcesStatus({ sources: known }: BufferFacts, report: LiveReport | null, isLive: boolean): Status["sources"] {
  const fresh = (report?.sources ?? [])
    .filter(({ uri }) => !known.some((source) => source.uri === uri))
    .map(({ uri }): SourceCounts => ({ uri, accepted: 0, refused: 0, flaws: [], cursor: null }));
  return [...known, ...fresh].map((source) => {
    const now = report?.sources.find(({ uri }) => uri === source.uri);
    const trouble = now?.trouble ?? null;
    const notes = [...notesOf(source.uri, source.cursor), ...(isLive ? (now?.notes ?? []) : [])];
    return { ...source, uri: withoutPassword(source.uri), trouble: trouble && withoutPassword(trouble), notes };
  });
}

/** A clock that was far off may have left a time that is not a date. */
function iso(timeMs: number | null): string | null {
  if (timeMs === null || !(Math.abs(timeMs) <= 8.64e15)) return null;
  return new Date(timeMs).toISOString();
}
