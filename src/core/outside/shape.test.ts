import { expect, test } from "bun:test";
import fc from "fast-check";
import { made, pair, textOr } from "./composed-shapes.ts";
import { type JsonFileKind, parseJsonFile } from "./json-file.ts";
import { boolean, NO_LIMIT, type NumberLimits, number, oneOf, text } from "./scalar-shapes.ts";
import { type JsonProblem, list, object, optional, readShape, record, refuse } from "./shape.ts";

const SHAPE = object(
  {
    name: text(/^[a-z]+$/, "a lower-case name"),
    level: optional(oneOf(["low", "high"]), "low"),
    size: number({ min: 1, max: 9, whole: true }),
    span: optional(pair),
    tags: optional(list(text(/^.+$/, "text"), { least: 1, most: 3 }), ["none"]),
    weights: optional(record(number(), { most: 2 }), new Map()),
    on: optional(boolean, true),
    any: optional(
      textOr(text(/^x/, "text that begins with x"), number(), {
        expects: "text or a number",
        isOther: (value) => typeof value === "number",
      }),
    ),
  },
  ({ size, tags }, complain) => {
    if (size !== undefined && (tags?.length ?? 0) > size) complain("tags", `are more than ${size}`);
  },
);
const KIND: JsonFileKind<unknown> = { name: "sample", missing: "gone", tryHint: "ls", shape: SHAPE };

function problems(value: unknown): string[] {
  const found: JsonProblem[] = [];
  SHAPE.read(value, "", found);
  return found.map(({ path, what }) => `${path}: ${what}`);
}

test("a value that fits becomes whole, with the fallback of each key that is left out", () => {
  expect(SHAPE.read({ name: "a", size: 2 }, "", [])).toEqual({
    name: "a",
    level: "low",
    size: 2,
    span: undefined,
    tags: ["none"],
    weights: new Map(),
    on: true,
    any: undefined,
  });
});

test("every problem is reported at once, with its path and the name that was probably meant", () => {
  const wrong = {
    name: "A",
    level: "hihg",
    sise: 2,
    span: [3, 1],
    tags: ["a", "", 3],
    weights: { a: "1" },
    on: 1,
    any: true,
  };
  expect(problems(wrong)).toEqual([
    "sise: is not known here; did you mean size?",
    'name: must be a lower-case name, not "A"',
    'level: must be one of low, high, not "hihg"; did you mean high?',
    "span: must have the least first: 3 is not below 1",
    'tags[1]: must be text, not ""',
    "tags[2]: must be text, not 3",
    'weights.a: must be a number from -1000000000 to 1000000000, not "1"',
    "on: must be true or false, not 1",
    "any: must be text or a number, not true",
  ]);
  expect(problems({ name: "a" })).toEqual([': needs "size": a whole number from 1 to 9']);
  expect(problems({ name: "a", size: 1, tags: ["a", "b"] })).toEqual(["tags: are more than 1"]);
});

test("names of the language are keys like any other", () => {
  expect(problems(JSON.parse('{"name": "a", "size": 1, "__proto__": 1, "constructor": 2}'))).toEqual([
    expect.stringContaining("__proto__: is not known here"),
    expect.stringContaining("constructor: is not known here"),
  ]);
  expect(problems(JSON.parse('{"name": "a", "size": 1, "weights": {"__proto__": 1}}'))).toEqual([]);
});

test("of any JSON, a value that is read has no problem and fits the published JSON Schema's types; a refused one has a problem with its place", () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 3 }),
      fc.constantFrom("name", "size", "span", "tags", "weights", "any"),
      (value, key) => {
        const given = JSON.stringify({ name: "a", size: 3, [key]: value }, null, 1);
        try {
          expect(parseJsonFile(KIND, given, "f.json")).toHaveProperty(key);
        } catch (error) {
          for (const line of String((error as Error).message).split("\n")) {
            expect(line).toMatch(/^f\.json:\d+:\d+: [\w.[\]"\\]/);
          }
        }
      },
    ),
  );
});

test("of a file with more problems than anyone reads, the first 1,000 are reported", () => {
  const kind: JsonFileKind<unknown> = { ...KIND, shape: list(number(), { least: 0, most: 1e6 }) };
  const report = (text: string) => {
    try {
      return String(parseJsonFile(kind, text, "f.json"));
    } catch (error) {
      return String((error as Error).message);
    }
  };
  const lines = report(JSON.stringify(new Array<null>(200_000).fill(null))).split("\n");
  expect(lines).toHaveLength(1_000);
  expect(lines.at(-1)).toBe("f.json:1:4997: [999]: must be a number from -1000000000 to 1000000000, not null");
});

test("a shape's JSON Schema says which keys there are, and which of them must be there", () => {
  expect(SHAPE.schema).toMatchObject({
    type: "object",
    required: ["name", "size"],
    additionalProperties: false,
    properties: { size: { type: "integer", minimum: 1, maximum: 9 }, level: { enum: ["low", "high"] } },
  });
});

test("a limit that is not allowed itself, and one on one side only, are in the words and in the schema", () => {
  const expects = (limits: NumberLimits) => [number(limits).expects, number(limits).schema];
  expect(expects({ above: 0, max: NO_LIMIT })).toEqual(["a number above 0", { type: "number", exclusiveMinimum: 0 }]);
  expect(expects({ min: 0, max: NO_LIMIT })).toEqual(["a number of 0 or more", { type: "number", minimum: 0 }]);
  expect(expects({ min: -NO_LIMIT, max: NO_LIMIT })).toEqual(["a number", { type: "number" }]);
  expect(expects({ min: 0, below: 4 })).toEqual([
    "a number from 0 to below 4",
    { type: "number", minimum: 0, exclusiveMaximum: 4 },
  ]);
  for (const [value, fits] of [
    [0, true],
    [3.99, true],
    [4, false],
    [-0.01, false],
  ] as const) {
    expect([value, number({ min: 0, below: 4 }).read(value, "", []) === value]).toEqual([value, fits]);
  }
});

test("a value that is made of another is made only of one that is whole", () => {
  const half = made(number({ min: 0 }), (value, { path, problems }) =>
    value % 2 === 0 ? value / 2 : refuse(problems, path, "must be even"),
  );
  const both = object({ one: half, other: optional(half, 0) }, undefined, {
    of: ["one", "other"],
    what: "has both",
    only: true,
  });
  const said = (value: unknown) => {
    const read = readShape(both, value);
    return "ok" in read ? read.ok : read.refused.map(({ path, what }) => `${path}: ${what}`);
  };
  expect(said({ one: 4 })).toEqual({ one: 2, other: 0 });
  expect(said({ one: 3 })).toEqual(["one: must be even"]);
  expect(said({ one: "4" })).toEqual([expect.stringContaining('one: must be a number from 0 to 1000000000, not "4"')]);
  expect(said({ one: 4, other: 2 })).toEqual([": has both"]);
  expect(both.schema).toMatchObject({ minProperties: 1, maxProperties: 1 });
});
