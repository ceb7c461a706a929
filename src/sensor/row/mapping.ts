/**
 * `--map FILE`: how a foreign line or row becomes a reading, as data. All keys are optional.
 *
 *     {
 *       "fields": {
 *         "Temperature": "temperature",                              foreign name: our name
 *         "temp_f":      { "to": "temperature", "unit": "°F" },      a named unit (units.ts), converted to the measure's own
 *         "p_raw":       { "to": "pressure", "scale": 0.1, "offset": 300 }    value × scale + offset
 *       },
 *       "timestamp":    { "format": "iso", "zone": "Europe/Brussels" },
 *       "constants":    { "sensor_id": "room-1", "latitude": 50.45 },         identity columns only; they win over the row
 *       "drop":         ["row_number"],                                       known and not wanted, not even in `extra`
 *       "only":         "mapped",                                             no other field is read, whatever its name
 *       "absent":       ["NA", -999],                                         values that mean "no value"
 *       "text_numbers": true                                                  "21.5" is a number, "" is none
 *     }
 *
 * Formats: `iso` (timestamp.ts says what that takes in), `YYYY-MM-DD HH:MM:SS` (the same, as a reminder), numbers (epoch.ts), and
 * patterns such as `%d/%m/%Y %H.%M.%S` (time/pattern-text.ts); one, or a list that is tried in order.
 * `zone` (an IANA name, `UTC`, or an offset such as `+01:00`) is for timestamps that carry none; the default is UTC.
 * Names are as the row has them, in its upper and lower case. A field that nothing names keeps its name: when it is one of
 * ours it is used, else it goes to `extra`. A field of our name is not ours any more when another one is mapped to it.
 * With `only`, a field that nothing names is unknown whatever its name; `"drop": "rest"` leaves out all unknown fields.
 * A mapped integer is taken as text where the column is text (`"id": "sensor_id"`). A file is taken whole or not at all.
 */

import { textOr } from "../../core/outside/composed-shapes.ts";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { type JsonFileKind, parseJsonFile, readJsonFile } from "../../core/outside/json-file.ts";
import { boolean, number, oneOf, text } from "../../core/outside/scalar-shapes.ts";
import {
  type Complain,
  isObject,
  list,
  object,
  optional,
  type Partly,
  record,
  type Shape,
  type ValueOf,
} from "../../core/outside/shape.ts";
import type { Profile } from "../../core/profile.ts";
import { IDENTITY_COLUMNS, type IdentityColumn, LIMITS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { TIMESTAMP_KEY, timeRulesOf } from "../time/time-shape.ts";
import { type MappedField, type Mapping, targetNames, unitProblem } from "./fields.ts";
import { notFiniteOf } from "./not-finite.ts";

/** Names in one list or table of a map file. */
const NAMES_MOST = 10_000;
const ANY_TEXT = text(/^/, "text");
/** Any number that JSON can say: placeholders such as 9.96921e36 are numbers like others. */
const ANY_NUMBER = number({ min: -Number.MAX_VALUE, max: Number.MAX_VALUE });
const CONSTANT_TEXT = text(/^[^\0]+$/, "text, without a NUL character", (value) =>
  value.length > LIMITS.textLength ? `has more than ${LIMITS.textLength} characters` : null,
);

const CONVERSION = object(
  { to: ANY_TEXT, unit: optional(ANY_TEXT), scale: optional(ANY_NUMBER), offset: optional(ANY_NUMBER) },
  ({ unit, scale, offset }, complain) => {
    if (unit === undefined || (scale === undefined && offset === undefined)) return;
    complain("", "has a unit, and scale or offset: one of them is enough");
  },
);

const constantShape = (column: IdentityColumn): Shape<string | number | undefined> =>
  NUMERIC_IDENTITY.has(column) ? optional<string | number>(ANY_NUMBER) : optional<string | number>(CONSTANT_TEXT);

const MAP = {
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
      expects: 'a list of field names, or "rest"',
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
} as const;

/** A map file, whatever the profile; docs/schema/map.schema.json is its JSON Schema. */
export const MAP_FILE = object(MAP);
type MapFile = ValueOf<typeof MAP_FILE>;

/** `profiles`: those that rows may have; a measure of any of them may be mapped to. Null: they are not known. */
function mapKind(profiles: readonly Profile[] | null): JsonFileKind<MapFile> {
  return {
    name: "map",
    missing: "there is no such file",
    tryHint: "agent config check",
    shape: object(MAP, (map, complain) => checkMap(map, profiles, complain)),
  };
}

/** The map file at `path`, seen from `cwd`. Throws a UsageError that lists every problem, each with its place. */
export function loadMapping(path: string, profiles: readonly Profile[] | null, cwd: string = process.cwd()): Mapping {
  return mappingOf(readJsonFile(mapKind(profiles), path, cwd));
}

/** The same from a text that is already here. */
export function parseMapping(text: string, file: string, profiles: readonly Profile[] | null): Mapping {
  return mappingOf(parseJsonFile(mapKind(profiles), text, file));
}

function checkMap(map: Partly<MapFile>, profiles: readonly Profile[] | null, complain: Complain): void {
  const targets = profiles === null ? null : targetNames(profiles);
  const cameFrom = new Map<string, string>();
  for (const [name, conversion] of entriesOf(map.fields)) {
    const path = `fields.${name}`;
    const { to } = conversion;
    if (Array.isArray(map.drop) && map.drop.includes(name)) complain(path, "is in drop as well", "key");
    if (targets !== null && !targets.has(to)) {
      const near = didYouMean(to, targets);
      complain(path, `"${to}" is neither a measure of the profile nor a column of a reading${near}`);
      continue;
    }
    const earlier = cameFrom.get(to);
    if (earlier !== undefined) complain(path, `leads to "${to}", and so does "${earlier}"`);
    cameFrom.set(to, name);
    if (map.constants?.[to] !== undefined) complain(path, `leads to "${to}", which is a constant as well`);
    checkConversion(conversion, profiles ?? [], (relative, what) => complain(`${path}${relative}`, what));
  }
  if (map.only === undefined) return;
  const needed = [
    ["timestamp", 'map a field to "timestamp"'],
    ["sensor_id", 'map a field to "sensor_id", or make it a constant'],
  ] as const;
  for (const [name, what] of needed) {
    if (!cameFrom.has(name) && map.constants?.[name] === undefined)
      complain("only", `no row would have a ${name}: ${what}`);
  }
}

function checkConversion(conversion: Conversion, profiles: readonly Profile[], complain: Complain): void {
  const { to, unit, scale, offset } = conversion;
  if (unit === undefined && scale === undefined && offset === undefined) return;
  const measures = profiles.flatMap((profile) => profile.measures).filter(({ name }) => name === to);
  if (measures.length === 0 && profiles.length > 0) {
    complain("", `unit, scale and offset are for measures, and "${to}" is not one`);
  }
  if (unit === undefined) return;
  for (const measure of measures) {
    const why = unitProblem(unit, measure);
    if (why !== null) complain(".unit", why);
  }
}

type Conversion = ValueOf<typeof CONVERSION>;

/** What the file says about each foreign field, where it could be read; `"x": "y"` is short for `"x": {"to": "y"}`. */
function entriesOf(fields: ReadonlyMap<string, string | Partly<Conversion>> | undefined): [name: string, Conversion][] {
  return [...(fields ?? [])].flatMap(([name, said]): [string, Conversion][] => {
    const { to, unit, scale, offset } = typeof said === "string" ? { to: said } : said;
    return to === undefined ? [] : [[name, { to, unit, scale, offset }]];
  });
}

function mappingOf(map: MapFile): Mapping {
  const fields = entriesOf(map.fields).map(([name, { to, unit, scale, offset }]): [string, MappedField] => [
    name,
    { to, unit: unit ?? null, scale: scale ?? 1, offset: offset ?? 0 },
  ]);
  const constants = Object.entries(map.constants).flatMap(([name, value]): [string, string | number][] => {
    if (value === undefined) return [];
    return [[name, typeof value === "string" ? value.toWellFormed() : value]];
  });
  return {
    fields: new Map(fields),
    constants: new Map(constants),
    drop: new Set(map.drop === "rest" ? [] : map.drop),
    dropRest: map.drop === "rest",
    onlyMapped: map.only === "mapped",
    textNumbers: map.text_numbers,
    absent: new Set(map.absent.flatMap(everyForm)),
    time: timeRulesOf(map.timestamp),
  };
}

/** A number also matches its text, and a word such as "nan" the value that a line or a database has in its place. */
function everyForm(value: string | number): (string | number)[] {
  if (typeof value === "number") return [value, String(value)];
  const number = notFiniteOf(value);
  return number === null ? [value] : [value, number];
}
