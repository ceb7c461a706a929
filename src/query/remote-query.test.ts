/** Rows of Databricks as an answer; that they are asked for rightly is seen on Spark (lakehouse.spark.test.ts). */
import { expect, test } from "bun:test";
import { asAnswer } from "./remote-query.ts";

const typed = (types: readonly string[], values: readonly (string | null)[]) =>
  asAnswer({ columns: types.map((type, at) => ({ name: `c${at}`, type })), rows: [values], truncated: false });

test("numbers, lists and booleans are distinguished by the type, not by how a value looks", () => {
  const types = ["BIGINT", "DECIMAL(10,2)", "STRING", "ARRAY<STRING>", "STRUCT<a: INT>", "BOOLEAN", "TIMESTAMP"];
  const { columns } = typed(types, ["1", "1.50", "1", "[]", '{"a":1}', "true", null]);
  expect(columns.map(({ kind }) => kind)).toEqual(["number", "number", "text", "json", "json", "boolean", "text"]);
});

test("a fraction is written in its shortest form; what is exact stays as it came", () => {
  const { rows } = typed(
    ["DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE", "BIGINT", "DECIMAL(10,2)", "STRING"],
    ["20.0", "1.0E-5", "NaN", null, "9007199254740993", "1.50", "20.0"],
  );
  expect(rows).toEqual([["20", "0.00001", "NaN", null, "9007199254740993", "1.50", "20.0"]]);
});
