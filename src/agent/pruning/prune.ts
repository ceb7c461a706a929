/**
 * Deletes readings from a buffer that no agent has open: what was delivered and is only kept for a while, and, where it was
 * said, what was not delivered, as a counted loss. Each transaction leaves a whole buffer, so a process may die anywhere.
 */
import { hostname } from "node:os";
import { type DataDirLock, isLocked, lockHolder, tryLock } from "../../buffer/disk/agent-lock.ts";
import { compact, sizeOnDisk } from "../../buffer/disk/compact.ts";
import { deliveredThrough, Retention, settledThrough } from "../../buffer/disk/retention.ts";
import { DiskRoom } from "../../buffer/disk/room.ts";
import type { BufferLedger } from "../../buffer/ledger/ledger.ts";
import { Outbox } from "../../buffer/outbox.ts";
import { outsideTrouble } from "../../buffer/outside-error.ts";
import { asideInProgress } from "../../buffer/salvage/set-aside.ts";
import { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import { WindowLedger } from "../../buffer/window-record.ts";
import { AgentError } from "../../core/errors.ts";
import { grouped } from "../../core/readable-numbers.ts";
import type { Settings } from "../../core/settings/settings.ts";
import { shellWord } from "../../core/shell-word.ts";
import { breathe } from "../../core/time/bell.ts";
import { readingKey } from "../../uplink/object-key.ts";

export type PruneAsked = {
  /** Only readings committed before, ms. */
  readonly beforeMs: number;
  /** Also those that no batch promises yet: they are lost. */
  readonly undelivered: boolean;
};

export type PrunePlan = {
  /** Up to this seq what is delivered is deleted. */
  readonly through: number;
  readonly delivered: number;
  /** Up to this seq what is not promised is lost; 0: nothing is. */
  readonly lostThrough: number;
  readonly lost: number;
  /** Readings that stay. */
  readonly kept: number;
  /** Of `kept`: delivered, and needed by windows that have not gone out or by the memory of rules. */
  readonly heldBack: number;
  /** About what the deleted readings take. */
  readonly bytes: number;
};

/** Reads only. */
export function planPrune(ledger: BufferLedger, { beforeMs, undelivered }: PruneAsked): PrunePlan {
  const one = (sql: string, ...values: number[]) =>
    Number(ledger.db.query<unknown, number[]>(sql).values(...values)[0]?.[0] ?? 0);
  const newer = one("SELECT min(first_seq) FROM commit_group WHERE ingested_at >= ?", beforeMs);
  const old = newer === 0 ? ledger.accepted() : newer - 1;
  const settled = settledThrough(ledger);
  const through = one("SELECT max(last_seq) FROM commit_group WHERE last_seq <= ?", Math.min(old, settled));
  const promised = Math.max(ledger.plannedThrough(), Number(ledger.meta("windows_issued_through") ?? "0"));
  const between = (first: number, last: number) =>
    one("SELECT count(*) FROM reading WHERE seq BETWEEN ? AND ?", first, last);
  const delivered = between(0, through);
  const lostThrough = undelivered && old > promised ? old : 0;
  const lost = lostThrough === 0 ? 0 : between(promised + 1, lostThrough);
  const all = one("SELECT count(*) FROM reading");
  const usedBytes = (one("PRAGMA page_count") - one("PRAGMA freelist_count")) * one("PRAGMA page_size");
  return {
    through,
    delivered,
    lostThrough,
    lost,
    kept: all - delivered - lost,
    heldBack: between(through + 1, Math.min(old, deliveredThrough(ledger))),
    bytes: all === 0 ? 0 : Math.round((usedBytes * (delivered + lost)) / all),
  };
}

export type PruneHow = {
  readonly settings: Settings;
  readonly dataDir: string;
  readonly nowMs: number;
  readonly stop: AbortSignal;
  readonly tell: (text: () => string) => void;
};

export type Pruned = {
  readonly deleted: number;
  readonly lost: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Why the file did not become smaller; null: it did. */
  readonly notShrunk: string | null;
};

/** Throws AgentError where an agent has the data dir, or a salvage is not finished, and after a stop. */
export async function prune(plan: PrunePlan, how: PruneHow): Promise<Pruned> {
  const lock = lockFor(how.dataDir);
  try {
    if (asideInProgress(how.dataDir) !== null)
      throw new AgentError(
        "Cannot prune: a damaged buffer was set aside, and what can be read of it is not taken over yet",
        {
          tryHint: `agent run --data-dir ${shellWord(how.dataDir)}`,
        },
      );
    const bytesBefore = sizeOnDisk(how.dataDir);
    const buffer = openAlone(how.dataDir, how.nowMs);
    try {
      const { deleted, lost } = await deleteRows(plan, buffer, how);
      const notShrunk = await compact(how.dataDir, buffer.db, how);
      return { deleted, lost, bytesBefore, bytesAfter: sizeOnDisk(how.dataDir), notShrunk };
    } finally {
      buffer.close();
    }
  } finally {
    lock.release();
  }
}

/** A running agent could commit nothing while its file is copied, and it deletes what is delivered by itself. */
function lockFor(dataDir: string): DataDirLock {
  const lock = tryLock(dataDir, { pid: process.pid, host: hostname(), sinceMs: Date.now() });
  if (lock !== null) return lock;
  throw besideAgent(dataDir);
}

/** Throws AgentError where an agent has the data dir: before anyone is asked. */
export function expectNoAgent(dataDir: string): void {
  if (isLocked(dataDir)) throw besideAgent(dataDir);
}

function besideAgent(dataDir: string): AgentError {
  const pid = lockHolder(dataDir)?.pid;
  const why = "It deletes what is delivered after AGENT_KEEP, and earlier where room is short. Stop it first";
  return new AgentError(`Cannot prune "${dataDir}": an agent is at work there. ${why}`, {
    tryHint: pid === undefined ? "agent config show" : `ps -p ${pid} -o pid,user,args`,
  });
}

async function deleteRows(
  plan: PrunePlan,
  buffer: SqliteBuffer,
  how: PruneHow,
): Promise<Pick<Pruned, "deleted" | "lost">> {
  const { dataDir, settings, stop, tell, nowMs } = how;
  const retention = new Retention(buffer);
  const room = new DiskRoom(dataDir, buffer.db);
  let [deleted, lost] = [0, 0];
  const step = async (work: () => number): Promise<number> => {
    await breathe();
    if (stop.aborted)
      throw new AgentError(`Cannot prune all of it: it was stopped after ${grouped(deleted + lost)} readings`);
    tell(() => `${grouped(deleted + lost)} of ${grouped(plan.delivered + plan.lost)} readings deleted`);
    return withRoom(room, work);
  };
  for (let rows = -1; rows !== 0; deleted += rows)
    rows = await step(() => retention.pruneThrough(plan.through, room.chunkRows));
  if (plan.lostThrough > 0) {
    const outbox = outboxOf(buffer, settings);
    const { issuedThrough } = new WindowLedger(buffer, settings.windowMs);
    // Readings that are in a window that went out are promised, not lost.
    for (let left = issuedThrough - outbox.plannedThrough; left > 0; left = issuedThrough - outbox.plannedThrough)
      await step(() => outbox.plan(Math.min(left, settings.batchRows), nowMs).length);
    for (let rows = -1; rows !== 0; lost += rows)
      rows = await step(() =>
        dropThrough(retention, buffer, { through: plan.lostThrough, rows: room.chunkRows }, nowMs),
      );
  }
  return { deleted, lost };
}

function dropThrough(
  retention: Retention,
  buffer: SqliteBuffer,
  { through, rows }: { readonly through: number; readonly rows: number },
  nowMs: number,
): number {
  const first = buffer.db
    .query<{ seq: number | null }, [number]>("SELECT min(seq) AS seq FROM reading WHERE seq > ?")
    .get(Number(buffer.meta("planned_through") ?? "0"))?.seq;
  if (typeof first !== "number" || first > through) return 0;
  return retention.dropOldest(Math.min(Math.floor(rows), through - first + 1), nowMs, "pruned")?.count ?? 0;
}

/** On a full disk even a delete needs room: the reserve is given up once; the next start sets it aside again. */
function withRoom(room: DiskRoom, work: () => number): number {
  try {
    return work();
  } catch (error) {
    if (outsideTrouble(error) !== "full") throw error;
    room.giveUp();
    return work();
  }
}

function openAlone(dataDir: string, nowMs: number): SqliteBuffer {
  const none = () => {
    throw new AgentError(`Cannot prune "${dataDir}": its buffer has no node id`, { tryHint: "agent buffer check" });
  };
  return new SqliteBuffer({
    dataDir,
    nodeId: none,
    nowMs,
    chance: new Uint8Array(10),
    blockRows: 1_000,
    recentRows: 1,
  });
}

function outboxOf(buffer: SqliteBuffer, { stages }: Settings): Outbox {
  return new Outbox(buffer, new Set(stages), (of) => {
    const { nodeId: node, epoch } = buffer.ownerOf(of.first);
    return readingKey({ ...of, node, epoch });
  });
}
