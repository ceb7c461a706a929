/** The kinds of condition that `when` may hold, by their key. A new kind is a file like `range.ts` and a line here. */
import type { ConditionKind } from "../condition.ts";
import { DISAGREES } from "./disagrees.ts";
import { DRIFT } from "./drift.ts";
import { EXPRESSION } from "./expression.ts";
import { FLAG } from "./flag.ts";
import { GAP } from "./gap.ts";
import { MISSING } from "./missing.ts";
import { RANGE } from "./range.ts";
import { RATE } from "./rate.ts";
import { SPIKE } from "./spike.ts";
import { STUCK } from "./stuck.ts";

export const KINDS = {
  range: RANGE,
  flag: FLAG,
  expression: EXPRESSION,
  rate: RATE,
  stuck: STUCK,
  gap: GAP,
  missing: MISSING,
  spike: SPIKE,
  drift: DRIFT,
  disagrees: DISAGREES,
} as const satisfies Record<string, ConditionKind>;
export type Kind = keyof typeof KINDS;
// The keys of the table above.
export const KIND_NAMES = Object.keys(KINDS) as readonly Kind[];
