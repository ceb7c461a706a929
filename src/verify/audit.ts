/** The types of an audit: promises, stored objects, findings. */
import type { SeqRange } from "../core/seq-range.ts";
import { type ReadingStage, STAGES, type Stage } from "../core/stage.ts";
import type { ParsedKey } from "../uplink/object-key.ts";

export type PromisedBatch = {
  readonly stage: Stage;
  readonly key: string;
  readonly count: number;
  /** The planned range; null for `aggregated`. */
  readonly range: SeqRange | null;
  readonly state: BatchState;
};
/**
 * `delivered`: the store had it before it was listed. `parked`: the store refused it for good. `replanned`: another object has its
 * key, and its rows are in a batch of another epoch.
 */
export type BatchState = "delivered" | "planned" | "parked" | "replanned";

/** Delivered batches of one stage of which the buffer has only the sums. */
export type FoldedRun = {
  readonly stage: ReadingStage;
  readonly range: SeqRange;
  readonly rows: number;
  readonly objects: number;
};

/** One epoch as its buffer has it. */
export type Promises = {
  readonly epoch: string;
  readonly nodeId: string;
  /** The first seq that it can have: 1, or the one behind the earlier epoch of the same buffer. */
  readonly from: number;
  /** The last seq ever given. */
  readonly accepted: number;
  readonly plannedThrough: number;
  readonly batches: readonly PromisedBatch[];
  readonly folded: readonly FoldedRun[];
  /** Seqs that were counted as losses. */
  readonly lost: readonly SeqRange[];
  /** The ranges of readings that no batch promises yet, by the stages that they will go to. */
  readonly unplanned: Readonly<Record<ReadingStage, readonly SeqRange[]>>;
  /** Every window that went out, with its highest revision. */
  readonly windows: readonly { readonly startMs: number; readonly revision: number }[];
  /** Starts of windows that hold readings which have not gone out. */
  readonly openWindows: readonly number[];
  /** Stages that are known to have been switched on all the time; for the others the batches show it. */
  readonly always?: readonly ReadingStage[];
};

/** An object of the epoch, of any node name: a node may have been renamed. */
export type StoredObject = { readonly stage: Stage; readonly key: string; readonly of: ParsedKey };

/**
 * Ranges are of seqs; for `aggregated` each is the start of one window, as `first` and as `last`, in ms since 1970. `pending` is on
 * its way still, and not missing; `parked` is a part of `missing`, refused by the store.
 */
export type StageAudit = {
  readonly rows: number;
  readonly objects: number;
  readonly missing: readonly SeqRange[];
  readonly duplicate: readonly SeqRange[];
  readonly pending: readonly SeqRange[];
  readonly parked: readonly SeqRange[];
};

export type Audit = {
  readonly ok: boolean;
  readonly stages: Readonly<Record<Stage, StageAudit>>;
  /** Objects that no batch promised: their rows are, or will be, in other objects too. */
  readonly strays: readonly StoredObject[];
};

/** What is on its way still is neither missing nor double, and is said. */
export function hasPending({ stages }: Audit): boolean {
  return STAGES.some((stage) => stages[stage].pending.length > 0);
}

/** Where a batch goes that is in another epoch: no finding of this one. */
export const NOT_HERE: Pick<SeqRange[], "push"> = { push: () => 0 };

/** The findings of the stages while an audit runs. */
export type Findings = {
  readonly missing: SeqRange[];
  readonly duplicate: SeqRange[];
  readonly pending: SeqRange[];
  readonly parked: SeqRange[];
  readonly strays: StoredObject[];
};
