/** The port between the judge and the pipeline (step 3, JUDGE). */
import { type FileProblem, problemLine } from "../core/outside/json-file.ts";
import { PROBLEMS_MOST } from "../core/outside/shape.ts";
import type { Profile } from "../core/profile.ts";
import type { ReadingBlock } from "../core/reading.ts";

/**
 * A whole, validated, compiled set of rules. Judging is pure but for the rules' own state: it reads a block's columns and
 * writes `block.findings`; a block that is never committed leaves the state as it was. The state is stored in the
 * transaction of a commit, and judging the readings after that commit again, in their order, gives the same state.
 */
export interface RuleSet {
  /** The first 12 hex digits of a SHA-256 over the canonical JSON of all rules. */
  readonly version: string;
  /** The rules as canonical JSON text: stored with the version, so that `why` can explain a reading years later. */
  readonly canonical: string;
  /** In the order in which a reading's findings come: by name. */
  readonly names: readonly string[];
  readonly rules: readonly RuleSummary[];
  /**
   * What is legal but probably a mistake: rules that cannot work, limits that are far from what is plausible, files beside the rules
   * that are not read. `profiles`: all that a reading may have.
   */
  warnings(profiles: readonly Profile[]): readonly RuleWarning[];
  /** Writes `block.findings`. First undoes the changes of an earlier block that was not kept in the rules' memory. */
  judge(block: ReadingBlock): void;
  /** The block that was judged last has been committed: its changes in the rules' memory stay. */
  keep(): void;
  /** The block that was judged last was committed for the first time: counts it for `counts`. */
  count(block: Pick<ReadingBlock, "count" | "sensor">): void;
  /** By rule, in the order of `names`, since the set was loaded. */
  counts(): readonly RuleCount[];
  /** The memory of each rule that has one, by the rule's canonical JSON; first undoes the changes that were not kept. */
  saveState(): ReadonlyMap<string, Uint8Array>;
  /** The same, with the changes of the block that was judged last: stored in the transaction that commits it. */
  saveJudged(): ReadonlyMap<string, Uint8Array>;
  /** Restores the memory that was saved for the same rules. Returns the names of the rules whose memory starts empty. */
  loadState(saved: ReadonlyMap<string, Uint8Array>, keeps?: (subject: string) => boolean): readonly string[];
  /** By rule, in the order of `names`. */
  costs(): readonly RuleCost[];
  /** Errors of evaluation since the set was made, by rule: such a reading does not break the rule. */
  evaluationProblems(): readonly EvaluationProblem[];
  /** The sensors that should have sent a reading by now, by rule, longest first: live, and no verdict. */
  silentSensors(nowMs: number): readonly SilentSensor[];
}

/** The CPU time and the memory of a rule. */
export type RuleCost = {
  readonly rule: string;
  /** CPU time, measured on one block of many; null before the first. */
  readonly nsPerReading: number | null;
  /** Sensors or groups in its memory, and its size. */
  readonly subjects: number;
  readonly stateBytes: number;
};

/**
 * How much a rule had to do. `sensors`: those seen so far that it applies to; `readings`: theirs. `errors`: evaluations that
 * failed; `decided`: those that ended in true or false, null for a rule whose evaluation cannot fail.
 */
export type RuleCount = {
  readonly rule: string;
  readonly sensors: number;
  readonly readings: number;
  readonly errors: number;
  readonly decided: number | null;
};

export type SilentSensor = { readonly rule: string; readonly sensor: string; readonly sinceMs: number };

/** A rule as a list shows it. */
export type RuleSummary = {
  readonly name: string;
  readonly description: string;
  readonly severity: "info" | "warning" | "critical";
  /** The kind of its condition: the key in `when`. */
  readonly kind: string;
  /** The measures that it reads: one that no sensor reports is probably misspelt. */
  readonly measures: readonly string[];
  readonly tests: number;
  /** Where it is, as its problems name it: `rules/pumps.json`. */
  readonly file: string;
};

/** An error that only a reading can cause: an integer divided by zero, a text that is not a number. */
export type EvaluationProblem = { readonly rule: string; readonly message: string; readonly count: number };

/** Why a set was refused: printed as `file:line:column: message`. */
export type RuleProblem = FileProblem;

/** Why a part of a rule that is legal cannot work. `path` and `index`: its place in the file, as in `JsonProblem`. */
export type Doubt = { readonly path: string; readonly message: string; readonly index?: number };

/** A rule that is legal but hardly meant. `idle`: it cannot work as it is. */
export type RuleWarning = RuleProblem & { readonly idle: boolean };

export type Loaded<T> = { readonly ok: T } | { readonly refused: readonly RuleProblem[] };

/** Limits of a rules folder; a set beyond them is refused. */
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
  /** Problems that are reported at once. */
  problems: PROBLEMS_MOST,
} as const;

export const formatProblem = problemLine;
