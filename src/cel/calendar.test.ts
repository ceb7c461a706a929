import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../testing/needs.ts";
import { CALENDAR, dateOfDay, dayOfDate } from "./calendar.ts";

const YEAR_1 = -62_135_596_800_000;
const YEAR_9999 = 253_402_300_799_999;

test("every part of every millisecond is that of the language's own calendar in UTC", () => {
  fc.assert(
    fc.property(fc.integer({ min: YEAR_1, max: YEAR_9999 }), (ms) => {
      const date = new Date(ms);
      const parts = Object.entries(CALENDAR).map(([name, part]) => [name, part(ms)]);
      const dayOfYear = (Date.UTC(2000, date.getUTCMonth(), date.getUTCDate()) - Date.UTC(2000, 0, 1)) / 86_400_000;
      const isLeap = new Date(new Date(ms).setUTCMonth(1, 29)).getUTCMonth() === 1;
      expect(parts).toEqual([
        ["getFullYear", date.getUTCFullYear()],
        ["getMonth", date.getUTCMonth()],
        ["getDate", date.getUTCDate()],
        ["getDayOfMonth", date.getUTCDate() - 1],
        ["getDayOfYear", dayOfYear - (!isLeap && date.getUTCMonth() > 1 ? 1 : 0)],
        ["getDayOfWeek", date.getUTCDay()],
        ["getHours", date.getUTCHours()],
        ["getMinutes", date.getUTCMinutes()],
        ["getSeconds", date.getUTCSeconds()],
        ["getMilliseconds", date.getUTCMilliseconds()],
      ]);
    }),
    { numRuns: cases(2_000) },
  );
});

test("a date and its day go back and forth, over four centuries and at their ends", () => {
  const first = dayOfDate({ year: 1896, month: 1, day: 1 });
  const last = dayOfDate({ year: 2304, month: 12, day: 31 });
  let wrong = 0;
  for (let day = first; day <= last; day++) if (dayOfDate(dateOfDay(day)) !== day) wrong++;
  expect(wrong).toBe(0);
  expect([last - first, dayOfDate({ year: 1970, month: 1, day: 1 })]).toEqual([149_383, 0]);
});
