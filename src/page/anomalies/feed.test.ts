import { describe, expect, test } from "bun:test";
import type { Episode } from "../../dashboard/wire.ts";
import { ALL_EPISODES, held, joined, passing, rulesOf } from "./feed.ts";

const episode = (id: string, sinceMs: number, more: Partial<Episode> = {}): Episode => ({
  id,
  rule: "temperature-range",
  severity: "warning",
  sensorId: "ROOM_12",
  measure: "temperature",
  reason: "temperature 61 is above 60",
  sinceMs,
  untilMs: sinceMs,
  readings: 1,
  isOpen: false,
  firstSeq: sinceMs,
  lastSeq: sinceMs,
  ...more,
});
const ids = (episodes: readonly Episode[]) => episodes.map(({ id }) => id).join(" ");

describe("the feed", () => {
  test("has the newest first, each once, as it was said last; one that is gone is not there", () => {
    const listed = [episode("a", 3), episode("b", 2), episode("c", 1)];
    const came = [episode("d", 4), episode("b", 2, { readings: 9, isOpen: true }), episode("c", 1, { isGone: true })];
    const feed = joined(listed, came);
    expect(ids(feed)).toBe("d a b");
    expect(feed[2]?.readings).toBe(9);
    const before = [episode("a", 3, { readings: 2, isOpen: true })];
    const later = [episode("a", 3, { readings: 2 })];
    expect(joined(later, before)).toEqual(later);
    expect(joined(before, later)).toEqual(later);
  });

  test("is filtered by severity, rule, part of the sensor's id, and whether it lasts", () => {
    const feed = [
      episode("a", 4, { severity: "critical" }),
      episode("b", 3, { rule: "silence", isOpen: true }),
      episode("c", 2, { sensorId: "PUMP_01" }),
    ];
    expect(ids(passing(feed, ALL_EPISODES))).toBe("a b c");
    expect(ids(passing(feed, { ...ALL_EPISODES, severity: "critical" }))).toBe("a");
    expect(ids(passing(feed, { ...ALL_EPISODES, rule: "silence" }))).toBe("b");
    expect(ids(passing(feed, { ...ALL_EPISODES, sensor: " pump" }))).toBe("c");
    expect(ids(passing(feed, { ...ALL_EPISODES, openOnly: true }))).toBe("b");
    expect(rulesOf(feed)).toEqual(["silence", "temperature-range"]);
  });

  test("does not move while someone reads it: new ones wait and are counted, known ones change in place", () => {
    const before = [episode("b", 2), episode("a", 1)];
    const now = [episode("d", 4), episode("c", 3), episode("b", 2, { readings: 5 }), episode("a", 1)];
    const { shown, waiting } = held(
      now,
      before.map(({ id }) => id),
    );
    expect(ids(shown)).toBe("b a");
    expect(shown[0]?.readings).toBe(5);
    expect(waiting).toBe(2);
    expect(held(now, null)).toEqual({ shown: now, waiting: 0 });
    expect(ids(held([episode("c", 3), episode("b", 2)], ["b", "a"]).shown)).toBe("b");
  });
});
