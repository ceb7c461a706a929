/** The parameters of a simulation, from `simulator:?sensors=5&rate=10` or from the flags of `agent simulate`. */
import { UsageError } from "../../core/errors.ts";
import type { Profile } from "../../core/profile.ts";
import { LIMITS } from "../../core/sensor.ts";
import { loadProfile } from "../profile/shipped.ts";
import { TimestampReader } from "../row/timestamp.ts";

export type SimulatorParameters = {
  readonly uri: string;
  readonly profile: Profile;
  readonly sensors: number;
  /** Readings a second of each sensor; `max`: as fast as they are taken, one second of event time apart. */
  readonly rateHz: number | "max";
  /** Readings of all sensors together; null: no limit. */
  readonly count: number | null;
  /** Event time of the first reading; null: chosen at the first take. */
  readonly startMs: number | null;
  readonly seed: number;
  /** The share of readings that are anomalies, 0 to 1. */
  readonly anomaly: number;
  /** The share of readings with a wrong time, 0 to 1. */
  readonly faults: number;
};

export const SIMULATOR_KEYS = ["sensors", "rate", "count", "start", "seed", "anomaly", "profile", "faults"] as const;
export type SimulatorKey = (typeof SIMULATOR_KEYS)[number];

const EXAMPLE = "simulator:?sensors=5&rate=1&anomaly=0.02&profile=environmental";
/** The catalogue reserves one place for rows that are too malformed to name a sensor. */
const SENSORS_MOST = LIMITS.sensors - 1;
/** About one reading a day. */
const RATE_LEAST = 0.00001;
const RATE_MOST = 100_000;
const COUNT_MOST = 1e12;

/** `profile` applies where the URI has none; the path of a profile file is relative to `cwd`. */
export type SimulatorDefaults = { readonly profile?: Profile; readonly cwd?: string };

/** Throws a UsageError that lists everything that is wrong with the URI. */
export function parseSimulatorUri(uri: string, defaults: SimulatorDefaults = {}): SimulatorParameters {
  const [, query] =
    /^simulator:(?:\?(.*))?$/s.exec(uri) ?? refuse(uri, ["it must look like simulator:?sensors=5&rate=1"]);
  const problems: string[] = [];
  const given: Partial<Record<SimulatorKey, string>> = {};
  for (const [key, value] of new URLSearchParams(query ?? "")) {
    const known = SIMULATOR_KEYS.find((name) => name === key);
    if (known === undefined) problems.push(`there is no parameter "${key}"; known: ${SIMULATOR_KEYS.join(", ")}`);
    else if (given[known] !== undefined) problems.push(`${key} is given twice`);
    else given[known] = value;
  }
  const parameters = readSimulatorParameters(given, uri, defaults, problems);
  return problems.length > 0 ? refuse(uri, problems) : parameters;
}

type NumberRange = {
  readonly fallback: number;
  readonly least: number;
  readonly most: number;
  readonly whole?: boolean;
};

/** Adds a sentence to `problems` for each wrong value, which begins with its key; then the result must not be used. */
export function readSimulatorParameters(
  given: Readonly<Partial<Record<SimulatorKey, string>>>,
  uri: string,
  defaults: SimulatorDefaults,
  problems: string[],
): SimulatorParameters {
  const number = (key: SimulatorKey, { fallback, least, most, whole = false }: NumberRange): number => {
    const text = given[key];
    if (text === undefined) return fallback;
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
    problems.push(`${key} must be ${whole ? "a whole number" : "a number"} from ${least} to ${most}, not "${text}"`);
    return fallback;
  };
  return {
    uri,
    profile: profileOf(given.profile, defaults, problems),
    sensors: number("sensors", { fallback: 5, least: 1, most: SENSORS_MOST, whole: true }),
    rateHz: given.rate === "max" ? "max" : number("rate", { fallback: 1, least: RATE_LEAST, most: RATE_MOST }),
    count: given.count === undefined ? null : number("count", { fallback: 0, least: 0, most: COUNT_MOST, whole: true }),
    startMs: given.start === undefined ? null : startOf(given.start, problems),
    seed: number("seed", { fallback: 1, least: 0, most: Number.MAX_SAFE_INTEGER, whole: true }),
    anomaly: number("anomaly", { fallback: 0.02, least: 0, most: 1 }),
    faults: number("faults", { fallback: 0, least: 0, most: 1 }),
  };
}

function profileOf(name: string | undefined, { profile, cwd }: SimulatorDefaults, problems: string[]): Profile {
  const fallback = profile ?? loadProfile("environmental");
  if (name === undefined) return fallback;
  try {
    return loadProfile(name, cwd);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    problems.push(...error.message.split("\n").map((line) => `profile: ${line}`));
    return fallback;
  }
}

/** A day, or a moment as in readings; without a zone it is UTC. */
function startOf(text: string, problems: string[]): number {
  const ms = new TimestampReader().fromText(text);
  if (Number.isNaN(ms)) problems.push(`start must be a time such as 2026-01-31T08:00:00Z, not "${text}"`);
  return ms;
}

function refuse(uri: string, problems: readonly string[]): never {
  throw new UsageError(problems.map((problem) => `Cannot use "${uri}": ${problem}`).join("\n"), {
    tryHint: `agent run --source '${EXAMPLE}'`,
  });
}
