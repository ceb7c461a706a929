/** The port between the judge and the pipeline (step 3, JUDGE). */
import type { ReadingBlock } from "../core/reading.ts";

/**
 * A whole, validated, compiled set of rules. Judging is pure but for the rules' own state: it reads a block's columns and
 * writes `block.findings`; a block that is never committed must not have moved the state. What is stored of it is stored in
 * the transaction of a commit, and judging the readings behind that again, in their order, gives the same state again.
 */
export interface RuleSet {
  /** The first 12 hex digits of a SHA-256 over the canonical JSON of all rules. */
  readonly version: string;
  /** The rules as canonical JSON text: stored with the version, so that `why` can explain a reading years later. */
  readonly canonical: string;
  /** In the order in which a reading's findings come: by name. */
  readonly names: readonly string[];
  readonly rules: readonly RuleSummary[];
  /** Writes `block.findings`. What an earlier block that was not kept has moved in the rules' memory is put back first. */
  judge(block: ReadingBlock): void;
  /** The block that was judged last has been committed: what it moved in the rules' memory stays. */
  keep(): void;
  /** The memory of each rule that has one, by the rule's canonical JSON; what was not kept is put back first. */
  saveState(): ReadonlyMap<string, Uint8Array>;
  /** The same, with the block that was judged last: what is stored in the transaction that commits it. */
  saveJudged(): ReadonlyMap<string, Uint8Array>;
  /** Takes over what was saved for the same rules. Returns the names of the rules with a memory that begin anew. */
  loadState(saved: ReadonlyMap<string, Uint8Array>): readonly string[];
  /** By rule, in the order of `names`. */
  costs(): readonly RuleCost[];
  /** What could not be evaluated since the set was made, by rule: such a reading does not break the rule. */
  evaluationProblems(): readonly EvaluationProblem[];
  /** The sensors from which there should have been a reading by now, by rule, longest first: live, and no verdict. */
  silentSensors(nowMs: number): readonly SilentSensor[];
}

/** What a rule takes and holds. */
export type RuleCost = {
  readonly rule: string;
  /** CPU time, measured on one block of many; null before the first. */
  readonly nsPerReading: number | null;
  /** Sensors or groups that it remembers something of, and how much. */
  readonly subjects: number;
  readonly stateBytes: number;
};

export type SilentSensor = { readonly rule: string; readonly sensor: string; readonly sinceMs: number };

/** A rule as a list shows it. */
export type RuleSummary = {
  readonly name: string;
  readonly description: string;
  readonly severity: "info" | "warning" | "critical";
  /** The kind of its condition: the key in `when`. */
  readonly kind: string;
  /** The measures that it looks at: what no sensor reports is probably misspelt. */
  readonly measures: readonly string[];
  readonly tests: number;
};

/** An error that only a reading can show: an integer divided by zero, a text that is no number. */
export type EvaluationProblem = { readonly rule: string; readonly message: string; readonly count: number };

/** Why a set was refused: printed as `file:line:column: message`. Lines and columns count from 1. */
export type RuleProblem = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
};

export type Loaded<T> = { readonly ok: T } | { readonly refused: readonly RuleProblem[] };

/** Limits of what is read from a rules folder; beyond them the set is refused. */
export const RULE_LIMITS = {
  fileBytes: 1024 * 1024,
  rules: 1_000,
  tests: 1_000,
  /** In all tests of a rule together: they run at every reload. */
  testReadings: 20_000,
  /** In all tests of a set: while they run, no reading is taken. */
  setTestReadings: 200_000,
  expressionBytes: 4 * 1024,
  textLength: 1_024,
  /** Values of one field in `applies_to`. */
  alternatives: 1_000,
  /** Problems that are told at once. */
  problems: 1_000,
} as const;

export function formatProblem(problem: RuleProblem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}`;
}
