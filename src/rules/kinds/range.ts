/**
 * `{"range": {"measure": "temperature", "min": -20, "max": 60}}`: both limits are allowed values, either may be left out.
 * `overrides` give some sensors limits of their own; `deadband` keeps a broken limit broken until the value is back within
 * the limits by that much.
 */
import { about, made, named } from "../../core/outside/composed-shapes.ts";
import { type Complain, list, object, optional, type Partly, type ValueOf } from "../../core/outside/shape.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import type { Identity } from "../../core/sensor.ts";
import type { Columns, MeasureRef } from "../columns.ts";
import type { Broken, BrokenRow, ConditionJudge, ConditionKind } from "../condition.ts";
import { APPLIES_TO } from "../selector.ts";
import { JointMemory, RuleState } from "../state.ts";
import { Asides } from "./asides.ts";
import { CLOCK, CLOCK_WIDTH, exceeds, LATE, stepClock } from "./event-time.ts";
import { MEASURE, NUMBER, ZERO_OR_MORE } from "./fields.ts";

type Limits = { readonly min: number; readonly max: number };

const MAX_OVERRIDES = 100;
const MIN = optional(NUMBER, Number.NEGATIVE_INFINITY);
const MAX = optional(NUMBER, Number.POSITIVE_INFINITY);
const NEEDS_LIMIT = 'needs "min", "max" or both';

const OVERRIDE = named(
  "override",
  about(
    object({ applies_to: APPLIES_TO, min: MIN, max: MAX }, checkLimits, { of: ["min", "max"], what: NEEDS_LIMIT }),
    "Limits of the sensors that match",
  ),
);

const shape = about(
  object(
    {
      measure: MEASURE,
      min: MIN,
      max: MAX,
      overrides: about(
        optional(list(OVERRIDE, { least: 0, most: MAX_OVERRIDES }), []),
        "Limits of some sensors in the place of these: the first that matches",
      ),
      deadband: about(
        optional(ZERO_OR_MORE, 0),
        "Once broken, stays broken until the value is back inside by this much",
        0,
      ),
    },
    (range, complain) => {
      checkLimits(range, complain);
      for (const limits of [range, ...(range.overrides ?? [])]) checkDeadband(range.deadband, limits ?? {}, complain);
    },
    { of: ["min", "max"], what: NEEDS_LIMIT },
  ),
  "A measure below min or above max; both are allowed values",
);
type Range = ValueOf<typeof shape>;

function checkLimits({ min, max }: Partly<Limits>, complain: Complain): void {
  if (min === undefined || max === undefined || min <= max) return;
  complain("min", `${min} is above "max" ${max}: every reading would break the rule`);
}

function checkDeadband(deadband: number | undefined, { min, max }: Partly<Limits>, complain: Complain): void {
  if (deadband === undefined || min === undefined || max === undefined || min > max) return;
  if (!exceeds(2 * deadband, max - min, max)) return;
  complain("deadband", `${deadband} leaves no value between ${min} and ${max} that ends a breach`);
}

function compile(range: Range, columns: Columns): ConditionJudge {
  const ref = columns.measure(range.measure);
  if (range.deadband > 0) return withMemory(range, ref, columns);
  if (range.overrides.length > 0) return bySensor(range, ref, columns);
  const { min, max } = range;
  return {
    judge(block: ReadingBlock, applies: Uint8Array, broken: BrokenRow): void {
      const column = ref.slot < 0 ? undefined : block.measures[ref.slot];
      if (column === undefined) return;
      const { count, sensor } = block;
      for (let row = 0; row < count; row++) {
        const value = column[row]!;
        // An absent value is NaN, and NaN is neither below nor above.
        if ((value < min || value > max) && applies[sensor[row]!] === 1) {
          broken(row, outside(range.measure, value, range));
        }
      }
    },
  };
}

function outside(measure: string, value: number, limits: Limits): Broken {
  const side = value < limits.min ? `below ${limits.min}` : `above ${limits.max}`;
  return { reason: `${measure} ${value} is ${side}`, observed: value, limit: limitText(limits), window: null };
}

function limitsFor(range: Range, identity: Identity): Limits {
  return range.overrides.find(({ applies_to: some }) => some.matches(identity)) ?? range;
}

/** Limits by sensor handle: the override of a sensor is looked up once, when it is first seen. */
class SensorLimits {
  readonly #range: Range;
  readonly #columns: Columns;
  readonly #seen: Limits[] = [];

  constructor(range: Range, columns: Columns) {
    this.#range = range;
    this.#columns = columns;
  }

  grown(): readonly Limits[] {
    const { sensors } = this.#columns.catalogue;
    for (let handle = this.#seen.length; handle < sensors.length; handle++) {
      const { identity } = sensors[handle]!;
      this.#seen.push(limitsFor(this.#range, identity));
    }
    return this.#seen;
  }
}

function bySensor(range: Range, ref: MeasureRef, columns: Columns): ConditionJudge {
  const limits = new SensorLimits(range, columns);
  return {
    judge(block: ReadingBlock, applies: Uint8Array, broken: BrokenRow): void {
      const column = ref.slot < 0 ? undefined : block.measures[ref.slot];
      if (column === undefined) return;
      const of = limits.grown();
      const { count, sensor } = block;
      for (let row = 0; row < count; row++) {
        const value = column[row]!;
        const { min, max } = of[sensor[row]!]!;
        if ((value < min || value > max) && applies[sensor[row]!] === 1) {
          broken(row, outside(range.measure, value, { min, max }));
        }
      }
    },
  };
}

/** Which limit is broken, behind the clock: −1 the lower, 0 none, 1 the upper. */
const SIDE = CLOCK_WIDTH;

/** A late reading is judged by the plain limits: it says nothing of the sensor now. */
function withMemory(range: Range, ref: MeasureRef, columns: Columns): ConditionJudge {
  const { deadband } = range;
  const limits = new SensorLimits(range, columns);
  const { subjects, subjectOf } = columns;
  const state = new RuleState(subjects, [...CLOCK, 0]);
  const asides = new Asides(subjects, [0]);
  return {
    state: new JointMemory(state, asides.state),
    judge(block: ReadingBlock, applies: Uint8Array, broken: BrokenRow): void {
      const column = ref.slot < 0 ? undefined : block.measures[ref.slot];
      if (column === undefined) return;
      const of = limits.grown();
      const { count, sensor, time } = block;
      for (let row = 0; row < count; row++) {
        const handle = sensor[row]!;
        const value = column[row]!;
        if (applies[handle] !== 1 || Number.isNaN(value)) continue;
        const { min, max } = of[handle]!;
        const at = state.touch(subjectOf[handle]!);
        const { values } = state;
        const step = stepClock(values, at, time[row]!);
        if (step > LATE) asides.turn(step, subjectOf[handle]!, values, at);
        const before = step === LATE ? 0 : values[at + SIDE]!;
        let side = value < min ? -1 : value > max ? 1 : 0;
        if (side === 0 && before < 0 && exceeds(deadband, value - min, min)) side = -1;
        if (side === 0 && before > 0 && exceeds(deadband, max - value, max)) side = 1;
        if (step !== LATE) values[at + SIDE] = side;
        if (side === 0) continue;
        if (value < min || value > max) broken(row, outside(range.measure, value, { min, max }));
        else broken(row, notYetBack(range, value, { min, max }, side));
      }
    },
  };
}

function notYetBack({ measure, deadband }: Range, value: number, limits: Limits, side: number): Broken {
  const wanted = decimal(side < 0 ? limits.min + deadband : limits.max - deadband);
  const was = side < 0 ? `below ${limits.min}` : `above ${limits.max}`;
  const reason = `${measure} ${value} was ${was} and is not back ${side < 0 ? "at" : "to"} ${wanted}`;
  return { reason, observed: value, limit: limitText(limits), window: { back_at: wanted } };
}

/** A sum of two decimals as a person would write it: 0.2 where doubles make it 0.19999999999999998. */
function decimal(sum: number): number {
  return Number(sum.toPrecision(12));
}

function limitText({ min, max }: Limits): string {
  if (max === Number.POSITIVE_INFINITY) return `≥ ${min}`;
  return min === Number.NEGATIVE_INFINITY ? `≤ ${max}` : `${min}…${max}`;
}

export const RANGE: ConditionKind = made(shape, (range) => ({
  measures: [range.measure],
  limits: [range, ...range.overrides],
  limitsFor: (identity) => limitsFor(range, identity),
  idle: range.overrides.flatMap(({ applies_to: some }) => some.doubts),
  compile: (columns) => compile(range, columns),
}));
