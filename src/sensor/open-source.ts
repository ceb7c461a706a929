/**
 * From a `--source` URI to a source. Opening reads nothing but checks the whole URI; `take` reads. The code of a kind of source is
 * loaded when one is opened: a check of its URI needs none of it.
 */
import { UsageError } from "../core/errors.ts";
import type { Profile } from "../core/profile.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import { shellWord } from "../core/shell-word.ts";
import { isSameFiles, parseFileUri, sameFiles } from "./file/uri.ts";
import { parseHttpUri, placeOf } from "./http/uri.ts";
import { parseStdinUri } from "./lines/stdin-uri.ts";
import type { Login } from "./mqtt/login.ts";
import { checkTlsFiles, isSameSession, parseMqttUri } from "./mqtt/uri.ts";
import type { SourceNormalizers } from "./normalizers.ts";
import { type FormatSpec, loadFormat } from "./open-format.ts";
import type { Normalizer } from "./row/normalize.ts";
import type { LastTimesOf } from "./row/repeated-times.ts";
import { type FileHolders, sharedFileProblems } from "./shared-files.ts";
import { parseSimulatorUri } from "./simulator/parameters.ts";
import type { CursorOf, Source, StateOf } from "./source.ts";
import type { SourceMaps } from "./source-maps.ts";
import { isSameTable, parseSqliteUri, sameTable } from "./sqlite/uri.ts";

/** Who may send to http: sources, and how much at once. `token`: null where none is needed. */
export type HttpAccess = { readonly token: string | null; readonly maxBodyBytes: number };

export type SourceOptions = {
  readonly catalogue: SensorCatalogue;
  readonly profile: Profile;
  /** Those that a row's sensor_type may choose instead; none where the user named a profile. */
  readonly otherProfiles: readonly Profile[];
  readonly maps: SourceMaps;
  readonly cursor: CursorOf;
  readonly stateOf: StateOf;
  readonly lastTimesOf: LastTimesOf;
  /** Take the readings that are there now, and then end. */
  readonly once: boolean;
  readonly stdin: () => AsyncIterable<Uint8Array>;
  readonly now: () => number;
  /** The node that takes: what a broker knows it by. */
  readonly nodeId: string;
  /** For brokers whose URI has none. */
  readonly mqttLogin: Login;
  readonly maxLineBytes: number;
  readonly http: HttpAccess;
  readonly pollMs: number;
  readonly cwd: string;
  /** Those of this run: no file is taken by two. */
  readonly fileHolders: FileHolders;
  /** Reports, in a sentence, something that a person should know: a table that was replaced. */
  readonly notice: (line: string) => void;
};

/** What decides, beside the URI, whether a source can work. */
type SourceContext = Pick<SourceOptions, "profile" | "maps" | "cwd" | "once" | "http">;

type Scheme = {
  /** Throws a UsageError for a URI that can never work; reads nothing. */
  readonly check: (uri: string, context: SourceContext) => void;
  /** What two sources must not have in common: each would take all readings of it. */
  readonly takes: (uri: string, cwd: string) => string;
  /** A word for that: `table`. */
  readonly taken: string;
} & (
  | { readonly isMapped: false; readonly open: (uri: string, options: SourceOptions) => Promise<Source> }
  /** Its rows go through the map that its `map` parameter names, or `--map`. */
  | { readonly isMapped: true; readonly open: (uri: string, options: MappedOptions) => Promise<Source> }
);

type MappedOptions = SourceOptions & {
  readonly normalizers: SourceNormalizers;
  /** That of rows with values of JSON. */
  readonly normalizer: Normalizer;
};

const MQTT: Scheme = {
  check: (uri, { cwd }) => checkTlsFiles(parseMqttUri(uri), cwd),
  open: async (uri, { normalizer, cursor, nodeId, mqttLogin: login, once, cwd, now, notice }) => {
    const { MqttSource } = await import("./mqtt/mqtt.ts");
    const { name } = parseMqttUri(uri);
    const last = cursor(name, (other) => isSameSession(name, other));
    return new MqttSource({ uri, normalizer, cursor: last, nodeId, login, once, cwd, now, notice });
  },
  // Two subscriptions to one topic would both get all of it, under different options.
  takes: (uri) => parseMqttUri(uri).name,
  taken: "subscription",
  isMapped: true,
};

const FILE: Scheme = {
  check: (uri, { cwd }) => parseFileUri(uri, cwd),
  open: async (uri, { normalizers, cursor, stateOf, cwd, once, pollMs, fileHolders: holders, notice }) => {
    const { FileSource } = await import("./file/source.ts");
    const at = parseFileUri(uri, cwd);
    // Under another spelling, or with other parameters, all files would come again.
    cursor(uri, (other) => isSameFiles(uri, other, cwd));
    const csv = normalizers.typed.mapping.csv !== null;
    const load = async (spec: FormatSpec) => {
      const name = spec.isDefault && spec.name === "auto" && csv ? "csv" : spec.name;
      return [spec, await loadFormat({ ...spec, name })] as const;
    };
    const formats = new Map(await Promise.all(at.formats.map(load)));
    return new FileSource({ uri, at, normalizers, state: stateOf(uri), formats, cwd, once, pollMs, holders, notice });
  },
  takes: sameFiles,
  taken: "list of files",
  isMapped: true,
};

const SCHEMES: Readonly<Record<string, Scheme>> = {
  file: FILE,
  http: {
    check: (uri, { http, once }) => {
      parseHttpUri(uri, http.token !== null);
      if (!once) return;
      refuse(uri, "with --once it would never end; --for ends it", `agent run --source ${shellWord(uri)} --for 1m`);
    },
    open: async (uri, { http, normalizers, now, stateOf, notice }) => {
      const { HttpSource } = await import("./http/source.ts");
      const at = parseHttpUri(uri, http.token !== null);
      if (at.isOpen && http.token === null)
        notice(`"${uri}" takes readings from every machine that reaches it, without a token`);
      return new HttpSource({ uri, at, normalizers, now, state: stateOf(uri), ...http });
    },
    takes: placeOf,
    taken: "path",
    isMapped: true,
  },
  mqtt: MQTT,
  mqtts: MQTT,
  simulator: {
    check: (uri, { profile, cwd, once }) => {
      const { count } = parseSimulatorUri(uri, { profile, cwd });
      if (!once || count !== null) return;
      refuse(
        uri,
        "with --once a simulator needs a count, or it never ends",
        "agent run --source 'simulator:?count=1000' --once",
      );
    },
    open: async (uri, { profile, cwd, catalogue, cursor, now }) => {
      const { SimulatorSource } = await import("./simulator/simulator.ts");
      return new SimulatorSource(parseSimulatorUri(uri, { profile, cwd }), catalogue, cursor(uri), now);
    },
    takes: (uri) => uri,
    taken: "simulator",
    isMapped: false,
  },
  sqlite: {
    check: parseSqliteUri,
    open: async (uri, { normalizer, normalizers, cursor, cwd, once, pollMs, notice }) => {
      const { SqliteTailSource } = await import("./sqlite/tail.ts");
      // The whole table would come again under another spelling of its URI.
      const last = cursor(uri, (other) => isSameTable(uri, other, cwd));
      const joiner = normalizer.wide === null ? undefined : normalizers.forStream().typed;
      return new SqliteTailSource({ uri, normalizer, joiner, cursor: last, once, pollMs, notice });
    },
    takes: sameTable,
    taken: "table",
    isMapped: true,
  },
  stdin: {
    check: parseStdinUri,
    open: async (uri, { stdin, normalizer, normalizers }) => {
      const { StdinSource } = await import("./lines/stdin.ts");
      const spec = parseStdinUri(uri);
      const name = spec.isDefault && normalizer.mapping.csv !== null ? "csv" : spec.name;
      const make = await loadFormat({ ...spec, name });
      return new StdinSource({ stream: stdin(), normalizer, uri, format: make(normalizers, null) });
    },
    takes: () => "stdin:",
    taken: "input",
    isMapped: true,
  },
};

/**
 * Every reason why these sources can never work, alone or together. Opens none of them. Problems within a map are with
 * `context.maps`.
 */
export function sourceProblems(uris: readonly string[], context: SourceContext): UsageError[] {
  const problems: UsageError[] = [];
  const seen = new Map<string, string>();
  /** By the map's constant sensor_id. */
  const ofOneSensor = new Map<string | number, string[]>();
  for (const uri of uris) {
    try {
      const scheme = schemeOf(uri);
      scheme.check(uri, context);
      const taken = scheme.takes(uri, context.cwd);
      const earlier = seen.get(taken);
      if (earlier === uri) refuse(uri, "it is given twice", `agent run --source ${shellWord(uri)}`);
      if (earlier !== undefined)
        refuse(uri, `it is the same ${scheme.taken} as "${earlier}"`, `agent run --source ${shellWord(earlier)}`);
      seen.set(taken, uri);
      const one = scheme.isMapped ? context.maps.of(uri)?.mapping.constants.get("sensor_id") : undefined;
      if (one !== undefined) ofOneSensor.set(one, [...(ofOneSensor.get(one) ?? []), uri]);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(error);
    }
  }
  problems.push(...sharedFileProblems([...seen.values()], context.cwd));
  for (const [one, sources] of ofOneSensor) if (sources.length > 1) problems.push(oneSensorOf(sources, one));
  return problems;
}

/** Readings of several places under one id could never be distinguished again. */
function oneSensorOf(uris: readonly string[], sensorId: string | number): UsageError {
  const all = uris.map((uri) => `"${uri}"`).join(", ");
  const wayOut =
    "map a field of theirs to sensor_id, or give each a map of its own, with another constant (SOURCE?map=FILE)";
  return new UsageError(
    `Cannot open ${uris.length} sources as one sensor: ${all} would all be "${sensorId}", the map's constant sensor_id; ${wayOut}`,
    { tryHint: `agent run --source ${shellWord(uris[0] ?? "")}` },
  );
}

/** Throws a UsageError for a URI that can never work. */
export async function openSource(uri: string, options: SourceOptions): Promise<Source> {
  const scheme = schemeOf(uri);
  scheme.check(uri, options);
  if (!scheme.isMapped) return await scheme.open(uri, options);
  const normalizers = await normalizersFor(uri, options);
  return await scheme.open(uri, { ...options, normalizers, normalizer: normalizers.typed });
}

function schemeOf(uri: string): Scheme {
  const name = /^([a-z0-9]+):/.exec(uri)?.[1] ?? "";
  const scheme = Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined;
  if (scheme !== undefined) return scheme;
  if (name === "https") {
    refuse(
      uri,
      "the agent listens without TLS; a proxy before http:// speaks it",
      "agent run --source http://:8080/in",
    );
  }
  const known = Object.keys(SCHEMES)
    .map((name) => `${name}:`)
    .join(", ");
  return refuse(uri, `there is no such kind of source (known: ${known})`, "agent run --source simulator:");
}

async function normalizersFor(uri: string, options: SourceOptions): Promise<SourceNormalizers> {
  const { SourceNormalizers } = await import("./normalizers.ts");
  const { catalogue, profile, otherProfiles: profiles, maps, lastTimesOf, maxLineBytes } = options;
  const map = maps.of(uri);
  const read = map === null ? {} : { mapping: map.mapping, names: map.names };
  return new SourceNormalizers({ catalogue, profile, profiles, lastTimesOf, maxLineBytes, ...read });
}

function refuse(uri: string, reason: string, tryHint: string): never {
  throw new UsageError(`Cannot open source "${uri}": ${reason}`, { tryHint });
}
