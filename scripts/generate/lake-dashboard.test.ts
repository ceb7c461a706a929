/** notebooks/dashboard.lvdash.json: made from queries.sql, and of a form that Databricks shows. On Spark: lakehouse.spark.test.ts. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { demandDashboard } from "../../src/fake-workspace/files/dashboard-shape.ts";
import { outputColumns } from "../../src/fake-workspace/sql/output-columns.ts";
import { readNamedQueries } from "../../src/lakehouse/named-queries.ts";
import { dashboardText, lakeDashboard } from "./lake-dashboard.ts";

const read = (name: string) => readFileSync(join(import.meta.dir, "../../notebooks", name), "utf8");
const QUERIES = readNamedQueries(read("queries.sql"));
const FILE = read("dashboard.lvdash.json");

test("the dashboard is the one that bun scripts/generate/dashboard.ts makes", () => {
  expect(FILE).toBe(dashboardText(QUERIES));
});

test("every dataset is a named query, and has every column that a widget asks it for", () => {
  const { datasets } = lakeDashboard(QUERIES);
  expect(datasets.map(({ name }) => name)).toEqual(QUERIES.map(({ name }) => name));
  for (const { name, queryLines } of datasets) {
    expect(queryLines.join("")).toEndWith(`\n${QUERIES.find((query) => query.name === name)!.sql}\n`);
  }
  demandDashboard(FILE);
  expect(() => demandDashboard(FILE.replaceAll("SUM(`rows`)", "SUM(`lines`)"))).toThrow('has no column "lines"');
});

test("every query is shown by a table, column by column; counters are above charts, and charts above tables", () => {
  const { pages } = lakeDashboard(QUERIES);
  const placed = pages.flatMap(({ layout }) => layout);
  const tables = new Map(
    placed
      .filter(({ widget }) => widget.spec?.["widgetType"] === "table")
      .map(({ widget }) => [widget.queries![0]!.query.datasetName, widget.queries![0]!.query.fields]),
  );
  const shown = QUERIES.filter(({ name }) => name !== "ingestion_rate");
  for (const { name, sql } of shown) {
    expect([name, tables.get(name)?.map((field) => field.name)]).toEqual([name, [...outputColumns(sql)]]);
  }
  // One row a minute is for a line, not for a table.
  expect(placed.some(({ widget }) => widget.queries?.[0]?.query.datasetName === "ingestion_rate")).toBe(true);
  const RANK: Readonly<Record<string, number>> = { counter: 0, line: 1, bar: 1, table: 2 };
  for (const { layout } of pages.slice(0, 1)) {
    const ranks = layout.flatMap(({ widget }) => RANK[String(widget.spec?.["widgetType"])] ?? []);
    expect(ranks).toEqual([...ranks].sort());
  }
});
