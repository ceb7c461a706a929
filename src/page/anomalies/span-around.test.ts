import { expect, test } from "bun:test";
import type { Episode, RuleLimit } from "../../dashboard/wire.ts";
import { spanAround } from "./span-around.ts";

const episode = (lengthMs: number): Episode => ({
  id: "a",
  rule: "humidity-stuck",
  severity: "warning",
  sensorId: "ROOM_12",
  measure: "humidity",
  reason: "",
  sinceMs: 1_000_000,
  untilMs: 1_000_000 + lengthMs,
  readings: 1,
  isOpen: true,
  firstSeq: 1,
  lastSeq: 1,
});
const stuck: RuleLimit = {
  rule: "humidity-stuck",
  severity: "warning",
  kind: "stuck",
  min: null,
  max: null,
  windowMs: 60_000,
  windowReadings: null,
};

test("the chart of an episode begins three windows of its rule before it", () => {
  expect(spanAround(episode(0), [stuck])).toEqual({ fromMs: 820_000, toMs: 1_030_000 });
  expect(spanAround(episode(0), [{ ...stuck, rule: "another" }])).toEqual({ fromMs: 970_000, toMs: 1_030_000 });
});

test("of a long one, a share of its length is on each side, and it grows in steps", () => {
  expect(spanAround(episode(1_000_000), [])).toEqual({ fromMs: 700_000, toMs: 2_300_000 });
  const steps = new Set(Array.from({ length: 100 }, (_, index) => spanAround(episode(index * 100), []).toMs));
  expect(steps.size).toBeLessThanOrEqual(4);
});
