/** The result of `verify`, epoch by epoch. */
import type { SeqRange } from "../core/seq-range.ts";
import type { Stage } from "../core/stage.ts";
import type { Audit } from "./audit.ts";
import type { ContentFindings } from "./contents.ts";

/** An object whose rows do not agree with its name, or cannot be read. */
export type CorruptObject = { readonly stage: string; readonly key: string; readonly message: string };

/** One epoch: that of the buffer, one that it had before, or one whose buffer was set aside as corrupt. */
export type EpochFindings = {
  readonly epoch: string;
  readonly nodeId: string;
  readonly accepted: number;
  /** Its seqs: the readings that it accepted. */
  readonly seqs: SeqRange;
  /** It ended, and the same buffer continues under another one. */
  readonly ended: boolean;
  readonly lost: number;
  /** Where the corrupt buffer was set aside; null for an epoch of the present one. */
  readonly file: string | null;
  /** It holds only the rows of batches whose keys other objects have. */
  readonly isOther?: boolean;
  readonly audit: Audit;
  /** Null where it was not asked for. */
  readonly deep: { readonly contents: ContentFindings; readonly corrupt: readonly CorruptObject[] } | null;
};

/** An object that this node did not write, under a key of its own. */
export type ForeignObject = {
  readonly stage: Stage;
  readonly key: string;
  /** What it was when the batch was sent. */
  readonly found: string;
  /** Under which epoch the rows of the batch are. */
  readonly epoch: string;
  /** It is there still. */
  readonly isThere: boolean;
};

export type Verification = {
  readonly ok: boolean;
  /** The epoch in use first, then those before it, oldest first. */
  readonly epochs: readonly EpochFindings[];
  /** An agent has the lock, and delivers the pending rows. */
  readonly isRunning: boolean;
  /** The store that the last agent delivered to, as it was given. */
  readonly deliversTo: string | null;
  /** The same node's objects of other epochs, whose buffers are not here. */
  readonly otherEpochs: readonly {
    readonly epoch: string;
    readonly objects: number;
    readonly rows: number;
    /** From when to when both it and the present epoch stored objects, ms of the store's clock; null: one followed the other. */
    readonly together: { readonly first: number; readonly last: number } | null;
  }[];
  /** Objects of the buckets whose names are not the agent's. */
  readonly foreign: number;
  /** The first of them. */
  readonly foreignNamed: readonly string[];
  readonly conflicts: readonly ForeignObject[];
};
