import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import { ByteWriter } from "./bytes.ts";

const written = (write: (w: ByteWriter) => void): string => {
  const w = new ByteWriter(8);
  w.reserve(64);
  write(w);
  return new TextDecoder().decode(w.view());
};

test("a number is written exactly as JSON.stringify writes it", () => {
  const cents = fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }).map((n) => n / 100);
  const fourDecimals = fc.integer().map((n) => n / 10_000);
  fc.assert(
    fc.property(fc.oneof(fc.double(), cents, fourDecimals, fc.integer(), fc.maxSafeInteger()), (value) => {
      expect(written((w) => w.number(value))).toBe(JSON.stringify(value));
    }),
    { numRuns: cases(20_000) },
  );
  for (const value of [0, -0, 0.1, 1e-7, 0.00005, 0.3, 1e21, 2 ** 38, 2 ** 53, 4294967296.5, -0.0001, Number.NaN]) {
    expect(written((w) => w.number(value))).toBe(JSON.stringify(value));
  }
});

test("thousandths are written as the number that JSON.stringify writes", () => {
  fc.assert(
    fc.property(fc.oneof(fc.integer(), fc.maxSafeInteger()), (value) => {
      expect(written((w) => w.thousandths(value))).toBe(JSON.stringify(value / 1_000));
    }),
    { numRuns: cases(5_000) },
  );
});

test("an integer of any safe size is written in full", () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      expect(written((w) => w.integer(value))).toBe(String(value === 0 ? 0 : value));
    }),
    { numRuns: cases(5_000) },
  );
});

test("a timestamp is written as toISOString writes it, before 1970 and after 9999 too", () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), (date) => {
      expect(written((w) => w.timestamp(date.getTime()))).toBe(date.toISOString());
    }),
    { numRuns: cases(5_000) },
  );
});

test("text is escaped as JSON and the buffer grows as it must", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      const bytes = written((w) => w.jsonString(text));
      expect(JSON.parse(bytes)).toBe(JSON.parse(JSON.stringify(text)));
    }),
  );
});
