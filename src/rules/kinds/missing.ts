/**
 * `{"missing": {"measures": ["temperature", "humidity"]}}`: a reading without a measure that its sensor usually reports.
 * Which measures those are is learnt from the readings: a sensor that has no thermometer misses no temperature, and one that
 * reports its measures in turn, each in a line of its own, misses none either.
 */

import { about, made } from "../../core/outside/composed-shapes.ts";
import { list, object, optional, type ValueOf } from "../../core/outside/shape.ts";
import type { Columns } from "../columns.ts";
import type { Broken, ConditionJudge, ConditionKind } from "../condition.ts";
import { JointMemory, RuleState } from "../state.ts";
import { Asides } from "./asides.ts";
import { CLOCK, CLOCK_WIDTH, isoTime, LATE, stepClock } from "./event-time.ts";
import { MEASURE, wholeNumber } from "./fields.ts";

const MOST_MEASURES = 16;
/** This many readings in a row make a habit. */
const DEFAULT_AFTER = 3;
const MOST_AFTER = 1_000;
const shape = about(
  object({
    measures: list(MEASURE, { least: 1, most: MOST_MEASURES }, (names, complain) => {
      for (const [i, name] of names.entries()) {
        if (name !== undefined && names.indexOf(name) < i) complain(`[${i}]`, `"${name}" is listed twice`);
      }
    }),
    after: about(
      optional(wholeNumber(1, MOST_AFTER), DEFAULT_AFTER),
      "Readings in a row with the measure that make a habit",
      DEFAULT_AFTER,
    ),
  }),
  "A reading without a measure that its sensor usually reports",
);
type Missing = ValueOf<typeof shape>;

// Behind the clock, for each measure: in how many readings in a row it was, up to the habit; and when it was there last.
const MEASURES = CLOCK_WIDTH;

function compile(rule: Missing, columns: Columns): ConditionJudge {
  const { measures, after } = rule;
  const refs = measures.map((name) => columns.measure(name));
  const { subjects, subjectOf } = columns;
  const fresh = measures.flatMap(() => [0, Number.NaN]);
  const state = new RuleState(subjects, [...CLOCK, ...fresh]);
  // A habit does not end with the time: a sensor that broke while its clock was ahead must stay broken.
  const asides = new Asides(subjects, fresh, 0);
  const used: Float64Array[] = [];
  return {
    state: new JointMemory(state, asides.state),
    judge(block, applies, broken) {
      for (let m = 0; m < refs.length; m++) used[m] = columns.column(block, refs[m]!);
      const { count, sensor, time } = block;
      for (let row = 0; row < count; row++) {
        const handle = sensor[row]!;
        if (applies[handle] !== 1) continue;
        const at = state.touch(subjectOf[handle]!);
        const { values } = state;
        const now = time[row]!;
        const step = stepClock(values, at, now);
        if (step === LATE) continue;
        if (step > LATE) asides.turn(step, subjectOf[handle]!, values, at);
        let missing = 0;
        for (let m = 0; m < used.length; m++) {
          const runAt = at + MEASURES + m * 2;
          const run = values[runAt]!;
          if (!Number.isNaN(used[m]![row]!)) {
            if (run < after) values[runAt] = run + 1;
            values[runAt + 1] = now;
          } else if (run >= after) missing++;
          else values[runAt] = 0;
        }
        if (missing > 0) broken(row, habitBroken(rule, values.subarray(at), valuesAt(used, row)));
      }
    },
  };
}

/** Apart from the loop: a closure there would keep its variables on the heap. */
function valuesAt(columns: readonly Float64Array[], row: number): readonly (number | undefined)[] {
  return columns.map((column) => column[row]);
}

function habitBroken(
  { measures, after }: Missing,
  memory: Float64Array,
  current: readonly (number | undefined)[],
): Broken {
  const lastSeen = measures.flatMap((name, m) => {
    const [run = 0, lastAt = Number.NaN] = memory.subarray(MEASURES + m * 2);
    return Number.isNaN(current[m]) && run >= after ? [[name, isoTime(lastAt)] as const] : [];
  });
  const names = lastSeen.map(([name]) => name);
  const are = names.length === 1 ? "is" : "are";
  return {
    reason: `${names.join(", ")} ${are} missing, which this sensor used to report`,
    observed: null,
    limit: measures.join(", "),
    window: { last_seen: Object.fromEntries(lastSeen) },
  };
}

export const MISSING: ConditionKind = made(shape, (missing) => ({
  measures: missing.measures,
  judgesAbsent: true,
  window: { ms: null, readings: missing.after },
  compile: (columns) => compile(missing, columns),
}));
