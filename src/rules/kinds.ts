/** The kinds of condition that `when` may hold, by their key. A new kind is a file like `range.ts` and a line here. */
import type { ConditionKind } from "./condition.ts";
import { EXPRESSION } from "./expression.ts";
import { FLAG } from "./flag.ts";
import { RANGE } from "./range.ts";

export const KINDS = { range: RANGE, flag: FLAG, expression: EXPRESSION } as const satisfies Record<
  string,
  ConditionKind
>;
export type Kind = keyof typeof KINDS;
// The keys of the table above.
export const KIND_NAMES = Object.keys(KINDS) as readonly Kind[];
