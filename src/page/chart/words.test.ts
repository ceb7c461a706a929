import { expect, test } from "bun:test";

// What the module asks of a browser.
Object.assign(globalThis, { localStorage: { getItem: () => null, setItem: () => undefined } });
const { emptyText } = await import("./words.ts");

const SPAN = { fromMs: Date.UTC(2026, 10, 30, 12), toMs: Date.UTC(2026, 10, 30, 12, 5) };
const at = (...atMs: number[]) => ({ atMs, values: atMs.map(() => 1), anomalies: [] });
const DAY_MS = 86_400_000;

test("a chart without a line says why: no values, or a newest reading of another time", () => {
  expect(emptyText(at(SPAN.fromMs + 5), SPAN, null)).toBeNull();
  expect(emptyText(at(), SPAN, null)).toBe("No values yet");
  expect(emptyText(at(), SPAN, SPAN.toMs)).toBe("No values yet");
  const ahead = "Its newest reading is of Dec 3, 2026, 12:05:00, outside this time";
  expect(emptyText(at(SPAN.toMs + 3 * DAY_MS), SPAN, null)).toBe(ahead);
  expect(emptyText(at(), SPAN, SPAN.toMs + 3 * DAY_MS)).toBe(ahead);
  expect(emptyText(at(SPAN.fromMs - 1, SPAN.toMs + 3 * DAY_MS), SPAN, null)).toBe(ahead);
  expect(emptyText(at(SPAN.fromMs - 1), SPAN, null)).toContain("Nov 30, 2026, 11:59:59");
});
