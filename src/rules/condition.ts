/** A kind of condition, as the rest of the judge sees it: one file per kind, listed in `kinds/all.ts`. */

import type { Shape } from "../core/outside/shape.ts";
import type { Finding, ReadingBlock } from "../core/reading.ts";
import type { Identity } from "../core/sensor.ts";
import type { Columns } from "./columns.ts";
import type { Doubt } from "./rule-set.ts";
import type { Memory } from "./state.ts";

/** A condition that was read from a file and can never fail to compile. */
export interface Condition {
  readonly measures: readonly string[];
  /** The ranges that its one measure may be in, one for each group of sensors; only a range has them. */
  readonly limits?: readonly { readonly min: number; readonly max: number }[];
  /** The range of values that this sensor may have; only a range has it. */
  readonly limitsFor?: (identity: Identity) => { readonly min: number; readonly max: number };
  /** How far back it looks, where it remembers. */
  readonly window?: RememberedWindow;
  /** A warning of `rules check`: it is legal, but probably a mistake. */
  readonly doubt?: string;
  /** Why it cannot work as it is written, although it is legal. */
  readonly idle?: readonly Doubt[];
  /** True where a reading is judged even when it has none of `measures`. */
  readonly judgesAbsent?: boolean;
  compile(columns: Columns): ConditionJudge;
}

/** In time, in readings, or both; null: that does not limit it. */
export type RememberedWindow = { readonly ms: number | null; readonly readings: number | null };

/** A finding without the fields that are the same in every finding of a rule. */
export type Broken = Omit<Finding, "rule" | "severity">;
export type BrokenRow = (row: number, what: Broken) => void;

/**
 * Reads a block's columns and calls `broken` for every row that breaks the condition, in the order of the rows. Only rows
 * whose sensor has a 1 in `applies` (by handle) count; handle 0, the sensor of malformed rows, never has one.
 */
export interface ConditionJudge {
  judge(block: ReadingBlock, applies: Uint8Array, broken: BrokenRow): void;
  /** Its memory between readings; absent where a reading is judged by itself alone. */
  readonly state?: Memory;
  /** Errors of evaluation so far: how often each message came. */
  readonly problems?: ReadonlyMap<string, number>;
  /** How often an evaluation ended in true or false, where one can fail. */
  readonly decided?: () => number;
  /** The sensors that should have sent a reading by now. It decides no verdict: it is for `status` and metrics. */
  silentAt?(nowMs: number): readonly Silence[];
}

/** A sensor that has not reported for longer than a rule allows. */
export type Silence = { readonly sensor: string; readonly sinceMs: number };

/** What is behind the kind's key in `when`: its shape makes the condition. */
export type ConditionKind = Shape<Condition>;
