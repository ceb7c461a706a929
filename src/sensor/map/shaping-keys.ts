/** The keys of a map file that say how readings are made of records: `where`, `extract`, `each`, `compose`. */
import { either, made, oneOrList } from "../../core/outside/composed-shapes.ts";
import { boolean, number, text } from "../../core/outside/scalar-shapes.ts";
import { isObject, list, mustBe, object, optional, record, refuse, type Shape } from "../../core/outside/shape.ts";
import { IDENTITY_COLUMNS, type IdentityColumn, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { MS_PER_DAY, parseDuration } from "../../core/time/duration.ts";
import { EXPRESSION, expressionCondition } from "./compute.ts";
import { eachOf, SENML } from "./each.ts";
import { pathOf } from "./path.ts";
import { type Pattern, patternOf } from "./pattern.ts";
import type { EachPath, WideRule } from "./record-shape.ts";
import { type Condition, fieldCondition } from "./where.ts";

/** Alternatives, conditions, parts: what a person writes in one place. */
const SOME = { least: 1, most: 100 } as const;
const VALUES = { least: 1, most: 10_000 } as const;

const FIELD = text(/^.+$/s, "a field's name or path");
const ANY_NUMBER = number({ min: -Number.MAX_VALUE, max: Number.MAX_VALUE });
const SCALAR = either<string | number | boolean | null, string | number | boolean | null>(
  (value) => typeof value === "string",
  text(/^/, "text"),
  either<number, boolean | null>(
    (value) => typeof value === "number",
    ANY_NUMBER,
    either<boolean, null>((value) => typeof value === "boolean", boolean, nothing()),
  ),
);
const GLOBS = oneOrList(text(/^/, "text, in which * is any text"), SOME);

function nothing(): Shape<null> {
  return {
    expects: "null",
    schema: { type: "null" },
    read: (value, path, problems) =>
      value === null ? null : refuse(problems, path, "must be text, a number, true, false or null"),
  };
}

const TESTS = ["equals", "not_equals", "in", "not_in", "like", "not_like", "exists"] as const;

const CONDITION = made(
  object(
    {
      field: FIELD,
      equals: optional(SCALAR),
      not_equals: optional(SCALAR),
      in: optional(list(SCALAR, VALUES)),
      not_in: optional(list(SCALAR, VALUES)),
      like: optional(GLOBS),
      not_like: optional(GLOBS),
      exists: optional(boolean),
    },
    undefined,
    { of: TESTS, what: `asks nothing of the field: give it one of ${TESTS.join(", ")}` },
  ),
  ({ field, ...test }): Condition => fieldCondition(pathOf(field), test),
);

const BY_EXPRESSION = made(
  object({ expression: EXPRESSION }),
  ({ expression }, { path, problems }): Condition | undefined => {
    if (expression.type === "bool" || expression.type === "dyn") return expressionCondition(expression);
    const what = `must say true or false, and this one gives ${expression.type}`;
    return refuse(problems, `${path}.expression`, what);
  },
);
const isByExpression = (value: unknown): boolean => isObject(value) && Object.hasOwn(value, "expression");

/** Every condition must hold. */
export const WHERE = oneOrList(either(isByExpression, BY_EXPRESSION, CONDITION), SOME);

/** By our field. */
export const COMPUTE = record(EXPRESSION, { most: SOME.most });

const PATTERN = made(
  text(/^.+$/s, 'text with {names}, such as "tele/{device}/SENSOR"'),
  (value, { path, problems }) => {
    const pattern = patternOf(value);
    return typeof pattern === "string" ? refuse(problems, path, pattern) : pattern;
  },
);

const TAKEN_APART = made(PATTERN, (pattern, { path, problems }): Pattern | undefined => {
  const { names, literals } = pattern;
  const wanted = names.filter((name) => name !== "");
  if (wanted.length === 0) return refuse(problems, path, "has no {name}: nothing would be taken out of the text");
  if (new Set(wanted).size < wanted.length) return refuse(problems, path, "has one {name} twice");
  const close = names.findIndex((_, i) => i > 0 && literals[i] === "");
  if (close < 0) return pattern;
  return refuse(problems, path, `has nothing between {${names[close - 1]}} and {${names[close]}}: where does one end?`);
});

/** By field: the patterns that its text may have. */
export const EXTRACT = record(oneOrList(TAKEN_APART, SOME), { most: SOME.most });

const EACH_PATH = made(text(/^/, 'a path such as "values[]"'), (value, { path, problems }): EachPath | undefined => {
  const each = eachOf(value);
  return typeof each === "string" ? refuse(problems, path, each) : each;
});

/** SENML, or paths. */
export const EACH = either<typeof SENML, readonly EachPath[]>(
  (value) => value === SENML,
  { expects: `"${SENML}"`, schema: { const: SENML }, read: () => SENML },
  oneOrList(EACH_PATH, SOME),
);

const PUT_TOGETHER = made(PATTERN, (pattern, { path, problems }): Pattern | undefined => {
  if (pattern.names.length === 0) return refuse(problems, path, "names no {field}: a text of no field is a constant");
  return pattern.names.includes("") ? refuse(problems, path, "has {} without the name of a field") : pattern;
});

const COMPOSED = IDENTITY_COLUMNS.filter((column) => !NUMERIC_IDENTITY.has(column));

/** By identity column that is text. */
export const COMPOSE = object(
  Object.fromEntries(
    COMPOSED.map((column): [IdentityColumn, Shape<Pattern | undefined>] => [column, optional(PUT_TOGETHER)]),
  ),
);

const UP_TO_A_DAY = 'a time up to "1d", such as "500ms", "2s" or "10m"';
const SHORT_TIME = made(text(/^/, UP_TO_A_DAY), (written, { path, problems }): number | undefined => {
  const ms = parseDuration(written);
  return ms !== undefined && ms <= MS_PER_DAY ? ms : refuse(problems, path, mustBe(UP_TO_A_DAY, written));
});

/** Rows of one quantity each. */
export const WIDE = made(
  object(
    { name: FIELD, value: FIELD, within: optional(SHORT_TIME, 0), wait: optional(SHORT_TIME, 2_000) },
    ({ name, value }, complain) => {
      if (name !== undefined && name === value) complain("value", "is the field of the name as well");
    },
  ),
  ({ name, value, within, wait }): WideRule => {
    return { name: pathOf(name), value: pathOf(value), withinMs: within, waitMs: wait };
  },
);
