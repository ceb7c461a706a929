/**
 * `{"gap": {"longer_than": "5m"}}`: before this reading the sensor was silent for longer than allowed. Judged at the reading
 * that ends the silence, so that judging the same readings again decides the same; who is silent now is asked for apart.
 */

import type { JsonNode } from "../../core/outside/located-json.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { formatDuration } from "../../core/time/duration.ts";
import { type Columns, SENSOR_SUBJECT } from "../columns.ts";
import type { Broken, Condition, ConditionJudge, ConditionKind, Silence } from "../condition.ts";
import type { RuleReader } from "../files/reader.ts";
import { RuleState } from "../state.ts";
import { CLOCK, isoTime, LATER, spanText, stepClock } from "./event-time.ts";

const keys = ["longer_than"] as const;

function read(node: JsonNode, reader: RuleReader): Condition | undefined {
  const longest = reader.fields(node, '"gap"', keys, keys)?.get("longer_than");
  const longestMs = longest && reader.duration(longest, '"longer_than"');
  return longestMs === undefined ? undefined : { measures: [], compile: (columns) => compile(longestMs, columns) };
}

function compile(longestMs: number, columns: Columns): ConditionJudge {
  const state = new RuleState(columns.subjects, CLOCK);
  const { subjectOf } = columns;
  const limit = `a reading every ${formatDuration(longestMs)}`;
  return {
    state,
    judge(block: ReadingBlock, applies: Uint8Array, broken: (row: number, what: Broken) => void): void {
      const { count, sensor, time } = block;
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

export const GAP: ConditionKind = { keys, read };
