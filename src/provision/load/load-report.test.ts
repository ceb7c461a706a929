/** The report of the loading notebook, as `dbutils.notebook.exit` hands it over. */
import { expect, test } from "bun:test";
import { readLoadReport } from "./load-report.ts";
import { shippedNotebook } from "./shipped-notebook.ts";

const RAW = { stage: "raw", table: "c.s.sensor_readings_ingestion", rows: 1_892, quarantined: ["s3://b/a.json.gz"] };

test("a report is read with its rows and the objects that were left out", () => {
  const valid = { stage: "validated", table: "c.s.sensor_readings_validated", rows: 0, quarantined: [] };
  expect(readLoadReport(JSON.stringify([RAW, valid]))).toEqual([RAW, valid]);
});

test("what is not a report is none: nothing, words, an empty list, a stage without rows", () => {
  const { rows: _, ...without } = RAW;
  for (const result of [
    null,
    "",
    "42 rows",
    "{}",
    "[]",
    JSON.stringify([RAW, without]),
    JSON.stringify({ tables: [RAW] }),
  ]) {
    expect([result, readLoadReport(result)]).toEqual([result, null]);
  }
});

test("the shipped notebook ends with its report, of the fields that are read", () => {
  const { source } = shippedNotebook();
  expect(source.trimEnd()).toEndWith("dbutils.notebook.exit(json.dumps(counted))");
  const fields = /def report\([\s\S]*?return \[\s*\{([\s\S]*?)\n {8}\}/.exec(source)![1]!;
  expect([...fields.matchAll(/"(\w+)":/g)].map(([, name]) => name!)).toEqual([
    ...Object.keys(RAW),
    "foreign",
    "foreign_named",
  ]);
});
