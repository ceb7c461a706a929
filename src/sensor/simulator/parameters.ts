/** What a simulation is told, as `simulator:?sensors=5&rate=10` or as the flags of `agent simulate`: checked all at once. */
import { UsageError } from "../../core/errors.ts";
import type { Profile } from "../../core/profile.ts";
import { LIMITS } from "../../core/sensor.ts";
import { loadProfile } from "../profile/shipped.ts";
import { TimestampReader } from "../row/timestamp.ts";

export type SimulatorParameters = {
  readonly uri: string;
  readonly profile: Profile;
  readonly sensors: number;
  /** Readings a second of each sensor; `max`: as fast as they are taken, with one second of event time between two. */
  readonly rateHz: number | "max";
  /** Readings of all sensors together; null: without end. */
  readonly count: number | null;
  /** Event time of the first reading; null: chosen at the first take. */
  readonly startMs: number | null;
  readonly seed: number;
  /** The share of readings that are anomalies, 0 to 1. */
  readonly anomaly: number;
  /** The share of readings with a fault of time, 0 to 1. */
  readonly faults: number;
};

export const SIMULATOR_KEYS = ["sensors", "rate", "count", "start", "seed", "anomaly", "profile", "faults"] as const;
export type SimulatorKey = (typeof SIMULATOR_KEYS)[number];

const EXAMPLE = "simulator:?sensors=5&rate=1&anomaly=0.02&profile=environmental";
/** The catalogue has one place for what is too malformed to name a sensor. */
const SENSORS_MOST = LIMITS.sensors - 1;
/** About one reading a day. */
const RATE_LEAST = 0.00001;
const RATE_MOST = 100_000;
const COUNT_MOST = 1e12;

/** `profile` is what counts where the URI names none; a profile's file is seen from `cwd`. */
export type SimulatorDefaults = { readonly profile?: Profile; readonly cwd?: string };

/** Throws a UsageError that says everything that is wrong with the URI. */
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

/** Adds to `problems` a sentence that begins with the key for each wrong value; then the result must not be used. */
export function readSimulatorParameters(
  given: Readonly<Partial<Record<SimulatorKey, string>>>,
  uri: string,
  defaults: SimulatorDefaults,
  problems: string[],
): SimulatorParameters {
  const number = (key: SimulatorKey, fallback: number, least: number, most: number, whole: boolean): number => {
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
    sensors: number("sensors", 5, 1, SENSORS_MOST, true),
    rateHz: given.rate === "max" ? "max" : number("rate", 1, RATE_LEAST, RATE_MOST, false),
    count: given.count === undefined ? null : number("count", 0, 0, COUNT_MOST, true),
    startMs: given.start === undefined ? null : startOf(given.start, problems),
    seed: number("seed", 1, 0, Number.MAX_SAFE_INTEGER, true),
    anomaly: number("anomaly", 0.02, 0, 1, false),
    faults: number("faults", 0, 0, 1, false),
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

/** A day, or a moment as readings say it; without a zone it is UTC. */
function startOf(text: string, problems: string[]): number {
  const ms = new TimestampReader().fromText(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text);
  if (Number.isNaN(ms)) problems.push(`start must be a time such as 2026-01-31T08:00:00Z, not "${text}"`);
  return ms;
}

function refuse(uri: string, problems: readonly string[]): never {
  throw new UsageError(problems.map((problem) => `Cannot use "${uri}": ${problem}`).join("\n"), {
    tryHint: `agent run --source '${EXAMPLE}'`,
  });
}
