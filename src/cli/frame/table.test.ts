import { expect, test } from "bun:test";
import { textTable } from "./table.ts";
import { factLines, wrapWords } from "./wrap.ts";

const WORDS = {
  head: ["", "who", "what", "seen"],
  rows: [
    ["ok", "edge", "may put objects", "the key of the edge put an object into each of the five stage buckets"],
    ["WRONG", "databricks", "may read", "the storage credential was refused by the bucket of the stage raw"],
  ],
};
const NUMBERS = {
  head: ["node", "stage", "delivered", "objects", "rows", "in table", "rows", "lost", "waiting", "other"],
  rows: [["edge-7", "raw", "1,200,000", "1,234", "1,200,000", "1,234", "1,200,000", "-", "12", "-"]],
  right: [2, 3, 4, 5, 6, 7, 8, 9],
};

function widest(text: string): number {
  return Math.max(...text.split("\n").map((line) => line.length));
}

test("a table that fits has a line for each row; numbers end under each other", () => {
  const table = {
    head: ["stage", "rows", ""],
    rows: [
      ["raw", "1,000", "old"],
      ["aggregated", "7", ""],
    ],
    right: [1],
  };
  const text = "stage        rows\nraw         1,000  old\naggregated      7\n";
  for (const columns of [60, 80, 120, undefined]) expect(textTable({ ...table, columns })).toBe(text);
});

test("without a terminal a row is one line, however long", () => {
  expect(textTable({ ...WORDS, columns: undefined }).split("\n")).toHaveLength(4);
  expect(textTable({ ...NUMBERS, columns: undefined }).split("\n")).toHaveLength(3);
});

test("at 120 columns both fit, at 80 the widest text is wrapped by words, and no line is wider than the terminal", () => {
  expect(textTable({ ...WORDS, columns: 120 })).toBe(textTable({ ...WORDS, columns: undefined }));
  expect(textTable({ ...NUMBERS, columns: 120 })).toBe(textTable({ ...NUMBERS, columns: undefined }));
  expect(textTable({ ...WORDS, columns: 80 })).toBe(
    [
      "       who         what             seen",
      "ok     edge        may put objects  the key of the edge put an object into each",
      "                                    of the five stage buckets",
      "WRONG  databricks  may read         the storage credential was refused by the",
      "                                    bucket of the stage raw",
      "",
    ].join("\n"),
  );
  for (const columns of [60, 80]) {
    for (const table of [WORDS, NUMBERS]) expect(widest(textTable({ ...table, columns }))).toBeLessThanOrEqual(columns);
  }
});

test("a table that cannot be wrapped is a record for each row, and an empty cell is left out", () => {
  expect(
    textTable({
      ...NUMBERS,
      rows: [...NUMBERS.rows, ["edge-8", "raw", "", "0", "0", "0", "0", "", "", ""]],
      columns: 60,
    }),
  ).toBe(
    [
      ...["node: edge-7", "stage: raw", "delivered: 1,200,000", "objects: 1,234", "rows: 1,200,000", "in table: 1,234"],
      ...["rows: 1,200,000", "lost: -", "waiting: 12", "other: -", ""],
      ...["node: edge-8", "stage: raw", "objects: 0", "rows: 0", "in table: 0", "rows: 0", ""],
    ].join("\n"),
  );
  const long = "a".repeat(90);
  expect(textTable({ head: ["key", "n"], rows: [[`${long} b`, "1"]], right: [1], columns: 60 })).toBe(
    `key:\n  ${long}\n  b\nn: 1\n`,
  );
});

test("words are kept whole, and so are the spaces between two that stay on a line", () => {
  expect(wrapWords("a  b c", 4)).toEqual(["a  b", "c"]);
  expect(wrapWords("", 4)).toEqual([""]);
  expect(wrapWords("  abcdefgh i", 4)).toEqual(["abcdefgh", "i"]);
});

test("facts continue under their own text", () => {
  const facts = [
    ["epoch", "01kb"],
    ["readings", "12 accepted, 1 to 12 held"],
  ] as const;
  expect(factLines(facts)).toEqual(["epoch     01kb", "readings  12 accepted, 1 to 12 held"]);
  expect(factLines(facts, 24)).toEqual(["epoch     01kb", "readings  12 accepted, 1", "          to 12 held"]);
});
