/** Where in a question SQLite's error is. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { errorAt, lineAndColumn } from "./sql-text.ts";

const db = new Database(":memory:");
db.run("CREATE TABLE t (a, b)");
db.run("CREATE TABLE u (a, c)");

const messageOf = (sql: string): string | null => {
  try {
    db.prepare(sql).finalize();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

/** The word of the error, and its line and column. */
function errorWord(sql: string): unknown {
  const message = messageOf(sql) ?? "";
  const at = errorAt(sql, message, messageOf);
  if (at === null) return null;
  const { line, column } = lineAndColumn(sql, at.from);
  return [sql.slice(at.from, at.to), line, column];
}

test("a syntax error is at the word that the parser did not expect, also where the same word is right elsewhere", () => {
  expect(errorWord("SELECT a FROM t WHERE a = 1 WHERE b = 2")).toEqual(["WHERE", 1, 29]);
  expect(errorWord("SELECT a,\n  FROM t")).toEqual(["FROM", 2, 3]);
  expect(errorWord("SELECT a -- FROM WHERE\nFROM t WHERE WHERE")).toEqual(["WHERE", 2, 14]);
  expect(errorWord("SELECT 'it''s FROM' FROM FROM")).toEqual(["FROM", 1, 26]);
});

test("a name that is not known, and one that is known twice, are found, quoted or not, and never in a text", () => {
  expect(errorWord("SELECT 'none',\n none FROM t")).toEqual(["none", 2, 2]);
  expect(errorWord("SELECT t.none FROM t")).toEqual(["none", 1, 10]);
  expect(errorWord("SELECT a FROM nowhere")).toEqual(["nowhere", 1, 15]);
  expect(errorWord("SELECT a FROM t, u")).toEqual(["a", 1, 8]);
  expect(errorWord("SELECT nope(a) FROM t")).toEqual(["nope", 1, 8]);
});

test("what ends too early is shown at its end, and an error that names no word has no place", () => {
  expect(errorWord("SELECT a FROM")).toEqual(["", 1, 14]);
  expect(errorAt("SELECT 1", "out of memory", () => null)).toBe(null);
});
