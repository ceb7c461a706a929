import { expect, test } from "bun:test";
import { bracketRelations } from "../../cel/relations.ts";
import { checkExpression } from "./check.ts";

test("where an order follows an equality, what is left of it gets brackets; nothing else changes", () => {
  const bracketed = (text: string) => bracketRelations(text).text;
  for (const [text, expected] of [
    ["a == b < c", "(a == b) < c"],
    ["a != b in c == d", "((a != b) in c) == d"],
    ["a < b == c < d", "((a < b) == c) < d"],
    ["x && a == b < c || y", "x && (a == b) < c || y"],
    ["f(a == b < c, d == e >= g)", "f((a == b) < c, (d == e) >= g)"],
    ["!a == b < c ? d == e > f : [g == h < i]", "(!a == b) < c ? (d == e) > f : [(g == h) < i]"],
    ["(a == b < c) == d < e", "(((a == b) < c) == d) < e"],
    ["{'k': a == b < c}", "{'k': (a == b) < c}"],
    ["a == 'it\\'s' < c // == <", "(a == 'it\\'s') < c // == <"],
    ['a == """x"y""" < r"\\d"', '(a == """x"y""") < r"\\d"'],
  ] as const) {
    expect([text, bracketed(text)]).toEqual([text, expected]);
  }
  for (const text of [
    "a < b == c",
    "a == (b < c)",
    "a == b && c < d",
    "f(a == b) < c",
    "a == 'b < c'",
    "a == b // < c",
    "a[b == c] < d",
    "main == 1 && b < 2",
    "a == b)",
    "((a == b",
  ]) {
    expect([text, bracketed(text)]).toEqual([text, text]);
  }
});

test("a problem is at its place in the text as it was written", () => {
  const said = (text: string) => {
    const checked = checkExpression(text);
    return "message" in checked ? [checked.message, checked.index] : null;
  };
  expect(said("status_code == 0 < true && m + 'x' > 1.0")).toEqual([expect.stringContaining("double + string"), 27]);
  expect(said("m > 0.0 && location == model < m")).toEqual([expect.stringContaining("left to right"), 11]);
});
