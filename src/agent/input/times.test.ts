import { expect, test } from "bun:test";
import { type LogEntry, makeLog } from "../../core/log/log.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { MS_PER_DAY, MS_PER_HOUR } from "../../core/time/duration.ts";
import { TimeWatch } from "./times.ts";

const BOUNDS = { earliestMs: 1_000, latestMs: 2_000 };

function world(otherTime?: (ms: number) => string | null) {
  const lines: LogEntry[] = [];
  const log = makeLog({ least: "info", secrets: [], now: () => 0, write: (entry) => lines.push(entry) });
  const watch = new TimeWatch({ uri: "stdin:", ...(otherTime && { otherTime }) });
  const take = (nowMs: number, ...times: readonly number[]) => {
    const block = new ReadingBlock(10);
    block.add(1, 0, 0);
    for (const time of times) block.add(1, time, 0);
    watch.add(block, 1, BOUNDS);
    watch.report(nowMs, log);
  };
  return { lines, watch, take, log };
}

test("the first implausible time is logged, later ones are counted; a day after the last one the problem is gone", () => {
  const { lines, watch, take } = world();
  take(0, 1_000, 1_500, 2_000);
  expect([lines, watch.problem(0)]).toEqual([[], null]);
  take(MS_PER_HOUR, 1_500, 999);
  take(2 * MS_PER_HOUR, 2_001, 1_500);
  expect(lines.map(({ level, code }) => [level, code])).toEqual([["warn", "times_implausible"]]);
  expect(watch.problem(2 * MS_PER_HOUR)?.message).toBe(
    '2 of 7 readings from "stdin:" have implausible times, such as 1970-01-01T00:00:00.999Z',
  );
  expect(watch.problem(MS_PER_DAY + MS_PER_HOUR)).not.toBeNull();
  expect(watch.problem(MS_PER_DAY + 2 * MS_PER_HOUR)).toBeNull();
});

test("a malformed row has the time at which it came, and no bound is for it", () => {
  const { watch } = world();
  const block = new ReadingBlock(1);
  block.addMalformed(5, { reason: "not_json", detail: "", received: "", encoding: "utf8", bytes: 0 });
  watch.add(block, 0, BOUNDS);
  expect(watch.problem(0)).toBeNull();
});

test("the example is one whose number has another meaning, also where a few without came before", () => {
  const { lines, take } = world((ms) => (ms === 7 ? "as unix_s it is 2023-11-14" : null));
  take(0, 0, 3, 7, 8);
  expect(lines[0]?.message).toBe(
    '4 of 4 readings from "stdin:" have implausible times: as unix_s it is 2023-11-14. The agent keeps them, with time_quality unsynced',
  );
});
