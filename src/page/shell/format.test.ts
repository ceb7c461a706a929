import { expect, test } from "bun:test";

// What the module asks of a browser.
Object.assign(globalThis, { localStorage: { getItem: () => null, setItem: () => undefined } });
const { formatAgo, formatValue, visibleName } = await import("./format.ts");

test("a name from outside shows its controls, its formats and the blanks at its ends", () => {
  expect(visibleName("live\u202eRTL")).toBe("live[U+202E]RTL");
  expect(visibleName(" a b\u00a0")).toBe("␣a b␣");
  expect(visibleName("a\u0007\u200b\ud800")).toBe("a[U+0007][U+200B]\ufffd");
  expect(visibleName("Ofen Süd 3 💧")).toBe("Ofen Süd 3 💧");
});

test("a value keeps a decimal at any usual size, and is in scientific notation beyond", () => {
  const shown = [1000.1, 995.5, 12_480, 48.921, 0.01234, 0, -1e15, 1e308, 0.00001].map(formatValue);
  expect(shown).toEqual(["1,000.1", "995.5", "12,480", "48.92", "0.01234", "0", "-1E15", "1E308", "1E-5"]);
});

test("a time ahead of the clock is not now", () => {
  expect(formatAgo(3 * 86_400_000, 0)).toBe("in 3 d");
  expect(formatAgo(500, 0)).toBe("now");
});
