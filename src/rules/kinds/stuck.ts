/**
 * `{"stuck": {"measure": "humidity", "for": "30m", "tolerance": 0.01}}`: the value did not move for longer than that. All
 * that is given must hold: `for`, the time; `readings`, how many in a row; `times_usual`, how many times longer than such
 * runs of this sensor usually are, which tells a broken sensor from one with few decimals.
 */

import type { JsonNode } from "../../core/outside/located-json.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { formatDuration } from "../../core/time/duration.ts";
import type { Columns } from "../columns.ts";
import type { Broken, Condition, ConditionJudge, ConditionKind } from "../condition.ts";
import type { RuleReader } from "../files/reader.ts";
import { RuleState } from "../state.ts";
import {
  CLOCK,
  CLOCK_WIDTH,
  exceeds,
  isoTime,
  LATE,
  SET_BACK,
  shortNumber,
  spanText,
  stepClock,
} from "./event-time.ts";

type Stuck = {
  readonly measure: string;
  /** Milliseconds; 0 where it was not given. */
  readonly forMs: number;
  readonly readings: number;
  readonly timesUsual: number;
  readonly tolerance: number;
  readonly above: number;
  readonly below: number;
};

const keys = ["measure", "for", "readings", "times_usual", "tolerance", "above", "below"] as const;
const MOST_READINGS = 1_000_000;

// Behind the clock.
/** When and with which extremes the run that goes on began; NaN: none. */
const SINCE = CLOCK_WIDTH;
const LOW = CLOCK_WIDTH + 1;
const HIGH = CLOCK_WIDTH + 2;
/** How many readings are in it. */
const RUN = CLOCK_WIDTH + 3;
/** How long, in readings, the runs before it were on average, and over how many that was taken. */
const USUAL = CLOCK_WIDTH + 4;
const RUNS = CLOCK_WIDTH + 5;
const FRESH = [...CLOCK, Number.NaN, Number.NaN, Number.NaN, 0, 0, 0];

/** Runs that must have ended before what is usual is known. */
export const RUNS_KNOWN = 8;
/** The average forgets: it is over about so many runs. */
export const RUNS_WEIGHED = 64;

function read(node: JsonNode, reader: RuleReader): Condition | undefined {
  const fields = reader.fields(node, '"stuck"', keys, ["measure"]);
  if (fields === undefined) return undefined;
  const given = <T>(key: (typeof keys)[number], fallback: T, take: (value: JsonNode) => T | undefined) => {
    const value = fields.get(key);
    return value === undefined ? fallback : take(value);
  };
  const measure = given("measure", undefined, (value) => reader.measure(value));
  const forMs = given("for", 0, (value) => reader.duration(value, '"for"'));
  const readings = given("readings", 0, (value) => reader.whole(value, '"readings"', 2, MOST_READINGS));
  const timesUsual = given("times_usual", 0, (value) => reader.positive(value, '"times_usual"'));
  const tolerance = given("tolerance", 0, (value) => reader.positive(value, '"tolerance"', true));
  const above = given("above", Number.NEGATIVE_INFINITY, (value) => reader.number(value, '"above"'));
  const below = given("below", Number.POSITIVE_INFINITY, (value) => reader.number(value, '"below"'));
  if (!fields.has("for") && !fields.has("readings")) {
    return reader.problem(node.at, '"stuck" needs "for", "readings" or both');
  }
  if (measure === undefined || forMs === undefined || readings === undefined || timesUsual === undefined) {
    return undefined;
  }
  if (tolerance === undefined || above === undefined || below === undefined) return undefined;
  if (above >= below) return reader.problem(node.at, `nothing is above ${above} and below ${below}`);
  const stuck = { measure, forMs, readings, timesUsual, tolerance, above, below };
  return { measures: [measure], compile: (columns) => compile(stuck, columns) };
}

function compile(stuck: Stuck, columns: Columns): ConditionJudge {
  const ref = columns.measure(stuck.measure);
  const { forMs, readings, timesUsual, above, below } = stuck;
  const state = new RuleState(columns.subjects, FRESH);
  const { subjectOf } = columns;
  const limit = limitText(stuck);
  return {
    state,
    judge(block: ReadingBlock, applies: Uint8Array, broken: (row: number, what: Broken) => void): void {
      const column = ref.slot < 0 ? undefined : block.measures[ref.slot];
      if (column === undefined) return;
      const { count, sensor, time } = block;
      for (let row = 0; row < count; row++) {
        const handle = sensor[row]!;
        const value = column[row]!;
        if (applies[handle] !== 1 || Number.isNaN(value)) continue;
        const at = state.touch(subjectOf[handle]!);
        const { values } = state;
        const last = values[at]!;
        const now = time[row]!;
        const step = stepClock(values, at, now);
        if (step === LATE) continue;
        // Two readings further apart than `for` say nothing of the time between.
        const apart = step === SET_BACK || (forMs > 0 && now - last > forMs);
        follow(values, at, value, now, stuck.tolerance, apart);
        const run = values[at + RUN]!;
        if (run < readings || run < 2 || now - values[at + SINCE]! <= forMs || value <= above || value >= below)
          continue;
        if (timesUsual > 0 && (values[at + RUNS]! < RUNS_KNOWN || run < timesUsual * values[at + USUAL]!)) continue;
        broken(row, found(stuck, values, at, value, now, limit));
      }
    },
  };
}

/** Takes a value into the run that goes on, or ends that and begins another. */
function follow(values: Float64Array, at: number, value: number, now: number, tolerance: number, apart: boolean): void {
  const low = Math.min(values[at + LOW]!, value);
  const high = Math.max(values[at + HIGH]!, value);
  // Comparing with NaN, which a fresh memory holds, begins a run.
  if (!apart && low <= high && !exceeds(high - low, tolerance, tolerance > 0 ? high : 0)) {
    values[at + LOW] = low;
    values[at + HIGH] = high;
    values[at + RUN]!++;
    return;
  }
  // A run that was cut by silence is not known to have ended.
  if (values[at + RUN]! > 0 && !apart) {
    const runs = Math.min(values[at + RUNS]! + 1, RUNS_WEIGHED);
    values[at + RUNS] = runs;
    values[at + USUAL]! += (values[at + RUN]! - values[at + USUAL]!) / runs;
  }
  values[at + SINCE] = now;
  values[at + LOW] = value;
  values[at + HIGH] = value;
  values[at + RUN] = 1;
}

function found(stuck: Stuck, values: Float64Array, at: number, value: number, now: number, limit: string): Broken {
  const since = values[at + SINCE]!;
  const run = values[at + RUN]!;
  const within = stuck.tolerance > 0 ? ` within ${stuck.tolerance}` : "";
  const usual = stuck.timesUsual > 0 ? { usual_readings: shortNumber(values[at + USUAL]!) } : {};
  return {
    reason: `${stuck.measure} stayed at ${value}${within} for ${run} readings in ${spanText(now - since)}`,
    observed: value,
    limit,
    window: {
      from: isoTime(since),
      to: isoTime(now),
      readings: run,
      lowest: values[at + LOW]!,
      highest: values[at + HIGH]!,
      ...usual,
    },
  };
}

function limitText({ forMs, readings, timesUsual, tolerance }: Stuck): string {
  const parts = [
    forMs > 0 ? formatDuration(forMs) : "",
    readings > 0 ? `${readings} readings` : "",
    timesUsual > 0 ? `${timesUsual} times the usual` : "",
  ];
  return `moves by more than ${tolerance} within ${parts.filter((part) => part !== "").join(" and ")}`;
}

export const STUCK: ConditionKind = { keys, read };
