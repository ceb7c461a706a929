/** From a `--source` URI to a source. Nothing outside is touched before the first `take`, but the URI is judged whole. */
import { UsageError } from "../core/errors.ts";
import type { Profile } from "../core/profile.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import { type Mapping, NO_MAPPING } from "./fields.ts";
import { Normalizer } from "./normalize.ts";
import { shippedProfiles } from "./profiles.ts";
import { SimulatorSource } from "./simulator.ts";
import { parseSimulatorUri } from "./simulator-parameters.ts";
import type { Source } from "./source.ts";
import { SqliteTailSource } from "./sqlite-tail.ts";
import { StdinSource } from "./stdin.ts";

export type SourceOptions = {
  readonly catalogue: SensorCatalogue;
  readonly profile: Profile;
  readonly mapping: Mapping | null;
  /** The last cursor that was committed under this URI, or null. */
  readonly cursor: (uri: string) => string | null;
  /** Take what is there now, and then end. */
  readonly once: boolean;
  readonly stdin: () => AsyncIterable<Uint8Array>;
  readonly now: () => number;
  readonly maxLineBytes: number;
  readonly pollMs: number;
  readonly cwd: string;
  /** Something that a person should know of a source, in a sentence: a table that was replaced. */
  readonly notice: (line: string) => void;
};

type Opener = (uri: string, options: SourceOptions) => Source;

const SCHEMES: Readonly<Record<string, Opener>> = {
  simulator: (uri, { profile, cwd, catalogue, cursor, now, once }) => {
    const parameters = parseSimulatorUri(uri, { profile, cwd });
    if (once && parameters.count === null) {
      refuse(uri, "with --once a simulator needs a count, or it never ends", "--source 'simulator:?count=1000' --once");
    }
    return new SimulatorSource(parameters, catalogue, cursor(uri), now);
  },
  sqlite: (uri, options) =>
    new SqliteTailSource({
      uri,
      normalizer: normalizerFor(options),
      cursor: options.cursor(uri),
      once: options.once,
      pollMs: options.pollMs,
      notice: options.notice,
    }),
  stdin: (uri, options) => {
    if (uri !== "stdin:") refuse(uri, "stdin: takes no parameters", "--source stdin:");
    return new StdinSource({
      stream: options.stdin(),
      normalizer: normalizerFor(options),
      uri,
    });
  },
};

/** Throws a UsageError for a URI that can never work. */
export function openSource(uri: string, options: SourceOptions): Source {
  const scheme = /^([a-z0-9]+):/.exec(uri)?.[1] ?? "";
  const open = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined;
  if (open !== undefined) return open(uri, options);
  const known = Object.keys(SCHEMES)
    .map((name) => `${name}:`)
    .join(", ");
  return refuse(uri, `there is no such kind of source (known: ${known})`, "--source simulator:");
}

function normalizerFor({ catalogue, profile, mapping, maxLineBytes }: SourceOptions): Normalizer {
  return new Normalizer({
    ...{ catalogue, profile, profiles: shippedProfiles(), mapping: mapping ?? NO_MAPPING, maxLineBytes },
  });
}

function refuse(uri: string, reason: string, tryHint: string): never {
  throw new UsageError(`Cannot open source "${uri}": ${reason}`, { tryHint });
}
