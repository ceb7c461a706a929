/**
 * The one form of a kind that remembers the values of a measure: the shape of its keys, the content of a fresh memory, and the
 * loop that judges a column. Each kind has a loop of its own: with one loop for all of them, which calls the step of the kind for each
 * row, judging takes a tenth to a half longer (docs/decisions.md, "The row loop of a rule").
 */
import { made } from "../../core/outside/composed-shapes.ts";
import type { Shape } from "../../core/outside/shape.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import type { Columns } from "../columns.ts";
import type { BrokenRow, Condition, ConditionJudge, ConditionKind, RememberedWindow } from "../condition.ts";
import { JointMemory, RuleState } from "../state.ts";
import { Asides } from "./asides.ts";
import { CLOCK } from "./event-time.ts";

export type Memory = {
  /** Of each subject: the clock, then the doubles of `fresh`. */
  readonly state: RuleState;
  /** To be turned at each step above `LATE`. */
  readonly asides: Asides;
  /** By sensor handle. */
  readonly subjectOf: readonly number[];
};

/** Like `ConditionJudge.judge`, for the column of the measure; a row without a value there changes nothing. */
export type JudgeColumn = (block: ReadingBlock, column: Float64Array, applies: Uint8Array, broken: BrokenRow) => void;

type OfMeasure = { readonly measure: string };

type RememberingKind<T extends OfMeasure> = {
  readonly shape: Shape<T>;
  /** A warning of `rules check`: it is legal, but probably a mistake. */
  readonly doubt?: (rule: T) => string | undefined;
  readonly window: (rule: T) => RememberedWindow;
  /** The doubles of a subject that was never seen, behind the clock. */
  readonly fresh: (rule: T) => readonly number[];
  /** How many of these a backlog, or a clock that was set back, resets (asides.ts); absent: all. */
  readonly reset?: number;
  readonly judge: (rule: T, memory: Memory) => JudgeColumn;
};

export function remembering<T extends OfMeasure>(kind: RememberingKind<T>): ConditionKind {
  return made(kind.shape, (rule) => {
    const doubt = kind.doubt?.(rule);
    const condition: Condition = {
      measures: [rule.measure],
      window: kind.window(rule),
      compile: (columns) => compile(kind, rule, columns),
    };
    return doubt === undefined ? condition : { ...condition, doubt };
  });
}

function compile<T extends OfMeasure>(kind: RememberingKind<T>, rule: T, columns: Columns): ConditionJudge {
  const ref = columns.measure(rule.measure);
  const { subjects, subjectOf } = columns;
  const fresh = kind.fresh(rule);
  const state = new RuleState(subjects, [...CLOCK, ...fresh]);
  const asides = new Asides(subjects, fresh, kind.reset);
  const judgeColumn = kind.judge(rule, { state, asides, subjectOf });
  return {
    state: new JointMemory(state, asides.state),
    judge(block, applies, broken) {
      const column = ref.slot < 0 ? undefined : block.measures[ref.slot];
      if (column !== undefined) judgeColumn(block, column, applies, broken);
    },
  };
}
