/** Verifying, as `agent verify` and `agent demo` do it: list the store, ask the buffer, compare, and look inside if asked. */
import { BufferLedger } from "../buffer/ledger.ts";
import { promisesOf } from "../buffer/ledger-promises.ts";
import type { Settings } from "../core/settings.ts";
import { STAGES } from "../core/stage.ts";
import { readLive } from "../live.ts";
import type { ObjectStore } from "../uplink/object-store.ts";
import { type Audit, type Promises, reconcile, type StoredObject } from "../uplink/reconcile.ts";
import type { ContentFindings } from "../uplink/reconcile-contents.ts";
import { listObjects, type ProgressLine } from "./lake-listing.ts";
import { isRunning } from "./status.ts";
import { grouped } from "./table.ts";
import { openEvery } from "./verify-deep.ts";

export type VerifyOptions = {
  readonly dataDir: string;
  readonly settings: Pick<Settings, "stages" | "windowMs">;
  readonly store: ObjectStore;
  readonly deep: boolean;
  readonly stop: AbortSignal;
  readonly now: () => number;
  readonly progress: ProgressLine;
};

/** An object whose inside is not what its name says, or cannot be read. */
export type CorruptObject = { readonly stage: string; readonly key: string; readonly message: string };

export type Verification = {
  readonly ok: boolean;
  readonly epoch: string;
  readonly nodeId: string;
  readonly accepted: number;
  readonly lost: number;
  /** An agent has the lock: what is pending is on its way. */
  readonly isRunning: boolean;
  /** Where the agent that ran last delivers to, as it was given there. */
  readonly deliversTo: string | null;
  readonly audit: Audit;
  /** Null where it was not asked for. */
  readonly deep: { readonly contents: ContentFindings; readonly corrupt: readonly CorruptObject[] } | null;
  /** The same node's objects of other epochs: an earlier buffer of it, which is not here to be asked. */
  readonly otherEpochs: readonly { readonly epoch: string; readonly objects: number; readonly rows: number }[];
  /** Objects of the buckets whose names are not ours. */
  readonly foreign: number;
};

/** While an agent runs, a listing and the buffer are never of one moment: a finding must be seen twice. */
const LOOKS = 2;

export async function verify(options: VerifyOptions): Promise<Verification> {
  for (let look = 1; ; look++) {
    const running = isRunning(options.dataDir);
    const compared = await compare(options);
    const { promises, audit } = compared;
    if (running && look < LOOKS && hasMoreThanPending(audit)) continue;
    const deep = options.deep ? await openEvery(compared.objects, promises, options) : null;
    return {
      ok: audit.ok && (deep === null || (deep.corrupt.length === 0 && isClean(deep.contents))),
      ...{ epoch: promises.epoch, nodeId: promises.nodeId, accepted: promises.accepted, lost: compared.lost },
      ...{ isRunning: running, deliversTo: readLive(options.dataDir)?.store ?? null, audit, deep },
      ...{ otherEpochs: compared.otherEpochs, foreign: compared.foreign },
    };
  }
}

async function compare(options: VerifyOptions) {
  const { dataDir, settings, store, stop, now, progress } = options;
  const { epoch, nodeId } = epochOf(dataDir);
  const listedFromMs = now();
  const objects: StoredObject[] = [];
  const others = new Map<string, { objects: number; rows: number }>();
  let foreign = 0;
  const listing = listObjects(store, STAGES, stop, (n) => progress.tell(() => `${grouped(n)} objects listed`));
  for await (const { stage, key, of } of listing) {
    if (of === null) foreign++;
    else if (of.epoch === epoch) objects.push({ stage, key, of });
    else if (of.node === nodeId) {
      const other = others.get(of.epoch) ?? { objects: 0, rows: 0 };
      others.set(of.epoch, { objects: other.objects + 1, rows: other.rows + of.count });
    }
  }
  progress.end();
  // Asked after the listing: what is stored meanwhile is promised, and what was settled meanwhile may not be listed yet.
  const ledger = BufferLedger.open(dataDir);
  try {
    const promises: Promises = promisesOf(ledger, {
      stages: settings.stages,
      windowMs: settings.windowMs,
      listedFromMs,
    });
    const lost = promises.lost.reduce((sum, [first, last]) => sum + last - first + 1, 0);
    const otherEpochs = [...others].map(([other, counts]) => ({ epoch: other, ...counts }));
    return { promises, objects, audit: reconcile(promises, objects), otherEpochs, foreign, lost };
  } finally {
    ledger.close();
  }
}

/** Not kept open while the store is listed: a long snapshot would keep a running agent's log from being folded in. */
function epochOf(dataDir: string): { epoch: string; nodeId: string } {
  const ledger = BufferLedger.open(dataDir);
  const { epoch, nodeId } = ledger;
  ledger.close();
  return { epoch, nodeId };
}

function hasMoreThanPending({ stages }: Audit): boolean {
  return STAGES.some((stage) => {
    const { missing, pending, duplicate } = stages[stage];
    return duplicate.length > 0 || JSON.stringify(missing) !== JSON.stringify(pending);
  });
}

function isClean(contents: ContentFindings): boolean {
  const { twice, contradicting, notSchematized, notValidated } = contents;
  return [...Object.values(twice), contradicting, notSchematized, notValidated].every((ranges) => ranges.length === 0);
}
