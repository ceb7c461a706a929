/**
 * `{"disagrees": {"measure": "temperature", "group_by": "location", "max_difference": 3, "at_least": 3}}`: the value
 * differs from the median of the other sensors of its group, of their values within a minute of event time. Only the order of
 * the readings decides which values are known, so that judging them again decides the same.
 */

import { about, made } from "../../core/outside/composed-shapes.ts";
import { oneOf } from "../../core/outside/scalar-shapes.ts";
import { join, object, optional, type ValueOf } from "../../core/outside/shape.ts";
import { IDENTITY_COLUMNS, type IdentityColumn } from "../../core/sensor.ts";
import { formatDuration } from "../../core/time/duration.ts";
import { type Columns, SENSOR_SUBJECT } from "../columns.ts";
import type { Broken, Condition, ConditionJudge, ConditionKind } from "../condition.ts";
import { RuleState } from "../state.ts";
import { CLOCK, CLOCK_WIDTH, exceeds, isoTime, LATE, PEAK, SET_BACK, shortNumber, stepClock } from "./event-time.ts";
import { DURATION, MEASURE, wholeNumber, ZERO_OR_MORE } from "./fields.ts";
import { insertSorted, medianOf } from "./median.ts";

/** A group remembers this many members: of more, the ones that reported last. */
export const GROUP_MOST = 64;
const shape = about(
  object({
    measure: MEASURE,
    group_by: oneOf(IDENTITY_COLUMNS),
    max_difference: about(ZERO_OR_MORE, "In the measure's unit"),
    at_least: about(optional(wholeNumber(1, GROUP_MOST - 1), 2), "Others that must have reported", 2),
    within: about(optional(DURATION, 60_000), "Of event time", "1m"),
  }),
  "This sensor against the median of the others of its group",
);
type Disagrees = ValueOf<typeof shape>;

// How many members there are, then for each: who it is, its clock, its last value, and that of its peak: while a backlog of
// one comes, its neighbours see the newest value too.
const COUNT = 0;
const MEMBERS = 1;
const MEMBER_CLOCK = 1;
const MEMBER_VALUE = MEMBER_CLOCK + CLOCK_WIDTH;
const PEAK_VALUE = MEMBER_VALUE + 1;
const MEMBER_WIDTH = PEAK_VALUE + 1;

type Neighbours = { readonly withinMs: number; readonly others: Float64Array };

function compile(disagrees: Disagrees, columns: Columns): ConditionJudge {
  const { max_difference: maxDifference, at_least: atLeast, within: withinMs } = disagrees;
  const ref = columns.measure(disagrees.measure);
  const state = new RuleState(columns.subjects, new Array<number>(MEMBERS + GROUP_MOST * MEMBER_WIDTH).fill(0));
  const membership = new Membership(disagrees.group_by, columns);
  const others = new Float64Array(GROUP_MOST);
  const neighbours = { withinMs, others };
  return {
    state,
    judge(block, applies, broken) {
      const column = ref.slot < 0 ? undefined : block.measures[ref.slot];
      if (column === undefined) return;
      membership.grow();
      const { groupOf, idOf } = membership;
      const { count, sensor, time } = block;
      for (let row = 0; row < count; row++) {
        const handle = sensor[row]!;
        const value = column[row]!;
        if (applies[handle] !== 1 || Number.isNaN(value) || groupOf[handle]! < 0) continue;
        const now = time[row]!;
        const at = state.touch(groupOf[handle]!);
        const { values } = state;
        const own = memberOf(values, at, idOf[handle]!);
        const step = stepClock(values, own + MEMBER_CLOCK, now);
        if (step === LATE) continue;
        if (step === SET_BACK) values[own + PEAK_VALUE] = values[own + MEMBER_VALUE]!;
        values[own + MEMBER_VALUE] = value;
        const known = gather(values, at, own, neighbours);
        if (known < atLeast) continue;
        const median = medianOf(others, 0, known);
        if (!exceeds(Math.abs(value - median), maxDifference, value)) continue;
        const group = columns.subjects.names[groupOf[handle]!] ?? "";
        broken(row, apartFromGroup(disagrees, { group, value, median, known, now }));
      }
    },
  };
}

/** The other members' values of at most `withinMs` before or after the own reading, sorted into `others`; how many there are. */
function gather(values: Float64Array, at: number, own: number, { withinMs, others }: Neighbours): number {
  const end = at + MEMBERS + values[at + COUNT]! * MEMBER_WIDTH;
  const now = values[own + MEMBER_CLOCK]!;
  let known = 0;
  for (let member = at + MEMBERS; member < end; member += MEMBER_WIDTH) {
    if (member === own) continue;
    if (Math.abs(now - values[member + MEMBER_CLOCK]!) <= withinMs) {
      insertSorted(others, 0, known++, values[member + MEMBER_VALUE]!);
    } else if (Math.abs(now - values[member + MEMBER_CLOCK + PEAK]!) <= withinMs) {
      insertSorted(others, 0, known++, values[member + PEAK_VALUE]!);
    }
  }
  return known;
}

/** Where the member's doubles begin; a new one takes a free place, or that of the one that has been silent longest. */
function memberOf(values: Float64Array, at: number, id: number): number {
  const count = values[at + COUNT]!;
  const end = at + MEMBERS + count * MEMBER_WIDTH;
  let oldest = at + MEMBERS;
  for (let member = at + MEMBERS; member < end; member += MEMBER_WIDTH) {
    if (values[member] === id) return member;
    if (values[member + MEMBER_CLOCK]! < values[oldest + MEMBER_CLOCK]!) oldest = member;
  }
  const place = count < GROUP_MOST ? end : oldest;
  if (count < GROUP_MOST) values[at + COUNT] = count + 1;
  values[place] = id;
  values.set(CLOCK, place + MEMBER_CLOCK);
  return place;
}

/** By sensor handle: the subject that its group is, −1 where it has none, and a number for its name. */
class Membership {
  readonly groupOf: number[] = [];
  readonly idOf: number[] = [];
  readonly #column: number;
  readonly #name: string;
  readonly #columns: Columns;
  #sensorsSeen = 0;

  constructor(groupBy: IdentityColumn, columns: Columns) {
    this.#column = IDENTITY_COLUMNS.indexOf(groupBy);
    this.#name = groupBy;
    this.#columns = columns;
  }

  grow(): void {
    const { catalogue, subjects, subjectOf } = this.#columns;
    for (; this.#sensorsSeen < catalogue.interned.length; this.#sensorsSeen++) {
      const { handle, identity } = catalogue.interned[this.#sensorsSeen]!;
      const group = identity[this.#column] ?? null;
      this.groupOf[handle] = group === null ? -1 : subjects.of(`${this.#name} ${group}`);
      this.idOf[handle] = numberOf(subjects.names[subjectOf[handle]!]!.slice(SENSOR_SUBJECT.length));
    }
  }
}

/**
 * 53 bits of a hash (two multiplicative ones, crossed): a subject's number is of one process, but this is kept. With 64
 * members the chance that two are taken for one is below 10⁻¹².
 */
function numberOf(name: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return (b & 0x1fffff) * 2 ** 32 + (a >>> 0);
}

type Disagreement = {
  readonly group: string;
  readonly value: number;
  readonly median: number;
  readonly known: number;
  readonly now: number;
};

function apartFromGroup(disagrees: Disagrees, { group, value, median, known, now }: Disagreement): Broken {
  const { measure, max_difference: maxDifference, within } = disagrees;
  const apart = shortNumber(Math.abs(value - median));
  return {
    reason: `${measure} ${value} is ${apart} from the median ${shortNumber(median)} of ${known} others of ${group}`,
    observed: value,
    limit: `within ${maxDifference} of the others`,
    window: {
      from: isoTime(now - within),
      to: isoTime(now),
      others: known,
      median,
      within: formatDuration(within),
    },
  };
}

/** Every sensor has a `sensor_id` of its own. */
const ALONE = 'no two sensors have the same "sensor_id": each is alone in its group, and nothing is judged';

export const DISAGREES: ConditionKind = made(shape, (disagrees, { path }) => {
  const condition: Condition = {
    measures: [disagrees.measure],
    window: { ms: disagrees.within, readings: null },
    idle: disagrees.group_by === "sensor_id" ? [{ path: join(path, "group_by"), message: ALONE }] : [],
    compile: (columns) => compile(disagrees, columns),
  };
  if (disagrees.at_least > 1) return condition;
  const doubt = 'of two sensors that disagree with "at_least" 1 both break this, and nothing says which is wrong';
  return { ...condition, doubt };
});
