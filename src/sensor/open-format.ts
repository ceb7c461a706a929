/** From the parameters of a source's URI (`?format=csv&delimiter=;`) to what makes its formats. A format is loaded when a source needs it. */
import { didYouMean } from "../core/outside/did-you-mean.ts";
import type { JsonProblem } from "../core/outside/shape.ts";
import { CSV_SHAPES, csvContradiction, csvOptions, type GivenCsv } from "./csv/options.ts";
import type { MakeFormat } from "./format.ts";
import { joining } from "./wide-format.ts";

/** What a URI says of the format of a source. */
export type FormatSpec = {
  readonly name: string;
  /** The URI does not say it. */
  readonly isDefault: boolean;
  /** What it says of CSV; the map may say more. */
  readonly csv: GivenCsv;
};

const FORMATS: Readonly<Record<string, (spec: FormatSpec) => Promise<MakeFormat>>> = {
  influx: async () => {
    const { InfluxFormat } = await import("./influx/influx-format.ts");
    return ({ typed }, start) => new InfluxFormat(typed, "ns", start);
  },
  ndjson: async () => {
    const { NdjsonFormat } = await import("./lines/ndjson.ts");
    return ({ typed }, start) => new NdjsonFormat(typed, start);
  },
  json: async () => {
    const { JsonFormat } = await import("./json/json-format.ts");
    return ({ typed }, start) => new JsonFormat(typed, start);
  },
  auto: async (spec) => {
    const { AutoFormat } = await import("./auto-format.ts");
    const of = async (name: string): Promise<MakeFormat> => await loadPlain({ ...spec, name });
    const makes = { ndjson: await of("ndjson"), json: await of("json"), csv: await of("csv") };
    return (normalizers, start) => new AutoFormat(makes, normalizers, start);
  },
  csv: loadCsv,
  tsv: (spec) => loadCsv({ ...spec, csv: { ...spec.csv, delimiter: spec.csv.delimiter ?? "tab" } }),
};

async function loadCsv(spec: FormatSpec): Promise<MakeFormat> {
  const { CsvFormat } = await import("./csv/format.ts");
  return (normalizers, start) => {
    const csv = csvOptions(normalizers.typed.mapping.csv ?? {}, spec.csv);
    return new CsvFormat(normalizers.text(csv.decimal), csv, start);
  };
}

/** The parameters that `readFormatSpec` understands. */
export const FORMAT_PARAMETERS: readonly string[] = ["format", ...Object.keys(CSV_SHAPES)];

/** Of the parameters of a URI, those of the format. `refuse` throws, with the reason as a sentence. */
export function readFormatSpec(
  parameters: URLSearchParams,
  byDefault: string,
  refuse: (why: string) => never,
): FormatSpec {
  const given = parameters.get("format");
  const name = given ?? byDefault;
  if (!Object.hasOwn(FORMATS, name)) {
    const known = Object.keys(FORMATS);
    return refuse(`there is no format "${name}" (known: ${known.join(", ")})${didYouMean(name, known)}`);
  }
  const csv = readCsv(parameters, refuse);
  const [first] = Object.keys(csv);
  if (first !== undefined && !/^(csv|tsv|auto)$/.test(name)) {
    return refuse(`${first} is for format=csv, and the format is ${name}`);
  }
  return { name, isDefault: given === null, csv };
}

function readCsv(parameters: URLSearchParams, refuse: (why: string) => never): GivenCsv {
  const problems: JsonProblem[] = [];
  const given: Record<string, unknown> = {};
  for (const [key, shape] of Object.entries(CSV_SHAPES)) {
    const said = parameters.get(key);
    if (said === null) continue;
    const value =
      key === "skip" && /^\d+$/.test(said)
        ? Number(said)
        : key === "columns"
          ? said.split(",").map((name) => name.trim())
          : said;
    given[key] = shape.read(value, key, problems);
  }
  const [problem] = problems;
  if (problem !== undefined) return refuse(`${problem.path} ${problem.what}`);
  // Each was just read by its shape.
  const csv = given as GivenCsv;
  return csvContradiction(csv) === null ? csv : refuse(csvContradiction(csv) ?? "");
}

/** Loads the format, and nothing else. */
export async function loadFormat(spec: FormatSpec): Promise<MakeFormat> {
  const make = await loadPlain(spec);
  return (normalizers, start) => joining(make, normalizers, start);
}

async function loadPlain(spec: FormatSpec): Promise<MakeFormat> {
  const load = FORMATS[spec.name];
  if (load === undefined) throw new Error(`there is no format "${spec.name}"`);
  return await load(spec);
}

const BY_EXTENSION: Readonly<Record<string, string>> = {
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  json: "json",
  ndjson: "ndjson",
  jsonl: "ndjson",
};

/** The formats of files, by the name of each: `auto` is decided by the extension, and then by the first line. */
export async function loadFileFormats(spec: FormatSpec): Promise<(fileName: string) => MakeFormat> {
  const usual = await loadFormat(spec);
  if (spec.name !== "auto") return () => usual;
  const named = new Map<string, MakeFormat>();
  for (const name of new Set(Object.values(BY_EXTENSION))) named.set(name, await loadFormat({ ...spec, name }));
  return (fileName) => {
    const [, extension = ""] = /\.([a-z]+)(?:\.gz)?$/i.exec(fileName) ?? [];
    return named.get(BY_EXTENSION[extension.toLowerCase()] ?? "") ?? usual;
  };
}
