/**
 * The page of sources says what becomes of CSV. In the page, ```json map is followed by ```csv (with `profile=NAME` behind it, if another
 * than the usual one reads the rows) and by ```json readings.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { plain } from "../../testing/mapped-lines.ts";
import { COLUMNS_MOST, CSV_SHAPES } from "./options.ts";
import { readCsv } from "./read-csv.suite.ts";

const PAGE = readFileSync(join(import.meta.dir, "../../../docs/sources.md"), "utf8");
const EXAMPLES = [
  ...PAGE.matchAll(
    /^```json map\n([^`]*)^```\n```csv ?(?:profile=(\S+))?\n([\s\S]*?)^```\n```json readings\n([\s\S]*?)^```$/gm,
  ),
];

for (const [, map = "", profile = "environmental", file = "", readings = ""] of EXAMPLES) {
  test(`the page's file ${file.slice(0, 40).replaceAll("\n", " ")}… gives the readings that it shows`, () => {
    const { rows } = readCsv(file, { map: JSON.parse(map), profile });
    const read = rows.map(plain).map((reading) => {
      const { extra } = reading;
      return typeof extra === "string" ? Object.assign(reading, { extra: JSON.parse(extra) }) : reading;
    });
    expect(read).toEqual(
      readings
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    );
  });
}

test("the page has examples, every parameter, and the limit of columns", () => {
  expect(EXAMPLES.length).toBeGreaterThan(1);
  for (const key of Object.keys(CSV_SHAPES)) expect([key, PAGE.includes(`| \`${key}=`)]).toEqual([key, true]);
  expect(PAGE).toContain(`more than ${COLUMNS_MOST.toLocaleString("en")} columns`);
});
