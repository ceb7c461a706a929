import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases as randomCases } from "../../testing/needs.ts";
import { FINER, REPEATED, TimestampReader } from "../row/timestamp.ts";
import { withPercents } from "./pattern-hint.ts";
import { parsePattern } from "./pattern-text.ts";
import { zoneOf } from "./zone.ts";

function read(formats: string | readonly string[], text: string, zones: Record<string, number> = {}): string | null {
  const reader = new TimestampReader(formats, null, new Map(Object.entries(zones)));
  const ms = reader.fromText(text);
  const bytes = Buffer.from(text);
  // The fast path reads what the slow one reads, or leaves it to that.
  const fast = reader.fromBytes(bytes, 0, bytes.length);
  expect(Number.isNaN(fast) || fast === ms).toBe(true);
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
}

const NOON = "2024-02-01T12:00:00.000Z";

test("texts that loggers write are read by a pattern", () => {
  for (const [format, text] of [
    ["%d.%m.%Y %H:%M:%S", "01.02.2024 12:00:00"],
    ["%d/%m/%Y %H.%M.%S", "1/2/2024 12.00.00"],
    ["%m/%d/%Y %I:%M %p", "02/01/2024 12:00 PM"],
    ["%m/%d/%Y %I:%M:%S%p", "2/1/2024 12:00:00pm"],
    ["%Y/%m/%d %H:%M:%S", "2024/02/01 12:00:00"],
    ["%Y-%m-%d %H:%M:%S", "2024-2-1 12:0:0"],
    ["%y%m%d%H%M%S", "240201120000"],
    ["%Y%m%d%H", "2024020112"],
    ["%Y%m%d%H%M%S%f", "20240201120000000"],
    ["%a, %d %b %Y %H:%M:%S %Z", "Thu, 01 Feb 2024 12:00:00 GMT"],
    ["%A %d %B %Y, %H:%M", "thursday 1 FEBRUARY 2024, 12:00"],
    ["%a %b %d %H:%M:%S %Y", "Thu Feb  1 12:00:00 2024"],
    ["%d/%b/%Y:%H:%M:%S %z", "01/Feb/2024:13:00:00 +0100"],
    ["%FT%T%z", "2024-02-01T12:00:00Z"],
    ["%F %T.%f %z %Z", "2024-02-01 13:00:00.000 +0100 CET"],
    ["%D %R", "02/01/24 12:00"],
    ["%Y-%j %H:%M", "2024-032 12:00"],
    ["%G-W%V-%u %H", "2024-W05-4 12"],
    ["%s", "1706788800"],
    ["t=%s.%f", "t=1706788800.000"],
    ["%Y年%m月%d日 %H時", "2024年2月1日 12時"],
    ["%H:%M %e. %B %Y (100%%)", "12:00  1. February 2024 (100%)"],
  ] as const)
    expect([format, text, read(format, text)]).toEqual([format, text, NOON]);
});

test("a text that is not a real moment, or has anything left over, is refused", () => {
  const wrong: [format: string, texts: string][] = [
    ["%d.%m.%Y", "31.04.2024|29.02.2023|00.01.2024|01.13.2024|01.00.2024|1.1.24|01.01.2024x| |01.01.0000|1.1.1969"],
    [
      "%Y-%m-%d %H:%M:%S",
      "2024-01-01 25:00:00|2024-01-01 12:60:00|2024-01-01 12:00:61|2024-01-0112:00:00|2024-01-01 12:00",
    ],
    ["%y%m%d%H%M%S", "2401011200|2401011200001|24010112000|24 101120000"],
    ["%d %b %Y", "1 Foo 2024|1 F 2024|1 Febr 2024|1 Mai 2024"],
    ["%m/%d/%Y %I:%M %p", "01/01/2024 13:00 PM|01/01/2024 00:10 AM|01/01/2024 12:00 XM|01/01/2024 12:00"],
    ["%Y-%m-%d %H:%M %z", "2024-01-01 12:00|2024-01-01 12:00 +24:00|2024-01-01 12:00 +1|2024-01-01 12:00 CET"],
    ["%Y-%m-%d %H:%M %Z", "2024-01-01 12:00 CET|2024-01-01 12:00 +0100|2024-01-01 12:00 "],
    ["%Y-%j", "2023-366|2024-367|2024-000"],
    ["%G-W%V-%u", "2024-W53-1|2024-W00-1|2024-W10-8|2024-W10-0"],
  ];
  for (const [format, texts] of wrong) {
    for (const text of texts.split("|")) expect([format, text, read(format, text)]).toEqual([format, text, null]);
  }
  expect(() => new TimestampReader("%Y")).toThrow("has no whole date: %m, %d are missing");
});

test("24:00 is the midnight that a day ends with; a leap second and a fine fraction are cut and noted", () => {
  const format = "%d.%m.%Y %H:%M:%S";
  expect(read(format, "31.12.2023 24:00:00")).toBe("2024-01-01T00:00:00.000Z");
  expect(read("%Y%m%d%H", "2024022824")).toBe("2024-02-29T00:00:00.000Z");
  for (const text of ["31.12.2023 24:00:01", "31.12.2023 24:01:00", "30.12.2023 23:59:60"])
    expect([text, read(format, text)]).toEqual([text, null]);
  const reader = new TimestampReader([format, `${format}.%f`]);
  const noted = (text: string) => [new Date(reader.fromText(text)).toISOString(), reader.note];
  expect(noted("31.12.2016 23:59:60")).toEqual(["2016-12-31T23:59:59.999Z", FINER]);
  expect(noted("31.12.2016 23:59:59.123456")).toEqual(["2016-12-31T23:59:59.123Z", FINER]);
  expect(noted("31.12.2016 23:59:59.123000")).toEqual(["2016-12-31T23:59:59.123Z", 0]);
});

test("years of two digits are 1969 to 2068", () => {
  expect(read("%d%m%y", "010170")).toBe("1970-01-01T00:00:00.000Z");
  expect(read("%d%m%y", "010168")).toBe("2068-01-01T00:00:00.000Z");
  expect(read("%d%m%y", "010100")).toBe("2000-01-01T00:00:00.000Z");
  expect(read("%d%m%Y", "01010000")).toBeNull();
});

test("a letter for summer and winter, and other names of zones, are those of the map", () => {
  const dsmr = { S: 7_200_000, W: 3_600_000 };
  expect(read("%y%m%d%H%M%S%Z", "240101120000W", dsmr)).toBe("2024-01-01T11:00:00.000Z");
  expect(read("%y%m%d%H%M%S%Z", "240701120000S", dsmr)).toBe("2024-07-01T10:00:00.000Z");
  expect(read("%y%m%d%H%M%S%Z", "240701120000X", dsmr)).toBeNull();
  expect(read("%F %T %Z", "2024-07-01 12:00:00 CEST", { CES: 0, CEST: 7_200_000 })).toBe("2024-07-01T10:00:00.000Z");
});

test("formats are tried in order; text by those of text, numbers by those of numbers or by their digits", () => {
  const formats = ["iso", "%d/%m/%Y", "%m/%d/%Y"];
  expect(read(formats, "2024-02-01T12:00Z")).toBe(NOON);
  expect(read(formats, "01/02/2024")).toBe("2024-02-01T00:00:00.000Z");
  expect(read(formats, "01/13/2024")).toBe("2024-01-13T00:00:00.000Z");
  expect(read(formats, "13/13/2024")).toBeNull();
  const mixed = new TimestampReader(["unix_s", "%Y%m%d"]);
  expect([mixed.numeric, mixed.textual, mixed.hasPatterns]).toEqual([true, true, true]);
  expect([mixed.fromText("20240201"), mixed.fromNumber(1_706_788_800)]).toEqual([
    Date.UTC(2024, 1, 1),
    Date.UTC(2024, 1, 1, 12),
  ]);
});

test("the zone of the map is for texts that have none, and says which local times occur twice", () => {
  const reader = new TimestampReader(["%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M %z"], zoneOf("Europe/Berlin"));
  expect([reader.fromText("27.10.2024 02:30"), reader.note, reader.repeatMs]).toEqual([
    Date.UTC(2024, 9, 27, 0, 30),
    REPEATED,
    3_600_000,
  ]);
  expect([reader.fromText("27.10.2024 02:30 +0100"), reader.note]).toEqual([Date.UTC(2024, 9, 27, 1, 30), 0]);
});

test("a backslash in a pattern is read where escapes were, and only there", () => {
  const reader = new TimestampReader("%d\\%m\\%Y");
  const bytes = Buffer.from("01\\02\\2024");
  expect([reader.fromText("01\\02\\2024"), reader.fromBytes(bytes, 0, bytes.length)]).toEqual([
    Date.UTC(2024, 1, 1),
    Number.NaN,
  ]);
});

test("every moment is read back as a pattern wrote it", () => {
  const moment = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });
  const two = (n: number) => String(n).padStart(2, "0");
  fc.assert(
    fc.property(moment, (ms) => {
      const d = new Date(ms);
      const [year, month, day] = [d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate()];
      const [h, m, s] = [d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()];
      const fraction = String(ms % 1_000).padStart(3, "0");
      const half = `${h % 12 === 0 ? 12 : h % 12}:${two(m)}:${two(s)}.${fraction} ${h < 12 ? "AM" : "PM"}`;
      for (const [format, text] of [
        ["%d.%m.%Y %H:%M:%S,%f", `${two(day)}.${two(month)}.${year} ${h}:${m}:${two(s)},${fraction}`],
        ["%m/%d/%Y %I:%M:%S.%f %p", `${month}/${day}/${year} ${half}`],
        ["%Y%m%d%H%M%S%f", `${year}${two(month)}${two(day)}${two(h)}${two(m)}${two(s)}${fraction}`],
      ] as const)
        expect([format, text, read(format, text)]).toEqual([format, text, d.toISOString()]);
    }),
    { numRuns: randomCases(2_000) },
  );
});

test("what cannot be a pattern is refused, with what was probably meant", () => {
  for (const [text, why] of [
    ["%d/%m/%Y %H:%m", 'says the same part twice, with "%m"; minutes are %M'],
    ["%d/%M/%Y %H:%M", 'says the same part twice, with "%M"; a month is %m'],
    ["%H:%M:%S", 'has no whole date: %Y, %m, %d are missing; where the date is in another field, "from" names both'],
    ["%b %d %H:%M:%S", "has no whole date: %Y is missing"],
    ["%d/%m/%Y %I:%M", "has half of a time: %I and %p belong together"],
    ["%d/%m/%Y %H:%M %p", "has the hour of a day with %H, and of half a day with %I or %p"],
    ["%d/%m/%Y %M", "has a part of a time without the larger part: hours are %H, minutes %M, seconds %S"],
    ["%d/%m/%Y %", "ends with a % without a letter; %% is a percent sign"],
    ["%s %Y", "has %s and a date"],
    ["%G %m", "has half of a week: %G and %V belong together"],
    ["%d\t%m %Y", "has a control character"],
  ] as const)
    expect([text, parsePattern(text)]).toEqual([text, why]);
  expect(parsePattern("%d/%m/%Y %H:%M:%S.%L")).toStartWith(
    '"%L" is not known here; a fraction of a second is %f; known',
  );
  expect(parsePattern("%d/%m/%Y %q")).toStartWith('"%q" is not known here; known are %Y %y %m');
});

test("a pattern of Java, moment.js or Go is shown with %", () => {
  for (const [text, pattern] of [
    ["dd.MM.yyyy HH:mm:ss", "%d.%m.%Y %H:%M:%S"],
    ["yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "%Y-%m-%dT%H:%M:%S.%f%z"],
    ["DD/MM/YYYY hh:mm a", "%d/%m/%Y %I:%M %p"],
    ["02/01/2006 15:04:05", "%d/%m/%Y %H:%M:%S"],
    ["YYYYMMDD", "%Y%m%d"],
    ["iso8601", null],
  ] as const)
    expect([text, withPercents(text)]).toEqual([text, pattern]);
});
