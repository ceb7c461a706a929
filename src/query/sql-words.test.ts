import { expect, test } from "bun:test";
import { sqlWords } from "./sql-words.ts";

const has = (sql: string, ...words: string[]) => words.every((word) => sqlWords(sql).words.has(word));

test("every way to write a name is found: plain, quoted, in a text, in any case", () => {
  expect(has('SELECT A, "b ""c""", [d e], `f`, x.G FROM \'h\'', "a", 'b "c"', "d e", "f", "g", "x", "h")).toBe(true);
  expect(has("SELECT größe FROM t", "größe")).toBe(true);
});

test("comments and the insides of longer names name nothing", () => {
  const { words } = sqlWords("SELECT a_b -- c\n/* d */ FROM t1 /* e");
  expect([..."abcde"].filter((word) => words.has(word))).toEqual([]);
});

test("a star means columns behind SELECT, DISTINCT, a comma or a dot; elsewhere it counts or multiplies", () => {
  for (const sql of ["SELECT * FROM t", "select distinct * from t", "SELECT a, * FROM t", "SELECT t.* FROM t"]) {
    expect([sql, sqlWords(sql).takesAll]).toEqual([sql, true]);
  }
  for (const sql of ["SELECT count(*) FROM t", "SELECT a * b FROM t", "SELECT '*', a FROM t"]) {
    expect([sql, sqlWords(sql).takesAll]).toEqual([sql, false]);
  }
  expect(sqlWords("SELECT 1 FROM a NATURAL JOIN b").takesAll).toBe(true);
});

test("a semicolon in a text or a comment ends no statement, and behind the last one may be nothing", () => {
  expect(sqlWords("SELECT ';' /* ; */ -- ;").statements).toBe(1);
  expect(sqlWords("SELECT 1; -- done\n ;").statements).toBe(1);
  expect(sqlWords("SELECT 1; ATTACH 'x' AS y").statements).toBe(2);
  expect(sqlWords(" -- nothing").statements).toBe(0);
});

test("the first word says what a statement does, whatever is before it", () => {
  expect(sqlWords("/* SELECT */ -- SELECT\n  Attach 'x' AS y").first).toBe("attach");
  expect(sqlWords("(SELECT 1)").first).toBe("(");
});

test("text that is not SQL is taken apart too, in little time", () => {
  for (const sql of ["'open", '"open', "[open", "`open", "/* open", "'".repeat(50_001), "€ 💥 \u0000"]) sqlWords(sql);
  const startedMs = performance.now();
  sqlWords("'".repeat(99_999));
  sqlWords("a.".repeat(50_000));
  expect(performance.now() - startedMs).toBeLessThan(2_000);
});
