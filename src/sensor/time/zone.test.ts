import { expect, test } from "bun:test";
import { testWith } from "../../testing/needs.ts";
import { zoneOf } from "./zone.ts";

/** How far a zone is from UTC, another way: the local time as Intl writes it, read as UTC. */
function intlOffset(timeZone: string): (utcMs: number) => number {
  const [year, month, day, hour, minute, second] = Array(6).fill("numeric");
  const options = { timeZone, hourCycle: "h23", year, month, day, hour, minute, second } as const;
  const format = new Intl.DateTimeFormat("en-US", options);
  return (utcMs) => {
    const of: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(utcMs)) of[type] = Number(value);
    const { year: y = 0, month: m = 1, day: d = 1, hour: h = 0, minute: min = 0, second: s = 0 } = of;
    return Date.UTC(y, m - 1, d, h, min, s) - Math.floor(utcMs / 1_000) * 1_000;
  };
}

const FIRST_MS = Date.UTC(1900, 0, 1);
const LAST_MS = Date.UTC(2036, 0, 1);
/** Two changes that are nearer than this and undo each other are not found; there are a few in a century. */
const STEP_MS = 15 * 86_400_000;

/** The first second of each offset. */
function changes(offsetAt: (utcMs: number) => number): number[] {
  const found: number[] = [];
  for (let from = FIRST_MS, before = offsetAt(from); from < LAST_MS; from += STEP_MS) {
    let [low, high] = [from, from + STEP_MS];
    const after = offsetAt(high);
    if (after === before) continue;
    while (high - low > 1_000) {
      const middle = low + Math.floor((high - low) / 2_000) * 1_000;
      if (offsetAt(middle) === before) low = middle;
      else high = middle;
    }
    found.push(high);
    before = after;
  }
  return found;
}

/** Seconds before and after a change, by the clock on the wall: off every quarter, at both ends of what is odd. */
const AROUND_S = [-7_201, -3_600, -901, -61, -1, 0, 1, 59, 899, 1_799, 1_800, 3_599, 3_600, 7_199];

/** Reads local times around every change of a zone's clocks; returns how many of them occur twice or never. */
function compareWithIntl(name: string): number {
  const offsetAt = intlOffset(name);
  const zone = zoneOf(name)!;
  let odd = 0;
  for (const change of changes(offsetAt)) {
    const before = offsetAt(change - 1);
    const after = offsetAt(change);
    for (const seconds of AROUND_S) {
      const local = change + Math.max(before, after) + seconds * 1_000;
      // A moment is meant where the offset that leads to it is in force at it.
      const [first, second] = [local - before, local - after]
        .filter((utc, i) => offsetAt(utc) === (i === 0 ? before : after))
        .sort((a, b) => a - b);
      const meant = first ?? local - before;
      const repeat = second === undefined || first === undefined ? 0 : second - first;
      if (repeat > 0 || first === undefined) odd++;
      if (zone.toUtc(local) === meant && zone.repeatMs === repeat) continue;
      const shown = new Date(local).toISOString();
      expect([name, shown, zone.toUtc(local) - local, zone.repeatMs]).toEqual([name, shown, meant - local, repeat]);
    }
  }
  return odd;
}

/** Their clocks changed by odd amounts, at odd times of day, or off every quarter of an hour. */
const ODD_ZONES = [
  ...["America/St_Johns", "Africa/Monrovia", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"],
  ...["Europe/Berlin", "America/New_York", "Asia/Singapore", "Asia/Gaza", "Antarctica/Troll", "US/Central"],
];

test("a local time is read as Intl writes it, at seconds around every change of the clocks since 1900", () => {
  expect(ODD_ZONES.map(compareWithIntl).reduce((sum, odd) => sum + odd, 0)).toBeGreaterThan(2_000);
}, 300_000);

testWith("time")(
  "and so in every zone of the time zone database",
  () => {
    const names = Intl.supportedValuesOf("timeZone");
    expect(names.map(compareWithIntl).reduce((sum, odd) => sum + odd, 0)).toBeGreaterThan(50_000);
  },
  300_000,
);

test("changes off the quarter of an hour: one minute past midnight, half an hour, 44 minutes and 30 seconds", () => {
  const at = (zone: string, local: string): string =>
    new Date(zoneOf(zone)!.toUtc(Date.parse(`${local}Z`))).toISOString();
  // Until 2011 St John's changed its clocks at 00:01.
  expect(at("America/St_Johns", "2010-03-14T00:00:59")).toBe("2010-03-14T03:30:59.000Z");
  expect(at("America/St_Johns", "2010-03-14T01:01:00")).toBe("2010-03-14T03:31:00.000Z");
  expect(at("Africa/Monrovia", "1972-01-06T23:59:59")).toBe("1972-01-07T00:44:29.000Z");
  expect(at("Africa/Monrovia", "1972-01-07T00:44:30")).toBe("1972-01-07T00:44:30.000Z");
});

test("in any order of times a zone gives the same answers", () => {
  const names = ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca"];
  for (const name of names) {
    const zone = zoneOf(name)!;
    const times = Array.from({ length: 150 }, (_, i) => FIRST_MS + ((i * 7_919_317) % 136_000) * 31_536_003);
    for (const local of times)
      expect([name, local, zone.toUtc(local)]).toEqual([name, local, zoneOf(name)!.toUtc(local)]);
  }
});
