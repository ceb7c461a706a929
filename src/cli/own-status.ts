/**
 * The status of the agent in this process, for whoever asks it over HTTP and for its heartbeat: from what it has in memory
 * and a few look-ups, nothing that grows with the buffer.
 */
import type { OpenAgent } from "../agent/open-agent.ts";
import { corruptProblems } from "../agent/open-buffer.ts";
import { lossesOf } from "../buffer/ledger-losses.ts";
import { heldBy, parkedOf, sourcesOf } from "../buffer/ledger-status.ts";
import { SCHEMA_VERSION } from "../buffer/schema.ts";
import { breathe } from "../core/bell.ts";
import type { Settings } from "../core/settings.ts";
import { type BriefStatus, statusOf } from "./status.ts";

/**
 * Readings that wait are counted first, for at most so long: after a restart with a long backlog that takes several turns of
 * the agent, or is finished by whoever asks later.
 */
export async function countBacklog({ backlog }: OpenAgent, mostMs: number): Promise<void> {
  const until = performance.now() + mostMs;
  while (backlog.count() > 0 && performance.now() < until) await breathe();
}

/** `parked`: batches. */
export type OwnStatus = BriefStatus & { readonly uncounted: number; readonly parked: number };

export function ownStatus(opened: OpenAgent, settings: Settings, dataDir: string, nowMs: number): OwnStatus {
  const { buffer, backlog } = opened;
  const last = opened.report(nowMs);
  const ledger = { db: buffer.db, version: SCHEMA_VERSION };
  const lag = backlog.read();
  const found = {
    ...{ nodeId: settings.nodeId, epoch: buffer.epoch, accepted: buffer.lastSeq, held: heldBy(ledger), lag },
    ...{ losses: lossesOf(ledger), parked: parkedOf(ledger), corrupt: corruptProblems(buffer, nowMs) },
    ...{ sources: sourcesOf(ledger), rules: null },
  };
  const running = { pid: last.pid, sinceMs: last.startedAtMs };
  const brief = statusOf(found, { dataDir, settings, nowMs, last, running });
  return { ...brief, uncounted: lag.uncounted, parked: found.parked?.count ?? 0 };
}
