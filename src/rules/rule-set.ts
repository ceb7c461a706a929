/** The port between the judge and the pipeline (step 3, JUDGE). */
import type { ReadingBlock } from "../core/reading.ts";

/**
 * A whole, validated, compiled set of rules. Judging is pure but for the rules' own state: it reads a block's columns and
 * writes `block.findings`; a block that is never committed must not have moved the state (`state()` is stored in the same
 * transaction as the readings, and a set is opened with the last stored state).
 */
export interface RuleSet {
  /** The first 12 hex digits of a SHA-256 over the canonical JSON of all rules. */
  readonly version: string;
  /** The rules as canonical JSON text: stored with the version, so that `why` can explain a reading years later. */
  readonly canonical: string;
  readonly names: readonly string[];
  judge(block: ReadingBlock): void;
}
