/** Answers as tables, charts and CSV. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import Papa from "papaparse";
import { cases } from "../../testing/needs.ts";
import { chartLines, isChartable, ordered, timeColumn } from "./answer-shape.ts";
import { csvLine } from "./csv.ts";

test("CSV of any values reads back as the same texts; NULL and an empty text differ", () => {
  const values = fc.array(
    fc.array(fc.oneof(fc.string(), fc.constantFrom('"', "=1+1", "a\r\nb", ",")), { minLength: 2, maxLength: 2 }),
    {
      minLength: 1,
    },
  );
  fc.assert(
    fc.property(values, (rows) => {
      const text = rows.map((row) => csvLine(row)).join("");
      expect(Papa.parse(text, { delimiter: ",", newline: "\r\n" }).data.slice(0, -1)).toEqual(rows);
    }),
    { numRuns: cases(500) },
  );
  expect(csvLine([null, "", 1.5, "=A1", "plain", Uint8Array.of(1, 255)])).toBe(',"",1.5,"=A1",plain,01ff\r\n');
});

test("the first column of times is found, and a number is one only by its name and size", () => {
  const of = (columns: string[], row: (string | number | null)[]) => timeColumn({ columns, rows: [row] });
  expect(of(["n", "minute"], [5, "2026-11-30T08:00:00Z"])).toBe(1);
  expect(of(["day"], ["2026-11-30"])).toBe(0);
  expect(of(["time", "n"], [1_796_000_000_000, 5])).toBe(0);
  expect(of(["count"], [1_796_000_000_000])).toBe(-1);
  expect(of(["time"], [12])).toBe(-1);
  expect(of(["what"], ["2026-11-30 was warm"])).toBe(-1);
});

test("a chart has a line for each column of numbers, or for each value of a column of text; ids are no curve", () => {
  const columns = ["id", "at", "sensor_id", "temperature"];
  const rows = [
    [1, "2026-11-30T08:01:00Z", "b", 2],
    [2, "2026-11-30T08:00:00Z", "a", 1],
    [3, "2026-11-30T08:01:00Z", "a", null],
  ] as const;
  const chart = chartLines({ columns, rows }, null);
  expect(chart?.seconds.length).toBe(2);
  expect(chart?.lines).toEqual([
    { name: "a", values: [1, null] },
    { name: "b", values: [null, 2] },
  ]);
  expect(isChartable({ columns: ["id", "at"], rows: rows.map((row) => row.slice(0, 2)) })).toBe(false);
  const many = Array.from({ length: 100 }, (_, n) => [n, "2026-11-30T08:01:00Z", `s${n % 10}`, n]);
  expect(chartLines({ columns, rows: many }, "temperature")).toMatchObject({ leftOut: 2 });
});

test("rows sort as in SQLite, numbers before texts, and NULL is always last", () => {
  const rows = [["b"], [null], [10], ["a"], [9]] as const;
  const sorted = (isDown: boolean) => ordered(rows, { column: 0, isDown }).map(([value]) => value);
  expect(sorted(false)).toEqual([9, 10, "a", "b", null]);
  expect(sorted(true)).toEqual(["b", "a", 10, 9, null]);
});
