/** From a `--source` URI to a source. Opening reads nothing but checks the whole URI; `take` reads. */
import { UsageError } from "../core/errors.ts";
import { didYouMean } from "../core/outside/did-you-mean.ts";
import type { Profile } from "../core/profile.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import { shellWord } from "../core/shell-word.ts";
import { StdinSource } from "./lines/stdin.ts";
import { FORMAT_PARAMETERS, type FormatSpec, loadFormat, readFormatSpec } from "./open-format.ts";
import { type Mapping, NO_MAPPING } from "./row/fields.ts";
import type { MappedNames } from "./row/mapped-names.ts";
import { Normalizer } from "./row/normalize.ts";
import type { LastTimesOf } from "./row/repeated-times.ts";
import { parseSimulatorUri } from "./simulator/parameters.ts";
import { SimulatorSource } from "./simulator/simulator.ts";
import type { CursorOf, Source } from "./source.ts";
import { SqliteTailSource } from "./sqlite/tail.ts";
import { isSameTable, parseSqliteUri, sameTable } from "./sqlite/uri.ts";

export type SourceOptions = {
  readonly catalogue: SensorCatalogue;
  readonly profile: Profile;
  /** Those that a row's sensor_type may choose instead; none where the user named a profile. */
  readonly otherProfiles: readonly Profile[];
  readonly mapping: Mapping | null;
  /** The names of the map that rows have, over all sources; null where no caller needs them. */
  readonly names: MappedNames | null;
  readonly cursor: CursorOf;
  readonly lastTimesOf: LastTimesOf;
  /** Take the readings that are there now, and then end. */
  readonly once: boolean;
  readonly stdin: () => AsyncIterable<Uint8Array>;
  readonly now: () => number;
  readonly maxLineBytes: number;
  readonly pollMs: number;
  readonly cwd: string;
  /** Reports, in a sentence, something that a person should know: a table that was replaced. */
  readonly notice: (line: string) => void;
};

/** What decides, beside the URI, whether a source can work. */
type SourceContext = Pick<SourceOptions, "profile" | "mapping" | "cwd" | "once">;

type Scheme = {
  /** Throws a UsageError for a URI that can never work; reads nothing. */
  readonly check: (uri: string, context: SourceContext) => void;
  readonly open: (uri: string, options: SourceOptions) => Source;
  /** What two sources must not have in common: each would take all readings of it. */
  readonly takes: (uri: string, cwd: string) => string;
  /** Its rows go through the map. */
  readonly isMapped: boolean;
};

const STDIN_FORMAT = "ndjson";

const SCHEMES: Readonly<Record<string, Scheme>> = {
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
    open: (uri, { profile, cwd, catalogue, cursor, now }) =>
      new SimulatorSource(parseSimulatorUri(uri, { profile, cwd }), catalogue, cursor(uri), now),
    takes: (uri) => uri,
    isMapped: false,
  },
  sqlite: {
    check: parseSqliteUri,
    open: (uri, options) =>
      new SqliteTailSource({
        uri,
        normalizer: normalizerFor(options),
        // The whole table would come again under another spelling of its URI.
        cursor: options.cursor(uri, (other) => isSameTable(uri, other, options.cwd)),
        once: options.once,
        pollMs: options.pollMs,
        notice: options.notice,
      }),
    takes: sameTable,
    isMapped: true,
  },
  stdin: {
    check: stdinFormat,
    open: (uri, options) => {
      const spec = stdinFormat(uri);
      const stdin = { stream: options.stdin(), normalizer: normalizerFor(options), uri };
      return new StdinSource(spec.name === STDIN_FORMAT ? stdin : { ...stdin, format: loadFormat(spec) });
    },
    takes: () => "stdin:",
    isMapped: true,
  },
};

/** Every reason why these sources can never work, alone or together. Opens none of them. */
export function sourceProblems(uris: readonly string[], context: SourceContext): UsageError[] {
  const problems: UsageError[] = [];
  const seen = new Map<string, string>();
  const mapped: string[] = [];
  for (const uri of uris) {
    try {
      const scheme = schemeOf(uri);
      scheme.check(uri, context);
      const taken = scheme.takes(uri, context.cwd);
      const earlier = seen.get(taken);
      if (earlier === uri) refuse(uri, "it is given twice", `agent run --source ${shellWord(uri)}`);
      if (earlier !== undefined)
        refuse(
          uri,
          `it is the same ${uri.startsWith("sqlite:") ? "table" : "input"} as "${earlier}"`,
          `agent run --source ${shellWord(earlier)}`,
        );
      seen.set(taken, uri);
      if (scheme.isMapped) mapped.push(uri);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      problems.push(error);
    }
  }
  const one = context.mapping?.constants.get("sensor_id");
  if (one !== undefined && mapped.length > 1) problems.push(oneSensorOf(mapped, one));
  return problems;
}

/** Readings of several places under one id could never be distinguished again. */
function oneSensorOf(uris: readonly string[], sensorId: string | number): UsageError {
  const all = uris.map((uri) => `"${uri}"`).join(", ");
  const wayOut = "map a field of theirs to sensor_id, or run an agent for each, with a map and a data dir of its own";
  return new UsageError(
    `Cannot open ${uris.length} sources as one sensor: ${all} would all be "${sensorId}", the map's constant sensor_id; ${wayOut}`,
    { tryHint: `agent run --source ${shellWord(uris[0] ?? "")}` },
  );
}

/** Throws a UsageError for a URI that can never work. */
export function openSource(uri: string, options: SourceOptions): Source {
  const scheme = schemeOf(uri);
  scheme.check(uri, options);
  return scheme.open(uri, options);
}

function schemeOf(uri: string): Scheme {
  const name = /^([a-z0-9]+):/.exec(uri)?.[1] ?? "";
  const scheme = Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined;
  if (scheme !== undefined) return scheme;
  const known = Object.keys(SCHEMES)
    .map((name) => `${name}:`)
    .join(", ");
  return refuse(uri, `there is no such kind of source (known: ${known})`, "agent run --source simulator:");
}

/** What `stdin:?format=csv` says of its format. Throws a UsageError for another parameter. */
function stdinFormat(uri: string): FormatSpec {
  const why = (reason: string) => refuse(uri, reason, "agent run --source 'stdin:?format=csv'");
  const query = /^stdin:(?:\?(.*))?$/s.exec(uri);
  if (query === null) return why("stdin: has no path; only parameters follow, behind a ?");
  const parameters = new URLSearchParams(query[1] ?? "");
  for (const name of parameters.keys()) {
    if (!FORMAT_PARAMETERS.includes(name)) why(`there is no parameter "${name}"${didYouMean(name, FORMAT_PARAMETERS)}`);
  }
  return readFormatSpec(parameters, STDIN_FORMAT, why);
}

function normalizerFor(options: SourceOptions): Normalizer {
  const { catalogue, profile, otherProfiles, mapping, names, lastTimesOf, maxLineBytes } = options;
  return new Normalizer({
    catalogue,
    profile,
    profiles: otherProfiles,
    mapping: mapping ?? NO_MAPPING,
    names,
    lastTimesOf,
    maxLineBytes,
  });
}

function refuse(uri: string, reason: string, tryHint: string): never {
  throw new UsageError(`Cannot open source "${uri}": ${reason}`, { tryHint });
}
