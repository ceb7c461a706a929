/**
 * The status of the agent in this process, for requests over HTTP and for its heartbeat: from memory and a few look-ups, so
 * that its cost does not grow with the buffer.
 */

import { type CollisionCounts, collisionCounts, collisionProblems } from "../agent/delivery/collision-problems.ts";
import type { LiveReport } from "../agent/live.ts";
import type { OpenAgent } from "../agent/open-agent.ts";
import { openingProblems } from "../agent/recovery/old-epochs.ts";
import { waitingAgent } from "../buffer/disk/waiting-note.ts";
import { heldBy, parkedOf, sourcesOf } from "../buffer/ledger/holdings.ts";
import { lossesOf } from "../buffer/ledger/losses.ts";
import { SCHEMA_VERSION } from "../buffer/schema.ts";
import type { Settings } from "../core/settings/settings.ts";
import { breathe } from "../core/time/bell.ts";
import { type BriefStatus, statusOf } from "./status.ts";

/**
 * Counts the readings that wait, for at most `mostMs`. After a restart with a long backlog that takes several turns of the
 * agent, and a later request may finish it.
 */
export async function countBacklog({ parts: { backlog } }: OpenAgent, mostMs: number): Promise<void> {
  const until = performance.now() + mostMs;
  while (backlog.count() > 0 && performance.now() < until) await breathe();
}

/** `uncounted`: readings of which it is not known yet for which stages they wait. */
export type CountedStatus = BriefStatus & {
  readonly uncounted: number;
  /** Keys that were taken when a batch was sent. */
  readonly collisions: CollisionCounts;
};

export type LiveStatus = {
  readonly status: CountedStatus;
  readonly live: LiveReport;
  /** Batches that the store refused for good. */
  readonly parked: number;
};

export function liveStatus(opened: OpenAgent, settings: Settings, dataDir: string, nowMs: number): LiveStatus {
  const { buffer, backlog } = opened.parts;
  const live = opened.parts.liveReport(nowMs);
  const ledger = { db: buffer.db, version: SCHEMA_VERSION };
  const lag = backlog.read();
  const found = {
    nodeId: buffer.nodeId,
    epoch: buffer.epoch,
    accepted: buffer.lastSeq,
    held: heldBy(ledger),
    lag,
    losses: lossesOf(ledger),
    parked: parkedOf(ledger),
    corrupt: [...openingProblems(buffer, nowMs), ...collisionProblems(buffer, nowMs)],
    sources: sourcesOf(ledger),
    rules: null,
  };
  const running = { pid: live.pid, sinceMs: live.startedAtMs };
  const last = { report: live, unread: null };
  const brief = statusOf(found, { dataDir, settings, nowMs, last, running, waiting: waitingAgent(dataDir) });
  const collisions = collisionCounts(buffer);
  return { status: { ...brief, uncounted: lag.uncounted, collisions }, live, parked: found.parked?.count ?? 0 };
}
