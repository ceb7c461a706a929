/** How much each rule had to do since its set was loaded: the sensors that it applies to, their readings, its errors. */
import type { ReadingBlock } from "../core/reading.ts";
import type { SelectionRef } from "./columns.ts";
import type { ConditionJudge } from "./condition.ts";
import type { RuleCount } from "./rule-set.ts";

/** Errors and decisions of a rule that can fail; of one block, or of all. */
type Evaluations = { errors: number; decided: number };

export type TalliedRule = { readonly name: string; readonly selection: SelectionRef; readonly judge: ConditionJudge };

export class Tally {
  readonly #rules: readonly TalliedRule[];
  /** The rules whose evaluation can fail, with what they had evaluated before the block that is being judged. */
  readonly #fallible: readonly {
    readonly rule: TalliedRule;
    readonly before: Evaluations;
    readonly kept: Evaluations;
  }[];
  /** Readings by sensor handle. */
  #rows = new Float64Array(64);

  constructor(rules: readonly TalliedRule[]) {
    this.#rules = rules;
    this.#fallible = rules.flatMap((rule) => {
      if (rule.judge.problems === undefined) return [];
      return [{ rule, before: { errors: 0, decided: 0 }, kept: { errors: 0, decided: 0 } }];
    });
  }

  /** Before a block is judged, for the first time or again. */
  begin(): void {
    for (const { rule, before } of this.#fallible) Object.assign(before, evaluationsOf(rule.judge));
  }

  /** The block that was judged last is in the buffer, for the first time. `sensors`: how many handles there are. */
  add({ count, sensor }: Pick<ReadingBlock, "count" | "sensor">, sensors: number): void {
    if (sensors > this.#rows.length) {
      const grown = new Float64Array(sensors * 2);
      grown.set(this.#rows);
      this.#rows = grown;
    }
    const rows = this.#rows;
    for (let row = 0; row < count; row++) rows[sensor[row]!]!++;
    for (const { rule, before, kept } of this.#fallible) {
      const now = evaluationsOf(rule.judge);
      kept.errors += now.errors - before.errors;
      kept.decided += now.decided - before.decided;
    }
  }

  /** By rule, in their order. */
  counts(): readonly RuleCount[] {
    const readings = new Map<SelectionRef, number>();
    return this.#rules.map((rule) => {
      const { selection } = rule;
      const known = readings.get(selection) ?? this.#readingsOf(selection);
      readings.set(selection, known);
      const { errors = 0, decided = null } = this.#fallible.find((each) => each.rule === rule)?.kept ?? {};
      return { rule: rule.name, sensors: selection.sensors, readings: known, errors, decided };
    });
  }

  #readingsOf({ mask }: SelectionRef): number {
    let sum = 0;
    for (let handle = Math.min(mask.length, this.#rows.length) - 1; handle >= 0; handle--) {
      if (mask[handle] === 1) sum += this.#rows[handle] ?? 0;
    }
    return sum;
  }
}

function evaluationsOf({ problems, decided }: ConditionJudge): Evaluations {
  let errors = 0;
  for (const count of problems?.values() ?? []) errors += count;
  return { errors, decided: decided?.() ?? 0 };
}
