/**
 * `{"gap": {"longer_than": "5m"}}`: before this reading the sensor was silent for longer than allowed. Judged at the reading
 * that ends the silence, so that judging the same readings again decides the same; which sensors are silent now is asked for
 * apart.
 */

import { about, made } from "../../core/outside/composed-shapes.ts";
import { object } from "../../core/outside/shape.ts";
import { formatDuration } from "../../core/time/duration.ts";
import { type Columns, SENSOR_SUBJECT } from "../columns.ts";
import type { ConditionJudge, ConditionKind, Silence } from "../condition.ts";
import { RuleState } from "../state.ts";
import {
  CATCHES_UP,
  CLOCK,
  CLOCK_WIDTH,
  FIRST,
  isoTime,
  LATER,
  PASSES,
  PEAK,
  spanText,
  stepClock,
} from "./event-time.ts";
import { DURATION } from "./fields.ts";

const shape = about(
  object({ longer_than: DURATION }),
  "Before this reading the sensor was silent for longer than allowed",
);

// Behind the clock: the time of the first reading, and the longest silence that was reported lately.
const START = CLOCK_WIDTH;
const SILENT_FROM = CLOCK_WIDTH + 1;
const SILENT_TO = CLOCK_WIDTH + 2;
const FRESH = new Array<number>(3).fill(Number.NaN);

function compile(longestMs: number, columns: Columns): ConditionJudge {
  const state = new RuleState(columns.subjects, [...CLOCK, ...FRESH]);
  const { subjectOf } = columns;
  const limit = `a reading every ${formatDuration(longestMs)}`;
  return {
    state,
    judge({ count, sensor, time }, applies, broken) {
      for (let row = 0; row < count; row++) {
        const handle = sensor[row]!;
        if (applies[handle] !== 1) continue;
        const at = state.touch(subjectOf[handle]!);
        const { values } = state;
        const last = values[at]!;
        const peak = values[at + PEAK]!;
        const now = time[row]!;
        const step = stepClock(values, at, now);
        if (step === LATER && now - last <= longestMs) continue;
        if (step === FIRST) values[at + START] = now;
        const since = step === PASSES ? peak : last;
        // Neither a first, nor a late one, nor a step back ends a silence.
        if (!(now - since > longestMs)) continue;
        if (step !== CATCHES_UP) noteSilence(values, at, since, now);
        else if (!wasSilent(values, at, since, now)) continue;
        const silent = spanText(now - since);
        const window = { from: isoTime(since), to: isoTime(now) };
        broken(row, { reason: `the sensor was silent for ${silent}`, observed: (now - since) / 1_000, limit, window });
      }
    },
    silentAt(nowMs: number): readonly Silence[] {
      const silent: Silence[] = [];
      for (const [name, at] of state.entries()) {
        // Infinite but for a backlog; of a clock that was ahead it is still to come.
        const peak = state.values[at + PEAK]!;
        const sinceMs = peak <= nowMs ? peak : state.values[at]!;
        if (nowMs - sinceMs > longestMs) silent.push({ sensor: name.slice(SENSOR_SUBJECT.length), sinceMs });
      }
      return silent.toSorted((a, b) => a.sinceMs - b.sinceMs);
    },
  };
}

function noteSilence(values: Float64Array, at: number, from: number, to: number): void {
  const kept = values[at + SILENT_TO]! - values[at + SILENT_FROM]!;
  // A clock that jumped ahead leaves the longest one; it matters until that time has passed.
  if (to - from < kept && to - values[at + SILENT_TO]! < kept) return;
  values[at + SILENT_FROM] = from;
  values[at + SILENT_TO] = to;
}

/**
 * Whether no reading can be between two of a backlog, or of a clock that was set back: they are before the first one, or
 * within a silence that was reported. A backlog that fills small holes of a stream that arrived has gaps that say nothing.
 */
function wasSilent(values: Float64Array, at: number, from: number, to: number): boolean {
  return to <= values[at + START]! || (from >= values[at + SILENT_FROM]! && to <= values[at + SILENT_TO]!);
}

export const GAP: ConditionKind = made(shape, (gap) => ({
  measures: [],
  window: { ms: gap.longer_than, readings: null },
  compile: (columns) => compile(gap.longer_than, columns),
}));
