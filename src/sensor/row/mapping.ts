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
 *       "absent":       ["NA", -999],                                         values that mean "no value"
 *       "text_numbers": true                                                  "21.5" is a number, "" is none
 *     }
 *
 * Formats: `iso` (timestamp.ts says what that takes in), `YYYY-MM-DD HH:MM:SS` (the same, as a reminder), `unix_s`, `unix_ms`.
 * `zone` (an IANA name, `UTC`, or an offset such as `+01:00`) is for timestamps that carry none; the default is UTC.
 * Names are as the row has them, in its upper and lower case. A field that nothing names keeps its name: when it is one of
 * ours it is used, else it goes to `extra`. A field of our name is not ours any more when another one is mapped to it.
 * A mapped integer is taken as text where the column is text (`"id": "sensor_id"`). A file is taken whole or not at all.
 */
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { type JsonFileKind, type JsonProblem, parseJsonFile, readJsonFile } from "../../core/outside/json-file.ts";
import type { Profile } from "../../core/profile.ts";
import { IDENTITY_COLUMNS, type IdentityColumn, LIMITS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { type MappedField, type Mapping, targetNames, unitProblem } from "./fields.ts";
import { TIMESTAMP_FORMATS, type TimestampFormat } from "./timestamp.ts";
import { type Zone, zoneOf } from "./zone.ts";

const KEYS = ["fields", "timestamp", "constants", "drop", "absent", "text_numbers"] as const;
const MAPPING: JsonFileKind = {
  name: "mapping",
  missing: "there is no such file",
  tryHint:
    'a file such as {"fields": {"ts": "timestamp", "t": {"to": "temperature", "unit": "°F"}}, "constants": {"sensor_id": "room-1"}}',
};

type Json = Readonly<Record<string, unknown>>;

/** The mapping file at `path`, seen from `cwd`. Throws a UsageError that lists every problem, each with its place. */
export function loadMapping(path: string, profiles: readonly Profile[] | null, cwd: string = process.cwd()): Mapping {
  return parseMapping(readJsonFile(MAPPING, path, cwd), path, profiles);
}

/** `profiles`: those that rows may have; a measure of any of them may be mapped to. Null: they are not known. */
export function parseMapping(text: string, file: string, profiles: readonly Profile[] | null): Mapping {
  return parseJsonFile(MAPPING, text, file, (value, problems) => new MappingReader(profiles, problems).read(value));
}

class MappingReader {
  readonly #problems: JsonProblem[];
  readonly #profiles: readonly Profile[];
  readonly #targets: ReadonlySet<string> | null;

  constructor(profiles: readonly Profile[] | null, problems: JsonProblem[]) {
    this.#problems = problems;
    this.#profiles = profiles ?? [];
    this.#targets = profiles === null ? null : targetNames(profiles);
  }

  read(value: unknown): Mapping {
    const top = this.#object("", value, KEYS);
    const fields = this.#fields(top["fields"]);
    const drop = new Set(this.#list("drop", top["drop"], (item) => typeof item === "string", "a field's name"));
    const constants = this.#constants(top["constants"]);
    for (const [name, { to }] of fields) {
      if (drop.has(name)) this.#problem(`fields.${name}`, "is in drop as well", "key");
      if (constants.has(to)) this.#problem(`fields.${name}`, `leads to "${to}", which is a constant as well`);
    }
    const textNumbers = top["text_numbers"] ?? false;
    if (typeof textNumbers !== "boolean")
      this.#problem("text_numbers", `must be true or false, not ${shown(textNumbers)}`);
    return {
      fields,
      constants,
      drop: drop as ReadonlySet<string>,
      textNumbers: textNumbers === true,
      absent: this.#absent(top["absent"]),
      ...this.#timestamp(top["timestamp"]),
    };
  }

  #fields(value: unknown): ReadonlyMap<string, MappedField> {
    const fields = new Map<string, MappedField>();
    const cameFrom = new Map<string, string>();
    for (const [name, said] of Object.entries(this.#object("fields", value, null))) {
      const path = `fields.${name}`;
      const spec =
        typeof said === "string" ? { to: said } : this.#object(path, said, ["to", "unit", "scale", "offset"]);
      const to = this.#target(path, spec["to"]);
      const earlier = cameFrom.get(to);
      if (earlier !== undefined) this.#problem(path, `leads to "${to}", and so does "${earlier}"`);
      cameFrom.set(to, name);
      fields.set(name, { to, ...this.#conversion(path, to, spec) });
    }
    return fields;
  }

  #target(path: string, to: unknown): string {
    if (typeof to === "string" && (this.#targets === null || this.#targets.has(to))) return to;
    if (typeof to !== "string")
      this.#problem(path, `must be one of our names, or an object with "to", not ${shown(to)}`);
    else
      this.#problem(
        path,
        `"${to}" is neither a measure of the profile nor a column of a reading${didYouMean(to, this.#targets ?? [])}`,
      );
    return String(to);
  }

  #conversion(path: string, to: string, spec: Json): Omit<MappedField, "to"> {
    const { unit, scale = 1, offset = 0 } = spec;
    const plain = { unit: null, scale: 1, offset: 0 };
    if (unit === undefined && spec["scale"] === undefined && spec["offset"] === undefined) return plain;
    const measures = this.#profiles.flatMap((profile) => profile.measures).filter(({ name }) => name === to);
    if (measures.length === 0) {
      if (this.#targets?.has(to)) this.#problem(path, `unit, scale and offset are for measures, and "${to}" is none`);
      return plain;
    }
    if (unit !== undefined) {
      if (spec["scale"] !== undefined || spec["offset"] !== undefined)
        this.#problem(path, "has a unit, and scale or offset: one of them is enough");
      if (typeof unit !== "string") this.#problem(`${path}.unit`, `must be a unit's name, not ${shown(unit)}`);
      else {
        for (const measure of measures) {
          const why = unitProblem(unit, measure);
          if (why !== null) this.#problem(`${path}.unit`, why);
        }
        return { ...plain, unit };
      }
    }
    return { unit: null, scale: this.#number(`${path}.scale`, scale), offset: this.#number(`${path}.offset`, offset) };
  }

  #constants(value: unknown): ReadonlyMap<string, string | number> {
    const constants = new Map<string, string | number>();
    for (const [name, constant] of Object.entries(this.#object("constants", value, IDENTITY_COLUMNS))) {
      const path = `constants.${name}`;
      // Unknown names are told by #object; as numeric they would only be told twice.
      if (NUMERIC_IDENTITY.has(name as IdentityColumn)) constants.set(name, this.#number(path, constant));
      else if (typeof constant !== "string" || constant === "")
        this.#problem(path, `must be text, not ${shown(constant)}`);
      else if (constant.length > LIMITS.textLength)
        this.#problem(path, `has more than ${LIMITS.textLength} characters`);
      else if (constant.includes("\u0000")) this.#problem(path, "holds a NUL character");
      else constants.set(name, constant.toWellFormed());
    }
    return constants;
  }

  #absent(value: unknown): ReadonlySet<string | number> {
    const isValue = (item: unknown): boolean => typeof item === "string" || Number.isFinite(item);
    const items = this.#list("absent", value, isValue, "text or a number");
    items.forEach((item, i) => {
      if (typeof item === "string" && item.trim() !== "" && Number.isFinite(Number(item)))
        this.#problem(
          `absent[${i}]`,
          `must be the number ${Number(item)}, without quotes: it then means the text as well`,
        );
    });
    // Each item was just checked.
    return new Set(items as (string | number)[]);
  }

  #timestamp(value: unknown): { timestampFormat: TimestampFormat; zone: Zone | null } {
    const { format = "iso", zone } = this.#object("timestamp", value, ["format", "zone"]);
    const timestampFormat = TIMESTAMP_FORMATS.find((each) => each === format);
    if (timestampFormat === undefined) {
      const near = typeof format === "string" ? didYouMean(format, TIMESTAMP_FORMATS) : "";
      this.#problem("timestamp.format", `must be one of ${TIMESTAMP_FORMATS.join(", ")}, not ${shown(format)}${near}`);
    }
    const found = typeof zone === "string" ? zoneOf(zone) : null;
    if (zone !== undefined && found === null) {
      const near = typeof zone === "string" ? didYouMean(zone, Intl.supportedValuesOf("timeZone")) : "";
      this.#problem(
        "timestamp.zone",
        `must be a time zone such as Europe/Brussels or +01:00, not ${shown(zone)}${near}`,
      );
    }
    return { timestampFormat: timestampFormat ?? "iso", zone: found };
  }

  #object(path: string, value: unknown, keys: readonly string[] | null): Json {
    if (value === undefined) return {};
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#problem(path, `must be an object, not ${shown(value)}`);
      return {};
    }
    const prefix = path === "" ? "" : `${path}.`;
    for (const key of Object.keys(value)) {
      if (keys !== null && !keys.includes(key))
        this.#problem(`${prefix}${key}`, `is not known${didYouMean(key, keys)}`, "key");
    }
    return value as Json;
  }

  #list(path: string, value: unknown, fits: (item: unknown) => boolean, expected: string): unknown[] {
    if (value === undefined) return [];
    if (!Array.isArray(value)) {
      this.#problem(path, `must be a list, not ${shown(value)}`);
      return [];
    }
    value.forEach((item, i) => {
      if (!fits(item)) this.#problem(`${path}[${i}]`, `must be ${expected}, not ${shown(item)}`);
    });
    return value;
  }

  #number(path: string, value: unknown): number {
    if (typeof value === "number" && Number.isFinite(value)) return value;
    this.#problem(path, `must be a number, not ${shown(value)}`);
    return 1;
  }

  #problem(path: string, what: string, of: JsonProblem["of"] = "value"): void {
    this.#problems.push({ path, what, of });
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}
