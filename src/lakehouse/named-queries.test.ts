/** notebooks/queries.sql as the agent reads it. */
import { expect, test } from "bun:test";
import { readNamedQueries } from "./named-queries.ts";

const TEXT = `-- What people ask.

-- name: first
-- How many,
-- and of what.
SELECT 1 AS one;

-- name: second_one
SELECT 2 AS two -- of them
FROM t;
`;

test("a query has a name, what it answers in one line, and a statement without a semicolon", () => {
  expect(readNamedQueries(TEXT)).toEqual([
    { name: "first", about: "How many, and of what.", sql: "SELECT 1 AS one" },
    { name: "second_one", about: "", sql: "SELECT 2 AS two -- of them\nFROM t" },
  ]);
  expect(readNamedQueries("-- no query here\n")).toEqual([]);
});

test("what cannot be distinguished or asked is refused", () => {
  expect(() => readNamedQueries(`${TEXT}-- name: first\nSELECT 3;`)).toThrow('query "first" is there twice');
  expect(() => readNamedQueries("-- name: Two Words\nSELECT 3;")).toThrow('"Two Words" is not a valid name of a query');
  expect(() => readNamedQueries("-- name: empty\n-- nothing\n")).toThrow('query "empty" has no statement');
});
