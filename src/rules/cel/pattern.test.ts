import { expect, test } from "bun:test";
import { checkExpression } from "./check.ts";
import { patternProblem } from "./pattern.ts";

test("patterns as people write them are let in", () => {
  const usual = [
    ...["^s[0-9]$", "^SN-\\d{4}-\\d+$", "^\\d+(\\.\\d+)+$", "^(\\d+\\.)+\\d+$", "^[a-z]+(-[a-z0-9]+)*$"],
    ...[
      "^(foo|bar)+$",
      "(ab)*",
      "^(?:a|b){2,3}$",
      "(?<year>\\d{4})-\\d\\d",
      "^v?(\\d+)(\\.\\d+)?$",
      "[)(]+",
      "\\(a+\\)",
    ],
    ...["^(north|south)-.*$", "", "a{3}", "[\\]a]+(,[^,]*)*", "^$", "(a|b)?", "((x|y)z)+"],
  ];
  expect(usual.map((pattern) => [pattern, patternProblem(pattern)])).toEqual(usual.map((it) => [it, undefined]));
});

test("a repeated group that takes the same text in many ways is refused, at once", () => {
  const endless = [
    ...["(a+)+$", "^(a|a)*$", "(a|aa)+$", "(x+x+)+y", "(.*a){30}$", "(a?){30}b", "^(\\d+\\.?)+$", "((a+))*b"],
    ...["(?:[a-z]+)*!", "(\\w+\\s?)*$", "(a{1,9}){1,9}b", "(-[-a]+)*$", "((a|b)+)+c", "(?<n>a*)*"],
  ];
  for (const pattern of endless) {
    expect([pattern, patternProblem(pattern)]).toEqual([pattern, expect.stringContaining("in many ways")]);
  }
});

test("repetitions in a row that can take each other's text are few, and none within a repeated group", () => {
  const few = [
    ".*foo.*bar.*",
    "^.*a.*a.*b$",
    "^a*b*a*c$",
    "^-?\\d+(\\.\\d+)?(e[-+]?\\d+)?$",
    "^[^-]*-[^-]*-[^-]*-[^-]*-x$",
  ];
  expect(few.map((pattern) => [pattern, patternProblem(pattern)])).toEqual(few.map((it) => [it, undefined]));
  const slow = ["^.*a.*a.*a.*b$", ".*a.*a.*b", "^.*a.*a.*a.*a.*a.*b$", "a?a?a?a?a?aaaaa", "^\\w*\\d*\\w*\\d*\\w*!"];
  for (const pattern of slow)
    expect([pattern, patternProblem(pattern)]).toEqual([pattern, expect.stringContaining("in a row")]);
  for (const pattern of ["^(-a*a*)*$", "^(-a?a?b)*$", "(;.*x)+"]) {
    expect([pattern, patternProblem(pattern)]).toEqual([pattern, expect.stringContaining("in many ways")]);
  }
});

test("a text that is not a pattern of CEL is refused when the rule is read", () => {
  expect(patternProblem("(a")).toContain("Invalid regular expression");
  for (const pattern of ["(?=a)b", "(?!a)b", "(?<=a)b", "(?<!a)b"]) expect(patternProblem(pattern)).toContain("ahead");
  for (const pattern of ["(a)\\1", "(?<n>a)\\k<n>"]) expect(patternProblem(pattern)).toContain("refer back");
});

test("an expression is refused at the place of its pattern; a pattern that only a reading has is refused too", () => {
  const said = (text: string) => {
    const checked = checkExpression(text);
    return "message" in checked ? [checked.index, checked.message] : null;
  };
  expect(said('model.matches("^TH-[0-9]+$") && m > 1.0')).toBeNull();
  expect(said('m > 1.0 || model.matches("(a")')).toEqual([25, expect.stringContaining("Invalid regular expression")]);
  expect(said("model.matches(location)")).toEqual([14, expect.stringContaining("a text in quotes")]);
});
