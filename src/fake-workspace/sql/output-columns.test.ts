/** The names of a query's columns, from its text. On Spark they are asked for: lakehouse.spark.test.ts. */
import { expect, test } from "bun:test";
import { outputColumns } from "./output-columns.ts";

test("a column is called what follows AS, or by the last part of its name", () => {
  expect(outputColumns("SELECT a, t.b, count(*) AS n, `c d` FROM t")).toEqual(["a", "b", "n", "c d"]);
  expect(outputColumns("SELECT max_by(a, b) AS newest, CAST(x AS DATE) AS day FROM t")).toEqual(["newest", "day"]);
});

test("other SELECTs, texts and comments are not taken for it", () => {
  const sql = `WITH t AS (SELECT x, y FROM u), v AS (SELECT z FROM t)
    SELECT '--, FROM' AS a, -- , nothing FROM here
      (SELECT max(q) FROM v) AS b
    FROM (SELECT c FROM t) JOIN v ON t.x = v.z ORDER BY a, b`;
  expect(outputColumns(sql)).toEqual(["a", "b"]);
  expect(outputColumns("SELECT 1 AS a, 2 AS b FROM t UNION ALL SELECT 3, 4 FROM u")).toEqual(["a", "b"]);
});

test("what has no name is refused", () => {
  expect(() => outputColumns("SELECT * FROM t")).toThrow('column "*" has no name');
  expect(() => outputColumns("SELECT count(*) FROM t")).toThrow('column "count ( * )" has no name');
  expect(() => outputColumns("SELECT (a FROM t")).toThrow("parentheses");
  expect(() => outputColumns("SHOW TABLES")).toThrow("there is no SELECT");
});
