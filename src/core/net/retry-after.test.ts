import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseRetryAfter } from "./retry-after.ts";

const NOW = Date.UTC(2026, 10, 23, 8);

test("seconds and dates become milliseconds to wait, and a date in the past means no wait", () => {
  fc.assert(
    fc.property(fc.nat({ max: 999_999_999 }), (seconds) => {
      expect(parseRetryAfter(` ${seconds} `, NOW)).toBe(seconds * 1_000);
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: -100_000, max: 100_000 }), (seconds) => {
      const date = new Date(NOW + seconds * 1_000).toUTCString();
      expect(parseRetryAfter(date, NOW)).toBe(Math.max(0, seconds * 1_000));
    }),
  );
});

test("anything else asks for nothing", () => {
  for (const header of [null, undefined, "", "  ", "soon", "-"]) expect(parseRetryAfter(header, NOW)).toBeUndefined();
});
