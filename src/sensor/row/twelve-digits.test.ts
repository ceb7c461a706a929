import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import { twelveDigits } from "./twelve-digits.ts";

const decimal = fc
  .tuple(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), fc.integer({ min: 0, max: 20 }))
  .map(([digits, places]) => Number(`${digits}e-${places}`));
/** Ties and their neighbours: thirteen digits of which the last is a 5. */
const tie = fc
  .tuple(
    fc.integer({ min: 100_000_000_000, max: 999_999_999_999 }),
    fc.integer({ min: -24, max: 2 }),
    fc.constantFrom(-1, 0, 1),
  )
  .map(([digits, exponent, ulps]) => Number(`${digits}5e${exponent}`) * (1 + ulps * Number.EPSILON));
const edge = fc
  .tuple(fc.integer({ min: -12, max: 14 }), fc.constantFrom(-2, -1, 0, 1, 2))
  .map(([exponent, ulps]) => Number(`1e${exponent}`) * (1 + ulps * Number.EPSILON));

test("a converted value has the twelve digits that its decimal text would be cut to", () => {
  const any = fc.oneof(
    decimal,
    decimal.map((value) => value * 1.8 + 32),
    decimal.map((value) => (value - 32) / 1.8),
    tie,
    tie.map((value) => -value),
    edge,
    fc.double(),
  );
  fc.assert(
    fc.property(any, (value) => expect(twelveDigits(value)).toBe(Number(value.toPrecision(12)))),
    { numRuns: cases(20_000) },
  );
});
