/**
 * `{"rate": {"measure": "pressure", "max_change": 5, "per": "1h"}}`: the value moved faster than that, from one reading to
 * the next, or with `"over": "10m"` over a span, in which noise of single readings is averaged out.
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

type Rate = {
  readonly measure: string;
  readonly maxChange: number;
  readonly perMs: number;
  /** 0: from one reading to the next. */
  readonly overMs: number;
};

const keys = ["measure", "max_change", "per", "over"] as const;

/** A reading of a span is kept when it is at least this part of the span later than the last one kept. */
export const SPAN_PARTS = 32;
/** As many as can be younger than the span, and the one before them that a reading is compared with. */
const MOST_POINTS = SPAN_PARTS + 2;

// Behind the clock: how many points are kept, where the oldest is, then time and value of each, round and round.
const COUNT = CLOCK_WIDTH;
const OLDEST = CLOCK_WIDTH + 1;
const POINTS = CLOCK_WIDTH + 2;

function read(node: JsonNode, reader: RuleReader): Condition | undefined {
  const fields = reader.fields(node, '"rate"', keys, ["measure", "max_change", "per"]);
  if (fields === undefined) return undefined;
  const measureNode = fields.get("measure");
  const changeNode = fields.get("max_change");
  const perNode = fields.get("per");
  const overNode = fields.get("over");
  const measure = measureNode && reader.measure(measureNode);
  const maxChange = changeNode && reader.positive(changeNode, '"max_change"', true);
  const perMs = perNode && reader.duration(perNode, '"per"');
  const overMs = overNode === undefined ? 0 : reader.duration(overNode, '"over"');
  if (measure === undefined || maxChange === undefined || perMs === undefined || overMs === undefined) return undefined;
  const rate = { measure, maxChange, perMs, overMs };
  return { measures: [measure], compile: (columns) => compile(rate, columns) };
}

function compile(rate: Rate, columns: Columns): ConditionJudge {
  const ref = columns.measure(rate.measure);
  const { maxChange, perMs, overMs } = rate;
  const most = overMs === 0 ? 1 : MOST_POINTS;
  const state = new RuleState(columns.subjects, [...CLOCK, 0, 0, ...new Array<number>(most * 2).fill(0)]);
  const { subjectOf } = columns;
  const over = overMs === 0 ? "" : ` over ${formatDuration(overMs)}`;
  const limit = `at most ${maxChange} in ${formatDuration(perMs)}${over}`;
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
        const now = time[row]!;
        const step = stepClock(values, at, now);
        if (step === LATE) continue;
        if (step === SET_BACK) values[at + COUNT] = 0;
        const from = reference(values, at, now - overMs, most);
        if (from >= 0) {
          const change = value - values[from + 1]!;
          const speed = (change / (now - values[from]!)) * perMs;
          // The error of the two values grows with them as the change does.
          const size = (value / (now - values[from]!)) * perMs;
          if (exceeds(Math.abs(speed), maxChange, size))
            broken(row, found(rate, values, from, value, now, speed, limit));
        }
        remember(values, at, value, now, overMs / SPAN_PARTS, most);
      }
    },
  };
}

/** Where the newest point that is not younger than `until` is, or −1. What is older still is forgotten. */
function reference(values: Float64Array, at: number, until: number, most: number): number {
  let left = values[at + COUNT]!;
  if (left === 0) return -1;
  let oldest = values[at + OLDEST]!;
  if (values[at + POINTS + oldest * 2]! > until) return -1;
  while (left > 1) {
    const next = oldest + 1 === most ? 0 : oldest + 1;
    if (values[at + POINTS + next * 2]! > until) break;
    oldest = next;
    left--;
  }
  values[at + COUNT] = left;
  values[at + OLDEST] = oldest;
  return at + POINTS + oldest * 2;
}

function remember(values: Float64Array, at: number, value: number, now: number, apartMs: number, most: number): void {
  const count = values[at + COUNT]!;
  const oldest = values[at + OLDEST]!;
  if (most === 1) values[at + COUNT] = 1;
  else {
    const newest = (oldest + count - 1) % most;
    if (count > 0 && now - values[at + POINTS + newest * 2]! < apartMs) return;
    values[at + COUNT] = count + 1;
  }
  const to = at + POINTS + (most === 1 ? 0 : ((oldest + count) % most) * 2);
  values[to] = now;
  values[to + 1] = value;
}

function found(
  rate: Rate,
  values: Float64Array,
  from: number,
  value: number,
  now: number,
  speed: number,
  limit: string,
): Broken {
  const way = speed < 0 ? "fell" : "rose";
  const amount = shortNumber(Math.abs(speed));
  const [since, before] = [values[from]!, values[from + 1]!];
  const per = formatDuration(rate.perMs);
  return {
    reason: `${rate.measure} ${way} from ${before} to ${value} in ${spanText(now - since)}: ${amount} in ${per}, more than ${rate.maxChange}`,
    observed: shortNumber(speed),
    limit,
    window: { from: isoTime(since), to: isoTime(now), first: before, last: value },
  };
}

export const RATE: ConditionKind = { keys, read };
