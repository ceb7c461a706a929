/** The work of `agent verify` and `agent demo`: list the store, read the buffer, compare, and with `--deep` open the objects. */

import { readLive } from "../agent/live.ts";
import { type OldEpoch, oldEpochs } from "../agent/recovery/old-epochs.ts";
import { type Conflict, conflictsOf } from "../buffer/conflicts.ts";
import { lagOf } from "../buffer/ledger/holdings.ts";
import { BufferLedger } from "../buffer/ledger/ledger.ts";
import { type LedgerPromises, promisesOf } from "../buffer/ledger/promises.ts";
import { AgentError } from "../core/errors.ts";
import { secondsText } from "../core/net/timed-request.ts";
import type { ProgressLine } from "../core/progress.ts";
import { grouped } from "../core/readable-numbers.ts";
import { intersect, mergeRanges, type SeqRange, sizeOf, totalSize } from "../core/seq-range.ts";
import type { Settings } from "../core/settings/settings.ts";
import { READING_STAGES, STAGES } from "../core/stage.ts";
import { isRunning } from "../status/not-begun.ts";
import { listObjects } from "../uplink/list-objects.ts";
import type { ObjectStore } from "../uplink/object-store.ts";
import { hasPending, type StoredObject } from "./audit.ts";
import { openEvery } from "./deep.ts";
import type { EpochFindings, ForeignObject, Verification } from "./findings.ts";
import { reconcileOldEpoch } from "./old-epoch.ts";
import { reconcile } from "./reconcile.ts";
import { auditReplanned, seqsOf } from "./replanned.ts";

export type VerifyOptions = {
  readonly dataDir: string;
  readonly settings: Pick<Settings, "stages" | "windowMs">;
  readonly store: ObjectStore;
  readonly deep: boolean;
  readonly stop: AbortSignal;
  readonly now: () => number;
  readonly progress: ProgressLine;
  /** Before it looks, it waits until nothing is pending or the time is over; absent: it does not wait. */
  readonly settle?: Settle;
};

export type Settle = {
  readonly forMs: number;
  /** A clock that never goes back. */
  readonly nowMs: () => number;
  /** Resolves after this time, or when the command is asked to stop. */
  readonly wait: (ms: number) => Promise<void>;
};

const SETTLE_EVERY_MS = 500;

/** While an agent runs, the listing and the buffer are not of the same moment: a finding must be seen twice. */
const LOOKS = 2;

export async function verify(options: VerifyOptions): Promise<Verification> {
  const { dataDir, settle } = options;
  const endMs = settle === undefined ? 0 : settle.nowMs() + settle.forMs;
  for (let look = 1; ; look++) {
    if (settle !== undefined) await untilSettled(options, settle, endMs);
    const running = isRunning(dataDir);
    const listed = await listAll(options);
    const { compared, conflicts } = compare(options, listed);
    if (running && look < LOOKS && compared.some(({ audit }) => !audit.ok)) continue;
    // Settled or taken in while the store was listed.
    const isEarly = settle !== undefined && settle.nowMs() < endMs;
    if (isEarly && compared.some(({ audit }) => hasPending(audit))) continue;
    const epochs: EpochFindings[] = [];
    for (const { objects, ...found } of compared) {
      const deep = options.deep ? await openEvery(objects, found, options) : null;
      epochs.push({ ...found, deep: found.isOther === true ? withoutPairs(deep) : deep });
    }
    return {
      ok: epochs.every(({ audit, deep }) => audit.ok && isClean(deep)),
      epochs,
      isRunning: running,
      deliversTo: readLive(dataDir)?.store ?? null,
      foreign: listed.foreign,
      foreignNamed: listed.foreignNamed,
      conflicts,
      otherEpochs: [...listed.others].map(([epoch, counts]) => {
        return { epoch, ...counts, together: togetherMs(listed.stored, [epoch, epochs[0]?.epoch ?? ""]) };
      }),
    };
  }
}

/** Of the objects that are not the agent's. */
const FOREIGN_NAMED = 5;

type OtherObjects = { readonly objects: number; readonly rows: number };

type Listed = {
  readonly fromMs: number;
  /** Of the epochs that the buffer knows, by epoch. */
  readonly objects: ReadonlyMap<string, StoredObject[]>;
  /** Of this node's other epochs. */
  readonly others: ReadonlyMap<string, OtherObjects>;
  /** When the objects of each epoch were stored, first and last. */
  readonly stored: ReadonlyMap<string, SeqRange>;
  readonly foreign: number;
  readonly foreignNamed: readonly string[];
};

/** When objects of both epochs were stored in turn, ms; null: one followed the other. */
function togetherMs(stored: Listed["stored"], epochs: readonly [string, string]): SeqRange | null {
  const [one, other] = epochs.map((epoch) => stored.get(epoch));
  if (one === undefined || other === undefined) return null;
  const both = intersect(one, other);
  return both.first < both.last ? both : null;
}

async function listAll({ dataDir, store, stop, now, progress }: VerifyOptions): Promise<Listed> {
  const { nodeId, epochs } = known(dataDir);
  const fromMs = now();
  const objects = new Map(epochs.map((epoch): [string, StoredObject[]] => [epoch, []]));
  const others = new Map<string, OtherObjects>();
  const stored = new Map<string, SeqRange>();
  let foreign = 0;
  const foreignNamed: string[] = [];
  const seen = (n: number) => progress.tell(() => `${grouped(n)} objects listed`);
  const listing = listObjects(store, STAGES, { stop, seen });
  for await (const { stage, key, of, storedMs } of listing) {
    if (of !== null && of.node === nodeId) {
      const { first, last } = stored.get(of.epoch) ?? { first: storedMs, last: storedMs };
      stored.set(of.epoch, { first: Math.min(first, storedMs), last: Math.max(last, storedMs) });
    }
    if (of === null) {
      foreign++;
      if (foreignNamed.length < FOREIGN_NAMED) foreignNamed.push(`${store.place(stage)}/${key}`);
    } else if (objects.has(of.epoch)) objects.get(of.epoch)?.push({ stage, key, of });
    else if (of.node === nodeId) {
      const other = others.get(of.epoch) ?? { objects: 0, rows: 0 };
      others.set(of.epoch, { objects: other.objects + 1, rows: other.rows + of.count });
    }
  }
  progress.end();
  return { fromMs, objects, others, stored, foreign, foreignNamed };
}

/** Closed before the store is listed: a long snapshot would keep a running agent from folding its log. */
function known(dataDir: string): { nodeId: string; epochs: string[] } {
  const ledger = BufferLedger.open(dataDir);
  try {
    const others = [...predecessors(ledger), ...conflictsOf(ledger)];
    return { nodeId: ledger.nodeId, epochs: [ledger.epoch, ...others.map(({ epoch }) => epoch)] };
  } finally {
    ledger.close();
  }
}

type Compared = Omit<EpochFindings, "deep"> & { readonly objects: readonly StoredObject[] };

/** Reads the buffer after the listing: an object that is stored meanwhile is promised; one that was settled meanwhile may not be listed. */
function compare(
  { dataDir, settings }: VerifyOptions,
  all: Listed,
): { compared: Compared[]; conflicts: ForeignObject[] } {
  const ledger = BufferLedger.open(dataDir);
  try {
    const { stages, windowMs } = settings;
    const promises = promisesOf(ledger, { stages, windowMs, listedFromMs: all.fromMs });
    const { listed, conflicts } = withoutForeign(all, promises.conflicts);
    const { epoch, nodeId, from, accepted: last } = promises;
    const objects = listed.objects.get(epoch);
    if (objects === undefined) {
      throw new AgentError("Cannot verify: the buffer was replaced while the store was listed", {
        tryHint: "agent verify",
      });
    }
    const audit = reconcile(promises, objects);
    const seqs = { first: from, last };
    const lost = totalSize(promises.lost.map((range) => intersect(range, seqs)));
    const own = { epoch, nodeId, accepted: sizeOf(seqs), seqs, ended: false, lost, file: null, audit, objects };
    const earlier = predecessors(ledger).map((old) => compareEarlier(old, promises, settings, listed));
    return { compared: [own, ...earlier, ...compareReplanned(promises, listed)], conflicts };
  } finally {
    ledger.close();
  }
}

/** An epoch before the present one: of a buffer that was set aside (`file`), or of this one. */
type Predecessor = Pick<OldEpoch, "epoch" | "nodeId"> & {
  readonly seqs: SeqRange;
  readonly file: string | null;
  readonly wasCopied: boolean;
};

function predecessors(ledger: BufferLedger): Predecessor[] {
  const earlier = ledger.earlier().map(({ epoch, nodeId, first, last }) => {
    return { epoch, nodeId, seqs: { first, last }, file: null, wasCopied: true };
  });
  const aside = oldEpochs(ledger).map(({ epoch, nodeId, from = 1, accepted: last, file, wasCopied = false }) => {
    return { epoch, nodeId, seqs: { first: from, last }, file, wasCopied };
  });
  return [...earlier, ...aside];
}

function compareEarlier(
  { epoch, nodeId, seqs, file, wasCopied }: Predecessor,
  promises: LedgerPromises,
  settings: VerifyOptions["settings"],
  listed: Listed,
): Compared {
  // Of a data dir that was copied, another copy may have continued behind the readings that both have.
  const isOurs = ({ of }: StoredObject) => !wasCopied || of.kind !== "readings" || of.first <= seqs.last;
  const objects = (listed.objects.get(epoch) ?? []).filter(isOurs);
  const own = promises.lost.map((range) => intersect(range, seqs)).filter((range) => sizeOf(range) > 0);
  const lost =
    file === null ? own : promises.lostEarlier.filter((loss) => loss.epoch === epoch).map(({ range }) => range);
  const carried = promises.carried.filter(({ key }) => key.includes(`/${epoch}.`));
  const stages = READING_STAGES.filter((stage) => settings.stages.includes(stage));
  const { first: from, last } = seqs;
  const audit = reconcileOldEpoch({ epoch, nodeId, from, accepted: last, lost, carried, stages }, objects);
  const sum = totalSize(mergeRanges(lost));
  return { epoch, nodeId, accepted: sizeOf(seqs), seqs, ended: file === null, lost: sum, file, audit, objects };
}

/** The listing without the objects that are known to be others', and those by name. */
function withoutForeign(listed: Listed, of: readonly Conflict[]): { listed: Listed; conflicts: ForeignObject[] } {
  if (of.length === 0) return { listed, conflicts: [] };
  const isTaken = new Set(of.map(({ stage, key }) => `${stage}/${key}`));
  const there = new Set<string>();
  const objects = new Map<string, StoredObject[]>();
  for (const [epoch, found] of listed.objects) {
    const kept = found.filter(({ stage, key }) => {
      const name = `${stage}/${key}`;
      if (isTaken.has(name)) there.add(name);
      return !isTaken.has(name);
    });
    objects.set(epoch, kept);
  }
  const conflicts = of.map(({ stage, key, found, epoch }) => {
    return { stage, key, found, epoch, isThere: there.has(`${stage}/${key}`) };
  });
  return { listed: { ...listed, objects }, conflicts };
}

/** The epochs of the rows whose keys were taken. */
function compareReplanned({ conflicts, carried, nodeId }: LedgerPromises, listed: Listed): Compared[] {
  return [...new Set(conflicts.map(({ epoch }) => epoch))].map((epoch) => {
    const objects = listed.objects.get(epoch) ?? [];
    const batches = carried.filter(({ key }) => key.includes(`/${epoch}.`));
    const own = conflicts.filter((conflict) => conflict.epoch === epoch);
    const seqs = seqsOf(own);
    const audit = auditReplanned({ conflicts: own, batches }, objects);
    return { epoch, nodeId, accepted: 0, seqs, ended: false, lost: 0, file: null, isOther: true, audit, objects };
  });
}

async function untilSettled({ dataDir, settings, stop, progress }: VerifyOptions, settle: Settle, endMs: number) {
  for (;;) {
    if (stop.aborted) throw new AgentError("Cannot verify: it was stopped while it waited");
    const rows = pendingRows(dataDir, settings);
    const leftMs = endMs - settle.nowMs();
    if (rows === 0 || leftMs <= 0) break;
    progress.tell(() => `${grouped(rows)} rows are pending, ${secondsText(leftMs)} s more to wait`);
    await settle.wait(Math.min(SETTLE_EVERY_MS, leftMs));
  }
  progress.end();
}

/** By the buffer alone, which is asked often: a listing takes long. */
function pendingRows(dataDir: string, { stages, windowMs }: VerifyOptions["settings"]): number {
  const ledger = BufferLedger.open(dataDir);
  try {
    const lag = lagOf(ledger, stages, windowMs);
    return STAGES.reduce((rows, stage) => rows + lag.stages[stage].pending, 0);
  } finally {
    ledger.close();
  }
}

/** A key may have been taken in one of two stages only, or by an object that has some of our rows: the stages then differ here. */
function withoutPairs(deep: EpochFindings["deep"]): EpochFindings["deep"] {
  if (deep === null) return null;
  return { ...deep, contents: { ...deep.contents, notSchematized: [], notValidated: [] } };
}

function isClean(deep: EpochFindings["deep"]): boolean {
  if (deep === null) return true;
  const { twice, contradicting, notSchematized, notValidated } = deep.contents;
  const ranges = [...Object.values(twice), contradicting, notSchematized, notValidated];
  return deep.corrupt.length === 0 && ranges.every((one) => one.length === 0);
}
