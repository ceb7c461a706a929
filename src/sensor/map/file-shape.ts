/** The keys of a map file, and what each must look like. What they mean: map-file.ts. */
import { textOr } from "../../core/outside/composed-shapes.ts";
import { boolean, oneOf, text } from "../../core/outside/scalar-shapes.ts";
import { isObject, list, object, optional, record, type Shape, type ValueOf } from "../../core/outside/shape.ts";
import { IDENTITY_COLUMNS, type IdentityColumn, LIMITS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { CSV_SHAPES, csvContradiction } from "../csv/options.ts";
import { LOOKUP } from "../lookup/lookup-key.ts";
import { TIMESTAMP_KEY } from "../time/time-shape.ts";
import { ABSENT, ANY_NUMBER, ANY_TEXT, CONVERSION, DECIMAL_MARK, NAMES_MOST } from "./field-shape.ts";
import { COMPOSE, COMPUTE, EACH, EXTRACT, WHERE, WIDE } from "./shaping-keys.ts";

const CONSTANT_TEXT = text(/^[^\0]+$/, "text, without a NUL character", (value) =>
  value.length > LIMITS.textLength ? `has more than ${LIMITS.textLength} characters` : null,
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
  absent: optional(ABSENT, []),
  text_numbers: optional(boolean, false),
  decimal: optional(DECIMAL_MARK),
  csv: optional(
    object(
      {
        delimiter: optional(CSV_SHAPES.delimiter),
        decimal: optional(CSV_SHAPES.decimal),
        quote: optional(CSV_SHAPES.quote),
        comment: optional(CSV_SHAPES.comment),
        skip: optional(CSV_SHAPES.skip),
        header: optional(CSV_SHAPES.header),
        columns: optional(CSV_SHAPES.columns),
        encoding: optional(CSV_SHAPES.encoding),
      },
      (csv, complain) => {
        const { columns, ...others } = csv;
        const problem = csvContradiction({ ...others, ...(columns !== undefined && { columns: [] }) });
        if (problem !== null) complain("", problem);
      },
    ),
  ),
  where: optional(WHERE, []),
  extract: optional(EXTRACT, new Map()),
  each: optional(EACH),
  compose: optional(COMPOSE, {}),
  wide: optional(WIDE),
  compute: optional(COMPUTE, new Map()),
  lookup: optional(LOOKUP, []),
} as const;

/** A map file, whatever the profile; docs/schema/map.schema.json is its JSON Schema. */
export const MAP_FILE = object(MAP);
export type MapFile = ValueOf<typeof MAP_FILE>;
