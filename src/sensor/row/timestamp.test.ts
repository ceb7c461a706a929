import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases as randomCases } from "../../testing/needs.ts";
import { zoneOf } from "../time/zone.ts";
import { FINER, REPEATED, type TimestampFormat, TimestampReader } from "./timestamp.ts";

const utc = new TimestampReader();
const read = (text: string): string | null => {
  const ms = utc.fromText(text);
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
};

test("every moment from 1970 to 9999 is read back as it was written, in any zone", () => {
  const moment = fc.date({ min: new Date(0), max: new Date(253402300799999), noInvalidDate: true });
  fc.assert(
    fc.property(moment, fc.integer({ min: -14 * 60, max: 14 * 60 }), (date, offset) => {
      expect(utc.fromText(date.toISOString())).toBe(date.getTime());
      const local = new Date(date.getTime() + offset * 60_000).toISOString();
      fc.pre(/^(19[7-9]|[2-9]\d\d)/.test(local));
      const clock = `${String(Math.floor(Math.abs(offset) / 60)).padStart(2, "0")}:${String(Math.abs(offset) % 60).padStart(2, "0")}`;
      expect(utc.fromText(local.replace("Z", `${offset < 0 ? "-" : "+"}${clock}`))).toBe(date.getTime());
    }),
    { numRuns: randomCases(3_000) },
  );
});

test("other spellings of a moment are read, and it is UTC where no zone is given", () => {
  const noon = "2024-02-29T12:00:00.000Z";
  for (const text of ["2024-02-29T12:00:00Z", "2024-02-29 12:00:00", "2024-02-29t12:00z", "2024-02-29T12:00"]) {
    expect(read(text)).toBe(noon);
  }
  for (const text of ["2024-02-29T13:30:00+01:30", "2024-02-29 13:30:00+0130", "2024-02-29T07:00:00.000000-05"]) {
    expect(read(text)).toBe(noon);
  }
  expect(read("2024-02-29T12:00:00.5Z")).toBe("2024-02-29T12:00:00.500Z");
  expect(read("2024-02-29T12:00:00,1239999Z")).toBe("2024-02-29T12:00:00.123Z");
});

test("text that is not a real moment is refused, not adjusted", () => {
  const wrong =
    "2023-02-29T12:00:00Z|2024-13-01T00:00:00Z|2024-00-10T00:00:00Z|2024-04-31T00:00:00Z|2024-01-01T24:00:01Z|2024-02-30T24:00:00Z|9999-12-31T24:00:00Z|2024-01-01T24:01Z|2024-01-01T25:00Z|2024-01-01T23:59:60Z|" +
    "1969-12-31T23:59:59Z|1970-01-01T00:00:00+00:01|9999-12-31T23:59:59-00:01|2024-1-01|12:00:00|now||2024-01-01T12:00:00.Z|" +
    "2024-01-01T12:00:00Zulu|2024-01-01T12:00:00 ZZ|2024-01-01T12:00:00 UTC+1|2024-01-01T12:00:00+1|2024-01-01T12:00:00+24:00|2024-01-01T1２:00:00Z|" +
    "2024/01/01 12:00:00|01.02.2024 12:00:00|1706745600|2024-1-1T1:00:00Z|2024-01-01T12:00:0|2024-01-01T12:00:";
  for (const text of wrong.split("|")) expect([text, read(text)]).toEqual([text, null]);
});

test("blanks around and before the zone, UTC and GMT, a day alone, and ISO 8601 without separators are one meaning each", () => {
  const noon = "2024-01-01T12:00:00.000Z";
  for (const text of [
    ..." 2024-01-01T12:00:00Z|2024-01-01T12:00:00Z  |\t2024-01-01 12:00:00Z\r\n|2024-01-01  12:00:00|2024-01-01T12:00:00 Z".split(
      "|",
    ),
    ..."2024-01-01 13:00:00 +01:00|2024-01-01 13:00:00 +0100|2024-01-01T07:00 -05|2024-01-01 12:00:00 UTC".split("|"),
    ..."2024-01-01 12:00:00UTC|2024-01-01 12:00 GMT|2024-01-01t12:00:00 utc|2024-01-01T12:00:00.000 +00:00".split("|"),
    ..."20240101T120000Z|20240101T120000|20240101T1200Z|20240101 120000|20240101T120000.000Z|20240101T130000+0100".split(
      "|",
    ),
    `${" ".repeat(60)}2024-01-01T12:00:00Z`,
    // As Go and Ruby print times.
    ..."2024-01-01 12:00:00 +0000 UTC|2024-01-01 13:00:00 +0100 CET|2024-01-01 09:00:00 -0300 -03".split("|"),
    "2024-01-01 12:00:00.000000000 +0000 UTC m=+0.000012345",
  ]) {
    expect([text, read(text)]).toEqual([text, noon]);
  }
  for (const text of ["2024-01-01", " 2024-01-01 ", "20240101", "2024-01-01Z"]) {
    expect([text, read(text)]).toEqual([text, "2024-01-01T00:00:00.000Z"]);
  }
  expect(read("20240101T120000.1239Z")).toBe("2024-01-01T12:00:00.123Z");
  const brussels = new TimestampReader("iso", zoneOf("Europe/Brussels"));
  for (const [text, ms] of [
    ["2024-07-01", Date.UTC(2024, 5, 30, 22)],
    ["20240701T120000", Date.UTC(2024, 6, 1, 10)],
    ["2024-07-01 12:00:00 UTC", Date.UTC(2024, 6, 1, 12)],
  ] as const) {
    expect([text, brussels.fromText(text)]).toEqual([text, ms]);
  }
  const wrong =
    "20240132|2024-02-30|20240101T2401Z|20240101T1260|202401011200|20240101T12|2024-0101|20240101T12:00|2024-01-01T1200|" +
    "2024-01-01 12:00:00 CET|2024-01-01 12:00:00 UTC CET|2024-01-01 12:00:00 +0100 CET 1|2024-01-01 12:00:00 m=+0.1";
  for (const text of wrong.split("|")) expect([text, read(text)]).toEqual([text, null]);
});

test("24:00 is the midnight that a day ends with, in the time of its zone", () => {
  const brussels = new TimestampReader("iso", zoneOf("Europe/Brussels"));
  for (const text of [
    ..."2023-12-31T24:00:00Z|2023-12-31 24:00|2023-12-31T24:00:00.000Z|20231231T240000|20231231T2400Z".split("|"),
    ..."2023-12-31T24:00:00 UTC|2023-12-31T24:00:00 GMT|2023-12-31T24:00:00,0+00|2023-12-31T24:00-00:00".split("|"),
  ]) {
    expect([text, read(text), utc.note]).toEqual([text, "2024-01-01T00:00:00.000Z", 0]);
  }
  expect(read("1969-12-31T24:00Z")).toBe("1970-01-01T00:00:00.000Z");
  expect(brussels.fromText("2024-03-31T24:00:00")).toBe(Date.UTC(2024, 2, 31, 22));
  expect(brussels.fromText("2024-03-30T24:00:00")).toBe(Date.UTC(2024, 2, 30, 23));
});

test("the first hours of 1970 in local time are no time before 1970: a clock that was never set begins there", () => {
  const first = "1970-01-01T00:00:00.000Z";
  const zones = ["UTC", "Europe/Brussels", "Asia/Kolkata", "Pacific/Auckland", "America/New_York", "+14:00"];
  for (const name of zones) {
    const zone = zoneOf(name);
    const offset = -(zone?.toUtc(0) ?? 0);
    const readers = {
      "1970-01-01T00:00:10": new TimestampReader("iso", zone),
      "1970-01-01 00:00": new TimestampReader("iso", zone),
      "19700101T000010": new TimestampReader("iso", zone),
      "01.01.1970 00:00:10": new TimestampReader("%d.%m.%Y %H:%M:%S", zone),
    };
    for (const [text, reader] of Object.entries(readers)) {
      const local = text.endsWith("10") ? 10_000 : 0;
      const ms = reader.fromText(text);
      expect([name, text, ms, reader.note]).toEqual([
        name,
        text,
        Math.max(0, local - offset),
        local < offset ? FINER : 0,
      ]);
    }
    const days = new TimestampReader("excel_day", zone);
    expect([days.fromNumber(25_569), days.note]).toEqual([Math.max(0, -offset), offset > 0 ? FINER : 0]);
  }
  const east = new TimestampReader("iso", zoneOf("Europe/Brussels"));
  for (const text of ["1969-12-31T23:59:59", "1970-01-01T00:00:10+01:00"]) {
    expect([text, Number.isNaN(east.fromText(text))]).toEqual([text, true]);
  }
  expect(new Date(east.fromText("1970-01-01T01:00:00")).toISOString()).toBe(first);
});

test("a leap second is the last millisecond of the second before it: of its own day, and in order", () => {
  const leap = "2016-12-31T23:59:59.999Z";
  for (const text of [
    ..."2016-12-31T23:59:60Z|2016-12-31 23:59:60|2017-01-01T00:59:60+01:00|2016-12-31T23:59:60.500Z|20161231T235960Z".split(
      "|",
    ),
    ..."2016-12-31T18:59:60-05:00|2017-01-01T05:29:60+05:30".split("|"),
  ]) {
    expect([text, read(text)]).toEqual([text, leap]);
    expect([text, utc.note]).toEqual([text, FINER]);
  }
  const brussels = new TimestampReader("iso", zoneOf("Europe/Brussels"));
  expect(brussels.fromText("2017-01-01 00:59:60")).toBe(Date.parse(leap));
  // UTC has one at the end of a month only.
  for (const text of "2016-12-30T23:59:60Z|2016-12-31T22:59:60Z|2016-12-31T23:58:60Z|2016-12-31T23:59:61Z".split("|")) {
    expect([text, read(text)]).toEqual([text, null]);
  }
});

test("a reader says whether a timestamp has more than milliseconds, and which local times occur twice", () => {
  const note = (text: string, reader = utc): number => (Number.isNaN(reader.fromText(text)) ? -1 : reader.note);
  expect(note("2024-01-01T12:00:00.1234Z")).toBe(FINER);
  for (const text of ["2024-01-01T12:00:00.123Z", "2024-01-01T12:00:00.123000000Z", "2024-01-01"]) {
    expect([text, note(text)]).toEqual([text, 0]);
  }
  const brussels = new TimestampReader("iso", zoneOf("Europe/Brussels"));
  expect([note("2015-10-25 02:00:00.000001", brussels), brussels.repeatMs]).toEqual([FINER | REPEATED, 3_600_000]);
  for (const text of ["2015-10-25 01:59:59", "2015-10-25 03:00:00", "2015-10-25 02:30:00Z", "2015-03-29 02:30:00"]) {
    expect([text, note(text, brussels)]).toEqual([text, 0]);
  }
});

test("random text is a moment only when Date agrees", () => {
  const text = fc.stringMatching(
    /^[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{3})?)?Z$/,
  );
  fc.assert(
    fc.property(text, (written) => {
      const ms = utc.fromText(written);
      // Date rolls the 31st of April over; we do not take it.
      if (!Number.isNaN(ms)) expect(ms).toBe(Date.parse(written.replace(" ", "T")));
      else if (!/[T ]24/.test(written)) {
        const theirs = new Date(written.replace(" ", "T"));
        const rolled = !Number.isNaN(theirs.getTime()) && theirs.toISOString().slice(0, 10) !== written.slice(0, 10);
        expect(rolled || Number.isNaN(theirs.getTime()) || theirs.getTime() < 0).toBe(true);
      }
    }),
    { numRuns: randomCases(3_000) },
  );
});

test("a zone is for timestamps that carry none, and summer time has its two odd hours", () => {
  const brussels = new TimestampReader("iso", zoneOf("Europe/Brussels"));
  const at = (text: string): string => new Date(brussels.fromText(text)).toISOString();
  expect(at("2015-02-04 17:51:00")).toBe("2015-02-04T16:51:00.000Z");
  expect(at("2015-02-04T17:51:00Z")).toBe("2015-02-04T17:51:00.000Z");
  expect(at("2015-07-04 17:51:00")).toBe("2015-07-04T15:51:00.000Z");
  expect(at("2015-03-29 01:59:59")).toBe("2015-03-29T00:59:59.000Z");
  expect(at("2015-03-29 02:30:00")).toBe("2015-03-29T01:30:00.000Z");
  expect(at("2015-03-29 03:00:00")).toBe("2015-03-29T01:00:00.000Z");
  expect(at("2015-10-25 01:59:59")).toBe("2015-10-24T23:59:59.000Z");
  expect(at("2015-10-25 02:30:00")).toBe("2015-10-25T00:30:00.000Z");
  expect(at("2015-10-25 03:00:00")).toBe("2015-10-25T02:00:00.000Z");
  const fixed = new TimestampReader("iso", zoneOf("-03:30"));
  expect(new Date(fixed.fromText("2015-10-25 03:00:00")).toISOString()).toBe("2015-10-25T06:30:00.000Z");
  for (const name of ["Europe/Brusels", "+25:00", "", "local"]) expect([name, zoneOf(name)]).toEqual([name, null]);
});

test("an hour that occurs once in a zone is read as Intl writes it, all over the world", () => {
  const names = [
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Cairo",
  ];
  for (const name of names) {
    const reader = new TimestampReader("iso", zoneOf(name));
    const format = new Intl.DateTimeFormat("sv-SE", { timeZone: name, dateStyle: "short", timeStyle: "medium" });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), (half) => {
        const ms = half * 1_800_000;
        const read = reader.fromText(format.format(ms));
        // Of an hour that happens twice the first is meant.
        if (read !== ms) expect(format.format(read)).toBe(format.format(ms));
      }),
      { numRuns: randomCases(50) },
    );
  }
});

test("Unix times are numbers, in the unit that the mapping says", () => {
  expect(new TimestampReader("unix_s").fromNumber(1_700_000_000.123)).toBe(1_700_000_000_123);
  expect(new TimestampReader("unix_ms").fromNumber(1_700_000_000_123.9)).toBe(1_700_000_000_123);
  for (const value of [-1, 1e18, Number.NaN]) expect(new TimestampReader("unix_s").fromNumber(value)).toBeNaN();
  expect(utc.fromNumber(1_700_000_000)).toBeNaN();
});

test("numbers are cut to the millisecond, and the reader says what that loses", () => {
  const cases: readonly (readonly [TimestampFormat, number, string, number])[] = [
    ["unix_s", 1_700_000_000.1239, "2023-11-14T22:13:20.123Z", FINER],
    ["unix_s", 1_700_000_000.123, "2023-11-14T22:13:20.123Z", 0],
    ["unix_s", 1_700_000_000.999, "2023-11-14T22:13:20.999Z", 0],
    ["unix_ms", 1_700_000_000_123, "2023-11-14T22:13:20.123Z", 0],
    ["unix_ms", 1_700_000_000_123.5, "2023-11-14T22:13:20.123Z", FINER],
    ["unix_us", 1_700_000_000_123_999, "2023-11-14T22:13:20.123Z", FINER],
    ["unix_us", 1_700_000_000_123_000, "2023-11-14T22:13:20.123Z", 0],
    ["unix_ns", 1_700_000_000_123_000_000, "2023-11-14T22:13:20.123Z", 0],
    ["unix_ns", 1_700_000_000_123_456_800, "2023-11-14T22:13:20.123Z", FINER],
    ["julian_day", 2_460_311.5, "2024-01-02T00:00:00.000Z", 0],
    ["julian_day", 2_460_311.123_456_7, "2024-01-01T14:57:46.659Z", FINER],
    ["excel_day", 45_292.5, "2024-01-01T12:00:00.000Z", 0],
  ];
  for (const [format, value, time, note] of cases) {
    const reader = new TimestampReader(format);
    const ms = reader.fromNumber(value);
    expect([format, value, new Date(ms).toISOString(), reader.note]).toEqual([format, value, time, note]);
  }
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(2200, 0, 1) }), (ms) => {
      for (const [format, value] of [
        ["unix_s", ms / 1_000],
        ["unix_s", Number(`${Math.floor(ms / 1_000)}.${String(ms % 1_000).padStart(3, "0")}9`)],
        ["unix_us", ms * 1_000 + 999],
        ["unix_us", ms * 1_000],
        ["unix_ns", ms * 1_000_000],
        ["julian_day", ms / 86_400_000 + 2_440_587.5],
        ["excel_day", ms / 86_400_000 + 25_569],
      ] as const)
        expect([format, value, new TimestampReader(format).fromNumber(value)]).toEqual([format, value, ms]);
    }),
    { numRuns: randomCases(2_000) },
  );
});

test("the days of a spreadsheet are local, Julian days are UTC", () => {
  const zone = zoneOf("Europe/Brussels");
  expect(new TimestampReader("excel_day", zone).fromNumber(45_292.5)).toBe(Date.UTC(2024, 0, 1, 11));
  expect(new TimestampReader("julian_day", zone).fromNumber(2_460_311.5)).toBe(Date.UTC(2024, 0, 2));
});

test("a number that is far from any date is refused, in any zone", () => {
  const reader = new TimestampReader("excel_day", zoneOf("Europe/Brussels"));
  for (const value of [1_700_000_000, -1e300, 1e300, Number.POSITIVE_INFINITY])
    expect(reader.fromNumber(value)).toBeNaN();
});
