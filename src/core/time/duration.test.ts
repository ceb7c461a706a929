import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatBytes, formatDuration, parseBytes, parseDuration, parseMilliseconds, unitMeant } from "./duration.ts";

test("a duration is a number with a unit", () => {
  const durations: [string, number | undefined][] = [
    ["250ms", 250],
    ["30s", 30_000],
    ["5m", 300_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["0", 0],
    ["1.5s", 1_500],
    ["0.1h", 360_000],
    [" 1s ", 1_000],
  ];
  for (const [text, ms] of durations) expect([text, parseDuration(text)]).toEqual([text, ms]);
});

test("text that is not a duration is refused, also a fraction of a millisecond", () => {
  for (const text of [
    "",
    "1500",
    "1.5",
    "s",
    "-1s",
    "1 s",
    "1h30m",
    "1e3",
    "0.5ms",
    "10S",
    "Infinity",
    "0x10",
    "9".repeat(16),
    "1w",
  ]) {
    expect([text, parseDuration(text)]).toEqual([text, undefined]);
  }
});

test("a bare number is allowed only where the name has the unit; else the message says what was probably meant", () => {
  expect([parseMilliseconds("1500"), parseMilliseconds("1.5s"), parseMilliseconds("1.5")]).toEqual([
    1_500,
    1_500,
    undefined,
  ]);
  expect([unitMeant("3"), unitMeant("3s"), unitMeant("three"), unitMeant("0")]).toEqual([
    "it has no unit; did you mean 3s?",
    "",
    "",
    "",
  ]);
});

test("sizes count in 1,024s with an i and in 1,000s without", () => {
  expect(parseBytes("2GiB")).toBe(2_147_483_648);
  expect(parseBytes("1 MB")).toBe(1_000_000);
  expect(parseBytes("1.5KiB")).toBe(1_536);
  expect(parseBytes("4096")).toBe(4_096);
  for (const text of ["", "1gib", "1G", "-1B", "0.3B", "1GiBB"])
    expect([text, parseBytes(text)]).toEqual([text, undefined]);
});

test("every duration and size reads back as itself", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 }), (n) => {
      expect(parseDuration(formatDuration(n))).toBe(n);
      expect(parseBytes(formatBytes(n))).toBe(n);
    }),
  );
  expect([0, 90_000, 60_000, 604_800_000, 1].map(formatDuration)).toEqual(["0ms", "90s", "1m", "7d", "1ms"]);
});
