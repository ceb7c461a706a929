/**
 * `{"gap": {"longer_than": "5m"}}`: before this reading the sensor was silent for longer than allowed. Judged at the reading
 * that ends the silence, so that judging the same readings again decides the same; which sensors are silent now is asked for
 * apart.
 */

import type { JsonNode } from "../../core/outside/located-json.ts";
import { formatDuration } from "../../core/time/duration.ts";
import { type Columns, SENSOR_SUBJECT } from "../columns.ts";
import type { Condition, ConditionJudge, ConditionKind, Silence } from "../condition.ts";
import type { RuleReader } from "../files/reader.ts";
import { RuleState } from "../state.ts";
import { CLOCK, isoTime, LATER, spanText, stepClock } from "./event-time.ts";
import { DURATION, readFields } from "./fields.ts";

const fields = { longer_than: DURATION };

function read(node: JsonNode, reader: RuleReader): Condition | undefined {
  const gap = readFields(node, { what: '"gap"', fields }, reader);
  return gap && { measures: [], compile: (columns) => compile(gap.longer_than, columns) };
}

function compile(longestMs: number, columns: Columns): ConditionJudge {
  const state = new RuleState(columns.subjects, CLOCK);
  const { subjectOf } = columns;
  const limit = `a reading every ${formatDuration(longestMs)}`;
  return {
    state,
    judge({ count, sensor, time }, applies, broken) {
      for (let row = 0; row < count; row++) {
        const handle = sensor[row]!;
        if (applies[handle] !== 1) continue;
        const at = state.touch(subjectOf[handle]!);
        const last = state.values[at]!;
        const now = time[row]!;
        if (stepClock(state.values, at, now) !== LATER || now - last <= longestMs) continue;
        const silent = spanText(now - last);
        const window = { from: isoTime(last), to: isoTime(now) };
        broken(row, { reason: `the sensor was silent for ${silent}`, observed: (now - last) / 1_000, limit, window });
      }
    },
    silentAt(nowMs: number): readonly Silence[] {
      const silent: Silence[] = [];
      for (const [name, at] of state.entries()) {
        const sinceMs = state.values[at]!;
        if (nowMs - sinceMs > longestMs) silent.push({ sensor: name.slice(SENSOR_SUBJECT.length), sinceMs });
      }
      return silent.toSorted((a, b) => a.sinceMs - b.sinceMs);
    },
  };
}

export const GAP: ConditionKind = { keys: Object.keys(fields), read };
