/** The keys of a map file, and what each must look like. What they mean: map-file.ts. */
import { textOr } from "../../core/outside/composed-shapes.ts";
import { boolean, number, oneOf, text } from "../../core/outside/scalar-shapes.ts";
import { isObject, list, object, optional, record, type Shape, type ValueOf } from "../../core/outside/shape.ts";
import { IDENTITY_COLUMNS, type IdentityColumn, LIMITS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { TIMESTAMP_KEY } from "../time/time-shape.ts";
import { COMPOSE, EACH, EXTRACT, WHERE } from "./shaping-keys.ts";

/** Names in one list or table of a map file. */
const NAMES_MOST = 10_000;
const ANY_TEXT = text(/^/, "text");
/** Any number that JSON can say: placeholders such as 9.96921e36 are numbers like others. */
const ANY_NUMBER = number({ min: -Number.MAX_VALUE, max: Number.MAX_VALUE });
const CONSTANT_TEXT = text(/^[^\0]+$/, "text, without a NUL character", (value) =>
  value.length > LIMITS.textLength ? `has more than ${LIMITS.textLength} characters` : null,
);

export const CONVERSION = object(
  { to: ANY_TEXT, unit: optional(ANY_TEXT), scale: optional(ANY_NUMBER), offset: optional(ANY_NUMBER) },
  ({ unit, scale, offset }, complain) => {
    if (unit === undefined || (scale === undefined && offset === undefined)) return;
    complain("", "has a unit, and scale or offset: one of them is enough");
  },
);

const constantShape = (column: IdentityColumn): Shape<string | number | undefined> =>
  NUMERIC_IDENTITY.has(column) ? optional<string | number>(ANY_NUMBER) : optional<string | number>(CONSTANT_TEXT);

export const MAP = {
  $schema: optional(ANY_TEXT),
  fields: optional(
    record(textOr(ANY_TEXT, CONVERSION, { isOther: isObject, expects: 'one of our names, or an object with "to"' }), {
      most: NAMES_MOST,
    }),
    new Map(),
  ),
  timestamp: TIMESTAMP_KEY,
  constants: optional(
    object(Object.fromEntries(IDENTITY_COLUMNS.map((column) => [column, constantShape(column)]))),
    {},
  ),
  drop: optional(
    textOr(oneOf(["rest"]), list(text(/^/, "a field's name"), { least: 0, most: NAMES_MOST }), {
      isOther: Array.isArray,
      expects: 'a list of names, of which * may be a part, or "rest"',
    }),
    [],
  ),
  only: optional(oneOf(["mapped"])),
  absent: optional(
    list(
      textOr(
        text(/^/, "text", (value) =>
          value.trim() !== "" && Number.isFinite(Number(value))
            ? `must be the number ${Number(value)}, without quotes: it then means the text as well`
            : null,
        ),
        ANY_NUMBER,
        { isOther: (value) => typeof value === "number", expects: "text or a number" },
      ),
      { least: 0, most: NAMES_MOST },
    ),
    [],
  ),
  text_numbers: optional(boolean, false),
  where: optional(WHERE, []),
  extract: optional(EXTRACT, new Map()),
  each: optional(EACH),
  compose: optional(COMPOSE, {}),
} as const;

/** A map file, whatever the profile; docs/schema/map.schema.json is its JSON Schema. */
export const MAP_FILE = object(MAP);
export type MapFile = ValueOf<typeof MAP_FILE>;
export type Conversion = ValueOf<typeof CONVERSION>;
