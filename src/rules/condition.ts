/** What a kind of condition is to the rest of the judge: one file per kind, listed in `kinds.ts`. */

import type { JsonNode } from "../core/outside/located-json.ts";
import type { Finding, ReadingBlock } from "../core/reading.ts";
import type { Columns } from "./columns.ts";
import type { RuleReader } from "./files/reader.ts";
import type { Memory } from "./state.ts";

/** A condition that was read from a file and can never fail to compile. */
export interface Condition {
  readonly measures: readonly string[];
  /** What it allows its one measure to be, for some sensors this and for others that; absent for what is no range. */
  readonly limits?: readonly { readonly min: number; readonly max: number }[];
  /** True where a reading is judged even when none of `measures` is there. */
  readonly judgesAbsent?: boolean;
  compile(columns: Columns): ConditionJudge;
}

/** What broke, without the words that every finding of a rule has in common. */
export type Broken = Omit<Finding, "rule" | "severity">;

/**
 * Looks at a block's columns and calls `broken` for every row that breaks the condition, in the order of the rows. Only rows
 * whose sensor has a 1 in `applies` (by handle) count; handle 0, the sensor of malformed rows, never has one.
 */
export interface ConditionJudge {
  judge(block: ReadingBlock, applies: Uint8Array, broken: (row: number, what: Broken) => void): void;
  /** What it remembers between readings; absent where a reading is judged by itself alone. */
  readonly state?: Memory;
  /** What could not be evaluated so far. */
  readonly problems?: ReadonlyMap<string, number>;
  /** The sensors from which there should have been a reading by now. It decides nothing: it is for `status` and metrics. */
  silentAt?(nowMs: number): readonly Silence[];
}

/** A sensor that has not reported for longer than a rule allows. */
export type Silence = { readonly sensor: string; readonly sinceMs: number };

export type ConditionKind = {
  /** The keys of the condition's object; a kind that is no object (an expression's text) has none. */
  readonly keys: readonly string[];
  /** The condition, or undefined after every problem was told to the reader. */
  readonly read: (node: JsonNode, reader: RuleReader) => Condition | undefined;
};
