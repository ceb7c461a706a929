import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  CLOCK,
  exceeds,
  isoTime,
  LATE,
  SET_BACK,
  SET_BACK_AFTER,
  SET_BACK_AGAIN,
  spanText,
  stepClock,
} from "./event-time.ts";
import { NaiveClock } from "./stateful.suite.ts";

const NAMES = ["first", "later", "late", "set back", "set back again", "catches up", "passes"];

test("what is not later than the last is late, however often it comes; a rising row of ten sets the clock back", () => {
  const values = Float64Array.from(CLOCK);
  const steps = (...times: number[]) => times.map((time) => NAMES[stepClock(values, 0, time)]);
  expect(steps(100, 101, 101, 7)).toEqual(["first", "later", "late", "late"]);
  expect(steps(...new Array<number>(50).fill(5)).every((step) => step === "late")).toBe(true);
  expect(steps(102)).toEqual(["later"]);
  const rising = Array.from({ length: SET_BACK_AFTER }, (_, i) => i);
  expect(steps(...rising)).toEqual([...rising.slice(1).map(() => NAMES[LATE]), NAMES[SET_BACK]]);
  expect(steps(50, 102)).toEqual(["catches up", "catches up"]);
  expect(steps(...rising).at(-1)).toBe(NAMES[SET_BACK_AGAIN]);
  expect(steps(50, 103, 104)).toEqual(["catches up", "passes", "later"]);
});

test("the clock does what its plain form does", () => {
  const time = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 60 }) }, fc.constant(1_000));
  fc.assert(
    fc.property(fc.array(fc.tuple(time, fc.nat(14)), { maxLength: 20 }), (runs) => {
      const values = Float64Array.from([9, ...CLOCK, 9]);
      const naive = new NaiveClock();
      for (const [start, length] of runs) {
        for (let i = 0; i <= length; i++) expect(NAMES[stepClock(values, 1, start + i)]).toBe(naive.step(start + i));
      }
      expect([values[0], values.at(-1)]).toEqual([9, 9]);
    }),
  );
});

test("times and spans as people read them", () => {
  expect([90, 12_500, 330_000, 7_500_000, 259_200_000, 277_200_000].map(spanText)).toEqual([
    ...["90ms", "12.5s", "5m 30s", "2h 5m", "3d", "3d 5h"],
  ]);
  expect(isoTime(0)).toBe("1970-01-01T00:00:00.000Z");
  expect(isoTime(1e300)).toBeNull();
  expect([exceeds(20.03 - 20.02, 0.01, 20), exceeds(0.0101, 0.01, 20)]).toEqual([false, true]);
});
