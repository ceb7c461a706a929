import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import { type DecimalMark, numberInText } from "./text-number.ts";

/** A number as programs and people write it: digits in threes with a separator, a decimal mark, a unit. */
const written = fc.record({
  whole: fc.nat(99_999_999),
  decimals: fc.stringMatching(/^\d{0,5}$/),
  separator: fc.constantFrom("", ",", ".", " ", "'", "\u00a0", "\u202f"),
  mark: fc.constantFrom<DecimalMark>(".", ","),
  sign: fc.constantFrom("", "-", "+"),
  unit: fc.constantFrom("", "°C", " hPa", " %", " m/s", "kW"),
});

test("a text is the number that it was written as, or none: never another one", () => {
  let read = 0;
  fc.assert(
    fc.property(
      written,
      fc.constantFrom<DecimalMark | null>(null, ".", ","),
      ({ whole, decimals, separator, mark, sign, unit }, said) => {
        // Who separates thousands and decimals by the same sign writes no number; and the map must not name the wrong one.
        if (separator === mark || (said ?? mark) !== mark) return;
        // Where the map names none, a single point is that of a decimal number.
        if (said === null && separator === "." && decimals === "") return;
        const digits = String(whole).replace(/\B(?=(?:\d{3})+$)/g, separator);
        const text = `${sign}${digits}${decimals === "" ? "" : mark + decimals}${unit}`;
        const meant = Number(`${sign}${whole}.${decimals}`);
        const found = numberInText(text, said);
        if (found === null) return;
        read++;
        expect([text, said, found.number, found.unit]).toEqual([text, said, meant, unit.trim()]);
      },
    ),
    { numRuns: cases(5_000) },
  );
  expect(read).toBeGreaterThan(cases(1_500));
});

test("with the decimal mark that the map names, every such text is read", () => {
  fc.assert(
    fc.property(written, ({ whole, decimals, separator, mark, sign, unit }) => {
      if (separator === mark) return;
      const digits = String(whole).replace(/\B(?=(?:\d{3})+$)/g, separator);
      const text = `${sign}${digits}${decimals === "" ? "" : mark + decimals}${unit}`;
      expect([text, numberInText(text, mark)?.number]).toEqual([text, Number(`${sign}${whole}.${decimals}`)]);
    }),
    { numRuns: cases(2_000) },
  );
});

test("a long text is not searched for numbers", () => {
  const began = performance.now();
  for (const text of ["1 ".repeat(100_000), `${"1,".repeat(100_000)}x`, `${" ".repeat(200_000)}1x`]) {
    expect(numberInText(text, null)).toBeNull();
  }
  expect(performance.now() - began).toBeLessThan(5_000);
});
