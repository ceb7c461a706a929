import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import { canonicalJson, JsonSyntaxError, LinePlaces, parseLocatedJson, plainJson } from "./located-json.ts";

function complaint(text: string): string {
  try {
    parseLocatedJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const { line, column } = new LinePlaces(text).place(error.at);
    return `${line}:${column} ${error.message}`;
  }
  return "accepted";
}

test("the output of JSON.stringify is read back as the same value, however it is indented", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(4), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      expect(JSON.stringify(plainJson(parseLocatedJson(text)))).toBe(JSON.stringify(JSON.parse(text)));
    }),
  );
});

test("a text is refused exactly if JSON.parse refuses it", () => {
  const pieces = fc.constantFrom(
    ...'{}[]:,"a"-0123.eE+ \n\\u00e9truefalsenull'.split(""),
    '"k":',
    "true",
    "null",
    "1e5",
  );
  const near = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(near, (text) => {
      let valid = true;
      try {
        JSON.parse(text);
      } catch {
        valid = false;
      }
      const said = complaint(text);
      if (!said.includes("comes twice") && !said.includes("too large"))
        expect([text, said === "accepted"]).toEqual([text, valid]);
    }),
    { numRuns: cases(3_000) },
  );
});

test("a syntax error says what was expected, what was found, and where", () => {
  const cases: [text: string, said: string][] = [
    ["", "1:1 expected a value, not the end of the file"],
    ['{\n  "name": temperature\n}', '2:11 expected a value, not "temperature"'],
    ['{"a": 1,\n "b": 2,\n}', '2:8 JSON allows no comma before "}"'],
    ['{"a": 1\n "b": 2}', '2:2 expected "," or "}", not "\\""'],
    ["{a: 1}", '1:2 expected a key in double quotes, not "a"'],
    ['{"a" 1}', '1:6 expected ":" behind the key "a", not "1"'],
    ['// rule\n{"a": 1}', "1:1 expected a value, not a comment: JSON has none"],
    ['{"a": 1, "b": 2, "a": 3}', '1:18 the key "a" comes twice'],
    ['{"a": 01}', "1:7 this is not a JSON number: 01"],
    ['{"a": 60,5}', "1:9 a decimal number has a point, not a comma: write 60.5"],
    ['{"a": -1,50, "b": 2}', "1:9 a decimal number has a point, not a comma: write 1.50"],
    ['{"a": 1e999}', "1:7 the number 1e999 is too large"],
    ['{"a": "open', "1:7 a text that begins here never ends"],
    ['{"a": "two\nlines"}', "1:11 a line break or control character in a text must be escaped"],
    ['{"a": "\\q"}', "1:8 JSON has no escape \\q"],
    ['{"a": "\\u12"}', "1:8 expected four hexadecimal digits behind \\u"],
    ["[1] 2", '1:5 expected the end of the file, not "2"'],
    ["[".repeat(70), "1:66 nested deeper than 64 levels"],
  ];
  for (const [text, said] of cases) expect(complaint(text)).toBe(said);
});

test("a byte order mark is not an error", () => {
  expect(plainJson(parseLocatedJson("\ufeff[1]"))).toEqual([1]);
});

test("canonical text does not depend on the order of keys, on spaces, or on how a number is written", () => {
  const a = plainJson(parseLocatedJson('{"b": [1.50, 6e1, "\\u00e9"], "a": {"y": null, "x": true}}'));
  const b = plainJson(parseLocatedJson('{ "a":{"x":true,"y":null},\n"b":[1.5,60,"é"] }'));
  expect(canonicalJson(a)).toBe(canonicalJson(b));
  expect(canonicalJson(a)).toBe('{"a":{"x":true,"y":null},"b":[1.5,60,"é"]}');
});
