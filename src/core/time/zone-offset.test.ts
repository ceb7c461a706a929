import { expect, test } from "bun:test";
import fc from "fast-check";
import { zoneOffset } from "./zone-offset.ts";

/** The offset by another way: the local time as Intl writes it, read as UTC. */
function intlOffset(format: Intl.DateTimeFormat, utcMs: number): number {
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(utcMs)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(utcMs / 1_000) * 1_000;
}

function intlFormat(timeZone: string): Intl.DateTimeFormat {
  const numeric = "numeric";
  return new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: numeric,
    month: numeric,
    day: numeric,
    hour: numeric,
    minute: numeric,
    second: numeric,
  });
}

const ZONES = [
  // The usual, half an hour of summer time, a day left out, Ramadan, seconds, 45 minutes, changes off the quarter.
  ...["Europe/Brussels", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"],
  ...["Africa/Monrovia", "Asia/Kathmandu", "Asia/Gaza", "America/Caracas", "UTC", "Antarctica/Troll", "Asia/Pyongyang"],
];

test("offsets are those of Intl at every moment, in any order of moments", () => {
  for (const name of ZONES) {
    const offset = zoneOffset(name)!;
    const format = intlFormat(name);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: Date.UTC(1900, 0, 1), max: Date.UTC(2050, 0, 1) }), { maxLength: 40 }),
        (moments) => {
          for (const at of moments) expect([name, at, offset(at)]).toEqual([name, at, intlOffset(format, at)]);
        },
      ),
      { numRuns: 20 },
    );
  }
});

test("the offset changes at the very millisecond, also off the quarter of an hour", () => {
  // From 1987 to 2011 St John's changed at one minute past midnight; Monrovia left its 44 minutes 30 seconds in 1972.
  const cases: [string, number][] = [
    ["Europe/Brussels", Date.UTC(2024, 2, 31, 1)],
    ["Europe/Brussels", Date.UTC(2024, 9, 27, 1)],
    ["America/St_Johns", Date.UTC(2007, 2, 11, 3, 31)],
    ["Africa/Monrovia", Date.UTC(1972, 0, 7, 0, 44, 30)],
  ];
  for (const [name, change] of cases) {
    const [fresh, format] = [zoneOffset(name)!, intlFormat(name)];
    const around = [change, change - 1, change + 1, change - 60_000, change + 60_000];
    expect([name, ...around.map(fresh)]).toEqual([name, ...around.map((at) => intlOffset(format, at))]);
    expect(fresh(change)).not.toBe(fresh(change - 1));
  }
});

test("fixed offsets with and without a sign, names, and nothing else", () => {
  expect(zoneOffset("+11:00")?.(0)).toBe(11 * 3_600_000);
  expect(zoneOffset("-02:30")?.(0)).toBe(-2.5 * 3_600_000);
  expect(zoneOffset("02:00")?.(0)).toBe(2 * 3_600_000);
  expect(zoneOffset("-00:00")?.(0)).toBe(0);
  expect(zoneOffset("US/Central")?.(0)).toBe(-6 * 3_600_000);
  for (const none of ["", "Z", "Europe/Atlantis", "24:00", "+1:00", "Local", "2020-01-01T00:00Z[Europe/Paris]"]) {
    expect([none, zoneOffset(none)]).toEqual([none, null]);
  }
});

test("the first and the last year have offsets too", () => {
  const offset = zoneOffset("Europe/Brussels")!;
  expect(offset(Date.UTC(9999, 11, 31, 23, 59, 59, 999))).toBe(3_600_000);
  expect(offset(-62_135_596_800_000)).toBe(1_050_000);
});
