import { expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { readPattern } from "../../cel/pattern.ts";
import { cases } from "../../testing/needs.ts";
import { checkExpression } from "./check.ts";

function problemOf(pattern: string): string | undefined {
  const read = readPattern(pattern);
  return typeof read === "function" ? undefined : read.problem;
}

test("patterns as people write them are accepted, also those that an engine without RE2's time must refuse", () => {
  const usual = [
    ...[
      "^s[0-9]$",
      "^SN-\\d{4}-\\d+$",
      "^\\d+(\\.\\d+)+$",
      "^[a-z]+(-[a-z0-9]+)*$",
      "^(foo|bar)+$",
      "(?<year>\\d{4})-\\d\\d",
    ],
    ...[
      "",
      "^$",
      ".*foo.*bar.*",
      "(a+)+$",
      "^(a|a)*$",
      "(.*a){30}$",
      "(a?){30}b",
      "((a+))*b",
      "^\\w*\\d*\\w*\\d*\\w*!",
    ],
  ];
  expect(usual.map((pattern) => [pattern, problemOf(pattern)])).toEqual(usual.map((it) => [it, undefined]));
});

test("a text of any length takes a time in proportion to it", () => {
  const evil = [
    "^(?i:(s[A-Z]*)*)$",
    "(a+)+$",
    "^(a|aa)+$",
    "(x+x+)+y",
    "^(.*a){30}$",
    "^(a?){50}a{50}$",
    "(a*)*b",
    "^.*a.*a.*a.*a.*b$",
  ];
  const started = performance.now();
  for (const pattern of evil) {
    const matcher = readPattern(pattern);
    if (typeof matcher !== "function") throw new Error(pattern);
    for (const char of ["a", "s", "x"]) expect(matcher(`${char.repeat(5_000)}!`)).toBe(pattern === "^(?i:" || false);
  }
  // An engine that goes back would need longer than the sun has.
  expect(performance.now() - started).toBeLessThan(5_000);
});

test("a pattern that RE2 does not have is refused with the reason, and with what to write", () => {
  expect(problemOf("(a")).toBe("the pattern is not one of RE2: missing closing ): `(a`");
  for (const pattern of ["(?=a)b", "(?!a)b", "(?<=a)b", "(?<!a)b"])
    expect(problemOf(pattern)).toContain("look ahead or behind");
  for (const pattern of ["(a)\\1", "(?<n>a)\\k<n>"]) expect(problemOf(pattern)).toContain("refer back");
  expect(problemOf("a\\Z")).toContain("\\z");
  expect(problemOf("\\u00e9")).toContain("\\x{00e9}");
  expect(problemOf("a{1001}")).toContain("repeat count");
  expect(problemOf("(a{1000}|b{1000}|c{1000})")).toContain("too large");
});

test("an expression is refused at the place of its pattern; a pattern that only a reading has is refused too", () => {
  const said = (text: string) => {
    const checked = checkExpression(text);
    return "message" in checked ? [checked.index, checked.message] : null;
  };
  expect(said('model.matches("^TH-[0-9]+$") && m > 1.0')).toBeNull();
  expect(said('m > 1.0 || model.matches("(a")')).toEqual([25, expect.stringContaining("missing closing )")]);
  expect(said("model.matches(location)")).toEqual([14, expect.stringContaining("a text in quotes")]);
});

/** Patterns that mean the same in RE2 and in JavaScript with the flags `u` and `s`, on a text without a line end. */
const atom = fc.constantFrom(
  "a",
  "b",
  "💧",
  "é",
  ".",
  "[ab]",
  "[^a]",
  "[a-c💧]",
  "\\.",
  "\\d",
  "\\x41",
  "\\pL".replace("pL", "p{L}"),
);
const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    atom,
    fc.tuple(atom, fc.constantFrom("", "*", "+", "?", "{2}", "{1,3}", "*?", "+?", "??")).map((parts) => parts.join("")),
    fc.tuple(tie("pattern"), tie("pattern")).map((parts) => parts.join("")),
    fc.tuple(tie("pattern"), tie("pattern")).map(([l, r]) => `(?:${l}|${r})`),
    fc.tuple(tie("pattern"), fc.constantFrom("*", "+", "?", "{2}")).map(([of, many]) => `(${of})${many}`),
    tie("pattern").map((of) => `^${of}`),
    tie("pattern").map((of) => `${of}$`),
    tie("pattern").map((of) => `\\b${of}`),
  ),
}));
const text = fc
  .array(fc.constantFrom("a", "b", "c", "A", "1", ".", "💧", "é", "-"), { maxLength: 8 })
  .map((chars) => chars.join(""));

test("where RE2 and JavaScript mean the same, both give the same answer", () => {
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 3, maxLength: 6 }), (source, texts) => {
      const matcher = readPattern(source);
      if (typeof matcher !== "function") return;
      const same = new RegExp(source, "us");
      for (const of of texts) expect([source, of, matcher(of)]).toEqual([source, of, same.test(of)]);
      // The second time the answer is a remembered one.
      for (const of of texts) expect([source, of, matcher(of)]).toEqual([source, of, same.test(of)]);
    }),
    { numRuns: cases(800) },
  );
});

test("the library of patterns is loaded by the first pattern, not before", () => {
  const loaded = (expression: string) => {
    const code = `
      const { checkExpression } = await import(${JSON.stringify(join(import.meta.dir, "check.ts"))});
      if ("message" in checkExpression(${JSON.stringify(expression)})) throw new Error("refused");
      console.log(Object.keys(require.cache).some((path) => path.includes("re2js")));`;
    const { stdout } = Bun.spawnSync([process.execPath, "-e", code]);
    return stdout.toString().trim();
  };
  expect(loaded("model.startsWith('a') && timestamp.getHours('Europe/Brussels') < 6")).toBe("false");
  expect(loaded("model.matches('a')")).toBe("true");
});
