/** What a text changes in a file, line by line. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { lineDiff } from "./line-diff.ts";

const shown = (before: string, after: string) => lineDiff(before, after).map(({ kind, text }) => `${kind} ${text}`);

test("equal texts differ in nothing", () => {
  expect(lineDiff("a\nb", "a\nb")).toEqual([]);
});

test("a line that changed is shown as gone and new, with three lines around it", () => {
  const lines = Array.from({ length: 20 }, (_, i) => `line ${i + 1}`);
  const changed = lines.with(9, "other");
  expect(shown(lines.join("\n"), changed.join("\n"))).toEqual([
    "skipped 6 lines",
    "same line 7",
    "same line 8",
    "same line 9",
    "gone line 10",
    "new other",
    "same line 11",
    "same line 12",
    "same line 13",
    "skipped 7 lines",
  ]);
});

test("what is new has its line in the new text", () => {
  expect(lineDiff("a\nc", "a\nb\nc").find(({ kind }) => kind === "new")).toEqual({ kind: "new", text: "b", line: 2 });
});

test("without what is gone it is the new text, without what is new the old one", () => {
  const texts = fc.array(fc.constantFrom("a", "b", "c", ""), { maxLength: 12 }).map((lines) => lines.join("\n"));
  fc.assert(
    fc.property(texts, texts, (before, after) => {
      const diff = lineDiff(before, after);
      if (diff.length === 0) return before === after;
      if (diff.some(({ kind }) => kind === "skipped")) return true;
      const of = (other: string) => diff.filter(({ kind }) => kind !== other).map(({ text }) => text);
      return of("gone").join("\n") === after && of("new").join("\n") === before;
    }),
  );
});
