/**
 * `"confirm": {"at_least": 3, "of": 5}` beside `when`, for any kind: the rule is broken by a reading that breaks the condition
 * when at least 3 of the sensor's last 5 judged readings, this one among them, did.
 */

import { about, named } from "../../core/outside/composed-shapes.ts";
import { object, type Shape } from "../../core/outside/shape.ts";
import type { Columns } from "../columns.ts";
import type { Broken, Condition, ConditionJudge } from "../condition.ts";
import { JointMemory, RuleState } from "../state.ts";
import { Asides } from "./asides.ts";
import { CLOCK, CLOCK_WIDTH, LATE, stepClock } from "./event-time.ts";
import { wholeNumber } from "./fields.ts";

/** The last readings are the bits of one double. */
const CONFIRM_MOST = 50;
export type Confirm = { readonly at_least: number; readonly of: number };

export const CONFIRM: Shape<Confirm> = named(
  "confirm",
  about(
    object(
      {
        at_least: about(wholeNumber(1, CONFIRM_MOST), "Readings that break the condition, this one among them"),
        of: about(wholeNumber(2, CONFIRM_MOST), "The last judged readings of the sensor"),
      },
      ({ at_least: atLeast, of }, complain) => {
        if (atLeast === undefined || of === undefined || atLeast <= of) return;
        complain("at_least", `${atLeast} of the last ${of} readings are never broken`);
      },
    ),
    "The rule is broken only when this many of the sensor's last readings broke the condition",
  ),
);

/** The bits, behind the clock; the lowest is the last reading. */
const BITS = CLOCK_WIDTH;

export function confirmed(condition: Condition, confirm: Confirm): Condition {
  const window = { ms: condition.window?.ms ?? null, readings: Math.max(confirm.of, condition.window?.readings ?? 0) };
  return { ...condition, window, compile: (columns) => compile(condition, confirm, columns) };
}

function compile(condition: Condition, { at_least: atLeast, of }: Confirm, columns: Columns): ConditionJudge {
  const inner = condition.compile(columns);
  const refs = condition.judgesAbsent === true ? [] : condition.measures.map((name) => columns.measure(name));
  const { subjects, subjectOf } = columns;
  const own = new RuleState(subjects, [...CLOCK, 0]);
  const asides = new Asides(subjects, [0]);
  const memory = new JointMemory(own, asides.state);
  const span = 2 ** of;
  const brokenRows = new Map<number, Broken>();
  const { problems, decided } = inner;
  const silentAt = inner.silentAt?.bind(inner);
  return {
    state: inner.state === undefined ? memory : new JointMemory(inner.state, memory),
    ...(problems === undefined ? {} : { problems }),
    ...(decided === undefined ? {} : { decided }),
    ...(silentAt === undefined ? {} : { silentAt }),
    judge(block, applies, broken) {
      brokenRows.clear();
      inner.judge(block, applies, (row, what) => brokenRows.set(row, what));
      const used = refs.map((ref) => columns.column(block, ref));
      const { count, sensor, time } = block;
      for (let row = 0; row < count; row++) {
        const handle = sensor[row]!;
        if (applies[handle] !== 1 || isAbsent(used, row)) continue;
        const at = own.touch(subjectOf[handle]!);
        const { values } = own;
        const step = stepClock(values, at, time[row]!);
        if (step === LATE) continue;
        if (step > LATE) asides.turn(step, subjectOf[handle]!, values, at);
        const what = brokenRows.get(row);
        const bits = ((values[at + BITS]! * 2) % span) + (what === undefined ? 0 : 1);
        values[at + BITS] = bits;
        if (what === undefined) continue;
        const breaking = ones(bits);
        if (breaking >= atLeast) broken(row, withCount(what, breaking, of));
      }
    },
  };
}

/** Whether a condition about measures has none to judge in this row. */
function isAbsent(used: readonly Float64Array[], row: number): boolean {
  if (used.length === 0) return false;
  for (const column of used) if (!Number.isNaN(column[row]!)) return false;
  return true;
}

function ones(bits: number): number {
  let count = 0;
  for (let rest = bits; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

function withCount(what: Broken, breaking: number, of: number): Broken {
  const window = { breaking, of, last: what.window };
  return { ...what, reason: `${what.reason}; ${breaking} of the last ${of} readings broke this`, window };
}
