import { afterEach, expect, test } from "bun:test";
import { WrittenBuffer } from "../series/written-buffer.suite.ts";
import { UsualIntervals } from "./usual-intervals.ts";

const written: WrittenBuffer[] = [];
afterEach(() => {
  for (const one of written.splice(0)) one.close();
});

test("broken readings are joined over 30 s, or three usual intervals of a slow sensor; one late reading changes nothing", () => {
  const one = new WrittenBuffer(["t"]);
  written.push(one);
  const every = (sensor: string, ms: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({ sensor, at: i * ms, values: { t: i } }));
  one.commit(0, [...every("fast", 100, 300), ...every("slow", 600_000, 9), ...every("once", 1, 1)]);
  one.commit(0, [{ sensor: "fast", at: -9e9, values: { t: 1 } }]);
  const intervals = new UsualIntervals();
  expect([...intervals.look(one.buffer)].length).toBe(1);
  const timesOf = (sensor: string) => [intervals.gapMs(sensor), intervals.openMs(sensor)];
  expect(timesOf("fast")).toEqual([30_000, 5_000]);
  expect(timesOf("slow")).toEqual([1_800_000, 1_800_000]);
  expect(timesOf("once")).toEqual([30_000, 30_000]);
  expect(timesOf("never seen")).toEqual([30_000, 30_000]);
});
