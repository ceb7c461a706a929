/** The words that the buffer (step 2, KEEP) shares with the code that commits to it, reads from it and delivers from it. */
import type { Flaw, ReadingBlock, TimeFacts } from "../core/reading.ts";
import type { HourRange, SeqRange } from "../core/seq-range.ts";
import type { ReadingStage, Stage } from "../core/stage.ts";

/** Verdicts as they are stored with a reading. */
export const VALID = 0;
export const ANOMALOUS = 1;
export const MALFORMED = 2;

/** What the readings of one transaction share. */
export type CommitFacts = TimeFacts & {
  readonly ingestedAtMs: number;
  readonly rulesVersion: string;
  /** Of the agent that took the readings; a retry by a newer agent sends the same rows. */
  readonly agentVersion: string;
};

/** What one source put into a commit: stored in the same transaction as its readings. */
export type SourceShare = {
  readonly uri: string;
  readonly cursor: string | null;
  readonly accepted: number;
  readonly refused: number;
  readonly flaws: readonly Flaw[];
  /** What changed of that which it keeps beside its cursor, by key; null: it is deleted. */
  readonly state?: ReadonlyMap<string, string | null>;
};

/** Readings as they were committed: row `i` of the block has seq `firstSeq + i`. */
export type StoredBlock = {
  readonly firstSeq: number;
  readonly block: ReadingBlock;
  readonly facts: CommitFacts;
};

/**
 * A promise to deliver: these rows of this stage under this key, written down before it is kept.
 * For reading stages the rows are those of `range` that belong to the stage; for `aggregated`, whose `range` is null, the
 * body itself was written down.
 */
export type Batch = {
  readonly id: number;
  readonly stage: Stage;
  readonly key: string;
  readonly count: number;
  readonly range: HourRange | null;
  /** The body that was written down, where it is still in memory; else the outbox reads it. */
  readonly body?: Uint8Array;
};

/** A batch of a reading stage before it has an id and a key. */
export type PlannedObject = { readonly stage: ReadingStage; readonly hourMs: number; readonly count: number };

export type Loss = {
  readonly reason: string;
  /** 0: of unknown size (`isCounted`). */
  readonly count: number;
  /** Null where it is not known which readings it was. */
  readonly range: SeqRange | null;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Of a buffer that was set aside, whose seqs these are; absent: of this one. */
  readonly epoch?: string;
};

/** The seqs of a block. */
export function rangeOf({ firstSeq, block }: Pick<StoredBlock, "firstSeq" | "block">): SeqRange {
  return { first: firstSeq, last: firstSeq + block.count - 1 };
}

/** False: how many readings it was is not known (nothing of a buffer could be read). */
export function isCounted(loss: Pick<Loss, "count">): boolean {
  return loss.count > 0;
}

/** The verdict of a row of a block. */
export function verdictOf(block: ReadingBlock, row: number): typeof VALID | typeof ANOMALOUS | typeof MALFORMED {
  if (block.label[row]! < 0) return MALFORMED;
  return block.findings.size > 0 && block.findings.has(row) ? ANOMALOUS : VALID;
}
