/**
 * The parts of a time stamp, as CEL numbers them: months, days of the month (`getDayOfMonth`) and of the year from 0, dates
 * from 1, Sunday is 0. The calendar is the Gregorian one for all years; nothing depends on the machine's own time zone.
 */
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from "../core/time/duration.ts";

const DAYS_PER_ERA = 146_097;
/** From 0000-03-01, where an era of 400 years begins, to 1970-01-01. */
const DAYS_TO_EPOCH = 719_468;

type Date = { readonly year: number; readonly month: number; readonly day: number };

/** The date of a day since 1970-01-01; month and day from 1. */
export function dateOfDay(dayNumber: number): Date {
  const days = dayNumber + DAYS_TO_EPOCH;
  const era = Math.floor(days / DAYS_PER_ERA);
  const dayOfEra = days - era * DAYS_PER_ERA;
  const leapDays = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  // Years begin in March here, so that the leap day is their last.
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** The day since 1970-01-01 of a date; month and day from 1. */
export function dayOfDate({ year, month, day }: Date): number {
  const fromMarch = month <= 2 ? year - 1 : year;
  const era = Math.floor(fromMarch / 400);
  const yearOfEra = fromMarch - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return (
    era * DAYS_PER_ERA +
    yearOfEra * 365 +
    Math.floor(yearOfEra / 4) -
    Math.floor(yearOfEra / 100) +
    dayOfYear -
    DAYS_TO_EPOCH
  );
}

const dayOf = (localMs: number): number => Math.floor(localMs / MS_PER_DAY);
const msOfDay = (localMs: number): number => localMs - dayOf(localMs) * MS_PER_DAY;

/** Readings come in the order of time: most are of the same day as the one before. */
let last = { day: 0, date: dateOfDay(0) };

function dateOf(localMs: number): Date {
  const day = dayOf(localMs);
  if (day !== last.day) last = { day, date: dateOfDay(day) };
  return last.date;
}

/** By the name of CEL's function: from local milliseconds to the part. */
export const CALENDAR = {
  getFullYear: (localMs) => dateOf(localMs).year,
  getMonth: (localMs) => dateOf(localMs).month - 1,
  getDate: (localMs) => dateOf(localMs).day,
  getDayOfMonth: (localMs) => dateOf(localMs).day - 1,
  getDayOfYear: (localMs) => dayOf(localMs) - dayOfDate({ year: dateOf(localMs).year, month: 1, day: 1 }),
  // 1970-01-01 was a Thursday. The remainder of a negative day is negative, or -0.
  getDayOfWeek: (localMs) => (((dayOf(localMs) + 4) % 7) + 7) % 7,
  getHours: (localMs) => Math.floor(msOfDay(localMs) / MS_PER_HOUR),
  getMinutes: (localMs) => Math.floor(msOfDay(localMs) / MS_PER_MINUTE) % 60,
  getSeconds: (localMs) => Math.floor(msOfDay(localMs) / 1_000) % 60,
  getMilliseconds: (localMs) => Math.floor(msOfDay(localMs)) % 1_000,
} as const satisfies Readonly<Record<string, (localMs: number) => number>>;

export type CalendarPart = keyof typeof CALENDAR;

export function isCalendarPart(name: string): name is CalendarPart {
  return Object.hasOwn(CALENDAR, name);
}
