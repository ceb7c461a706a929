/** What a kind of condition is to the rest of the judge: one file per kind, listed in `kinds.ts`. */

import type { JsonNode } from "../core/located-json.ts";
import type { Finding, ReadingBlock } from "../core/reading.ts";
import type { Columns } from "./columns.ts";
import type { RuleReader } from "./rule-reader.ts";
import type { RuleState } from "./state.ts";

/** A condition that was read from a file and can never fail to compile. */
export interface Condition {
  readonly measures: readonly string[];
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
  readonly state?: RuleState;
  /** What could not be evaluated so far. */
  readonly problems?: ReadonlyMap<string, number>;
}

export type ConditionKind = {
  /** The keys of the condition's object; a kind that is no object (an expression's text) has none. */
  readonly keys: readonly string[];
  /** The condition, or undefined after every problem was told to the reader. */
  readonly read: (node: JsonNode, reader: RuleReader) => Condition | undefined;
};
