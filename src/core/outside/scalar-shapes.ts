/** The shapes of single values: text, numbers, true and false, one of some words. */
import { didYouMean } from "./did-you-mean.ts";
import { type JsonSchema, mustBe, refuse, type Shape } from "./shape.ts";

/** A shape for single values: `fits` decides. */
function scalar<T>(expects: string, schema: JsonSchema, fits: (value: unknown) => value is T): Shape<T> {
  return {
    expects,
    schema,
    read: (value, path, problems) => (fits(value) ? value : refuse(problems, path, mustBe(expects, value))),
  };
}

/** Text that matches (`/^/`: any); `why` may refuse a text that matches, with its reason. */
export function text(pattern: RegExp, expects: string, why?: (value: string) => string | null): Shape<string> {
  const fits = (value: unknown): value is string => typeof value === "string" && pattern.test(value);
  const plain = scalar(expects, { type: "string", ...(pattern.source !== "^" && { pattern: pattern.source }) }, fits);
  if (why === undefined) return plain;
  return {
    expects: plain.expects,
    schema: plain.schema,
    read: (value, path, problems) => {
      const read = plain.read(value, path, problems);
      const reason = read === undefined ? null : why(read);
      return reason === null ? read : refuse(problems, path, reason);
    },
  };
}

/** Any text of at most so many UTF-16 units. */
export function shortText(most: number, expects = "a text"): Shape<string> {
  const shape = text(/^/, expects, (value) => (value.length > most ? `is longer than ${most} characters` : null));
  return { expects, schema: { type: "string", maxLength: most }, read: shape.read };
}

/** `above` and `below` are not allowed themselves. */
export type NumberLimits = {
  readonly min?: number;
  readonly max?: number;
  readonly above?: number;
  readonly below?: number;
  readonly whole?: boolean;
};

/** Beyond this a number of a file is a slip of the writer, unless its shape says otherwise. */
const NUMBER_MOST = 1e9;
/** As `min` or `max`: no limit on that side. */
export const NO_LIMIT = Number.MAX_VALUE;

export function number(limits: NumberLimits = {}): Shape<number> {
  const { above = -Infinity, below = Infinity, whole = false } = limits;
  const { min = above === -Infinity ? -NUMBER_MOST : -NO_LIMIT, max = below === Infinity ? NUMBER_MOST : NO_LIMIT } =
    limits;
  const fits = (value: unknown): value is number =>
    typeof value === "number" &&
    value >= min &&
    value <= max &&
    value > above &&
    value < below &&
    (!whole || Number.isInteger(value));
  const schema = {
    type: whole ? "integer" : "number",
    ...(min > -NO_LIMIT && { minimum: min }),
    ...(max < NO_LIMIT && { maximum: max }),
    ...(above > -Infinity && { exclusiveMinimum: above }),
    ...(below < Infinity && { exclusiveMaximum: below }),
  };
  const expects = `${whole ? "a whole number" : "a number"}${limitWords({ min, max, above, below })}`;
  return {
    expects,
    schema,
    read: (value, path, problems) =>
      fits(value) ? value : refuse(problems, path, `${mustBe(expects, value)}${numberMeant(value)}`),
  };
}

/** A text with a decimal comma is a number that was quoted because JSON refused it. */
function numberMeant(value: unknown): string {
  const digits = typeof value === "string" ? /^\s*(-?[0-9]+),([0-9]+)\s*$/.exec(value) : null;
  return digits === null ? "" : `; write ${digits[1]}.${digits[2]}, without quotes`;
}

function limitWords({ min, max, above, below }: Required<Omit<NumberLimits, "whole">>): string {
  const least = above > -Infinity ? `above ${above}` : min > -NO_LIMIT ? `from ${min}` : "";
  const most = below < Infinity ? `below ${below}` : max < NO_LIMIT ? `${max}` : "";
  if (least !== "" && most !== "") return ` ${least} to ${most}`;
  if (least !== "") return above > -Infinity ? ` ${least}` : ` of ${min} or more`;
  return most === "" ? "" : below < Infinity ? ` ${most}` : ` of ${max} or less`;
}

export const boolean: Shape<boolean> = scalar(
  "true or false",
  { type: "boolean" },
  (value): value is boolean => typeof value === "boolean",
);

export function oneOf<const T extends string>(values: readonly T[]): Shape<T> {
  const expects = `one of ${values.join(", ")}`;
  return {
    expects,
    schema: { enum: values },
    read: (value, path, problems) => {
      const found = values.find((each) => each === value);
      const near = typeof value === "string" ? didYouMean(value, values) : "";
      return found ?? refuse(problems, path, `${mustBe(expects, value)}${near}`);
    },
  };
}
