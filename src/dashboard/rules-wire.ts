/** What the agent and its page say to each other of rules, and the editor of their files; as `wire.ts`. */
import type { WireProblem } from "./wire.ts";

/** `GET /api/rules`. Counts are since the agent started (`broken`) or since the set was loaded (`readings`, `errors`). */
export type WireRules = {
  /** Null: no set is in force yet. */
  readonly version: string | null;
  readonly loadedAtMs: number | null;
  /** As the user named it. Null: the rules in the binary. */
  readonly folder: string | null;
  /** Rule files of the folder, also of a refused one. */
  readonly files: readonly string[];
  readonly rules: readonly WireRule[];
  readonly refused: readonly WireFileProblem[];
  readonly warnings: readonly WireFileProblem[];
  /** Rules that apply to none of the sensors seen so far. */
  readonly unmatched: readonly string[];
  /** The newest first, at most {@link RULE_SWITCHES_MOST}. */
  readonly history: readonly WireRuleSwitch[];
  readonly isHistoryCut: boolean;
};
export const RULE_SWITCHES_MOST = 50;
/** `name`: of a file in the rules folder itself, which the editor can open; null: another one, or the folder. */
export type WireFileProblem = {
  readonly file: string;
  readonly name: string | null;
  readonly line: number;
  readonly column: number;
  readonly message: string;
};
/** `count`: its rules; null where the set is no longer known. */
export type WireRuleSwitch = {
  readonly version: string;
  readonly from: string | null;
  readonly sinceMs: number;
  readonly count: number | null;
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
};
export type WireRule = {
  readonly name: string;
  readonly description: string;
  readonly severity: "info" | "warning" | "critical";
  readonly kind: string;
  readonly measures: readonly string[];
  /** Its name in the folder; null: in the binary, or not in the folder as it is now. */
  readonly file: string | null;
  readonly tests: number;
  readonly sensors: number;
  readonly readings: number;
  readonly broken: number;
  readonly errors: number;
  readonly nsPerReading: number | null;
  readonly stateBytes: number;
};

/** `GET /api/rules/rule?name=RULE`: a rule in force as JSON. `series`: some that it applies to; `key`: `SENSOR\0MEASURE`. */
export type WireRuleText = {
  readonly name: string;
  readonly text: string;
  readonly series: readonly { readonly key: string; readonly unit: string | null }[];
};

/**
 * The editor, with the token everywhere. `GET /api/rules/file?name=FILE`: {@link RuleFileText}.
 * `POST /api/rules/check` {@link RuleEdit}: {@link RuleEditCheck}.
 * `POST /api/rules/backtest` {@link RuleBacktest}: newline-delimited {@link BacktestLine}s, the last a result or a problem.
 * `PUT /api/rules/file` {@link RuleSave}: {@link RuleSaved}; 409 {@link RuleConflict}; 422 {@link RuleCheckRefusal}.
 */
export type RuleFileText = { readonly name: string; readonly text: string; readonly version: string };
export type RuleEdit = { readonly name: string; readonly text: string };
export type RuleBacktest = RuleEdit & { readonly sinceMs: number };
/** `version`: of the text that the editor began with; null: a new file. */
export type RuleSave = RuleEdit & { readonly version: string | null };

/**
 * `in-force`: the folder would be taken in. `others-refused`: this file is right, but others are refused, as they are now.
 * `refused`: it cannot be saved.
 */
export type RuleEditCheck = {
  readonly outcome: "in-force" | "others-refused" | "refused";
  readonly problems: readonly WireFileProblem[];
  readonly warnings: readonly WireFileProblem[];
  /** Of the file's rules, in its order. */
  readonly tests: readonly WireRuleTests[];
  /** The version that the set would have, and how many rules. */
  readonly version: string | null;
  readonly rules: number | null;
};
export type RuleCheckRefusal = WireProblem & RuleEditCheck;
export type WireRuleTests = {
  readonly rule: string;
  readonly cases: readonly {
    readonly line: number;
    readonly column: number;
    readonly readings: number;
    readonly problem: string | null;
  }[];
};

export type BacktestLine =
  | { readonly progress: { readonly done: number; readonly total: number; readonly leftMs: number } }
  | { readonly result: BacktestResult }
  | { readonly problem: WireProblem };
export const BACKTEST_MARKS_MOST = 500;
export type BacktestResult = {
  readonly readings: number;
  readonly warmedUp: number;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** The buffer holds more readings since then than one backtest judges: the newest were. */
  readonly isCut: boolean;
  readonly any: BacktestCounts;
  readonly rules: readonly (BacktestCounts & {
    readonly name: string;
    readonly change: "same" | "changed" | "new" | "removed";
    /** It is in the file that is being edited. */
    readonly isEdited: boolean;
  })[];
  /** Of the rules of the edited file: those that differ first, of these the newest. */
  readonly marks: readonly BacktestMark[];
  readonly areMarksCut: boolean;
  readonly problems: readonly { readonly rule: string; readonly message: string; readonly count: number }[];
};
/** Readings: that would break it, that did, and that do in only one of the two. */
export type BacktestCounts = {
  readonly would: number;
  readonly did: number;
  readonly onlyWould: number;
  readonly onlyDid: number;
};
export type BacktestMark = {
  readonly rule: string;
  readonly sensorId: string;
  readonly measure: string | null;
  readonly atMs: number;
  readonly seq: number;
  readonly reason: string;
  readonly which: "new" | "gone" | "both";
};

/** `isInForce`: null where the agent had not taken it in before the answer had to be given. */
export type RuleSaved = {
  readonly version: string;
  readonly isInForce: boolean | null;
  readonly setVersion: string | null;
  /** Why the folder is refused, where it is. */
  readonly refused: readonly WireFileProblem[];
};
/** `current`: what is there now; null: the file was deleted. */
export type RuleConflict = WireProblem & { readonly current: RuleFileText | null };
