/**
 * The report of a running agent for `agent status`, in a small file beside the buffer. It holds facts that are in memory only;
 * `status` reads the rest from the buffer. It need not be durable: it is rewritten every second, and stale when no agent runs.
 */

import { closeSync, ftruncateSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { outsideTrouble } from "../buffer/outside-error.ts";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import { nullable } from "../core/outside/composed-shapes.ts";
import { boolean, oneOf, text } from "../core/outside/scalar-shapes.ts";
import { list, optional, type Shape } from "../core/outside/shape.ts";
import { anyNumber, atLeast, readStored, type Stored } from "../core/outside/stored-json.ts";
import type { Problem } from "../core/problem.ts";
import { shellWord } from "../core/shell-word.ts";
import type { Stage } from "../core/stage.ts";
import type { RuleWarning } from "../rules/rule-set.ts";
import type { Rates } from "./rates.ts";

export type LiveReport = {
  readonly pid: number;
  readonly host: string;
  readonly agentVersion: string;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
  readonly store: string;
  /** The folder that relative paths of its settings begin at. */
  readonly cwd?: string | undefined;
  /** How far the buffer was: an older one is a copy that was put back. */
  readonly buffer?: { readonly epoch: string; readonly lastSeq: number; readonly promisedThrough: number } | undefined;
  readonly problems: readonly Problem[];
  readonly uplink: { readonly state: "up" | "down"; readonly sinceMs: number; readonly error: string | null };
  readonly rules: {
    readonly version: string;
    readonly count: number;
    readonly loadedAtMs: number;
    readonly refused: readonly { file: string; line: number; column: number; message: string }[];
    /** Problems of legal rules. `idle`: the rule cannot work as it is. */
    readonly warnings?: readonly RuleWarning[] | undefined;
    /** Sensors that a rule of silence misses now, the longest first, cut at a limit. */
    readonly silent?: readonly { rule: string; sensor: string; sinceMs: number }[] | undefined;
    /** The work of each rule since its set was loaded, cut at a limit. */
    readonly counts?: readonly { rule: string; sensors: number; readings: number; errors: number }[] | undefined;
    /** Rules that apply to none of the sensors seen so far, cut at a limit. */
    readonly unmatched?: readonly string[] | undefined;
    /** The most expensive rules only, so that the file stays small. */
    readonly costs?:
      | readonly { rule: string; nsPerReading: number | null; subjects: number; stateBytes: number }[]
      | undefined;
  };
  readonly sources: readonly {
    readonly uri: string;
    readonly trouble: string | null;
    /** The problem of its input; still true when the agent has ended. */
    readonly input?: readonly Problem[] | undefined;
    /** What it says of itself while it runs. */
    readonly notes?: readonly string[] | undefined;
  }[];
  readonly parked: number;
  /** The last heartbeat that was sent; null: heartbeats are off. `error`: why the last try failed. */
  readonly heartbeat?: { readonly sentAtMs: number | null; readonly error: string | null } | null | undefined;
  readonly bufferLimitBytes: number;
  readonly rates?: Rates | undefined;
};

const anyText = text(/^/, "a text");
/** No list of a report is longer: the agent cuts each of them. */
const lines = <T>(item: Shape<T>) => list(item, { least: 0, most: 100_000 });

export const PROBLEM: Shape<Problem> = atLeast({ code: anyText, message: anyText, try: anyText });

const STAGE_RATES: Shape<Rates["stages"][Stage]> = atLeast({
  rowsPerSecond: anyNumber,
  bytesPerSecond: anyNumber,
  lagP95Ms: nullable(anyNumber),
});
const RATES: Shape<Rates> = atLeast({
  readingsPerSecond: anyNumber,
  anomaliesPerMinute: anyNumber,
  bytesPerSecond: anyNumber,
  lagP95Ms: nullable(anyNumber),
  stages: atLeast({
    raw: STAGE_RATES,
    validated: STAGE_RATES,
    anomalies: STAGE_RATES,
    schematized: STAGE_RATES,
    aggregated: STAGE_RATES,
  }),
});

/** The agent and the reader may be of two versions: keys of a newer one are not read, those that newer ones added may be missing. */
const LIVE: Shape<LiveReport> = atLeast({
  pid: anyNumber,
  host: anyText,
  agentVersion: anyText,
  startedAtMs: anyNumber,
  updatedAtMs: anyNumber,
  store: anyText,
  cwd: optional(anyText),
  buffer: optional(atLeast({ epoch: anyText, lastSeq: anyNumber, promisedThrough: anyNumber })),
  problems: lines(PROBLEM),
  uplink: atLeast({ state: oneOf(["up", "down"]), sinceMs: anyNumber, error: nullable(anyText) }),
  rules: atLeast({
    version: anyText,
    count: anyNumber,
    loadedAtMs: anyNumber,
    refused: lines(atLeast({ file: anyText, line: anyNumber, column: anyNumber, message: anyText })),
    warnings: optional(
      lines(atLeast({ file: anyText, line: anyNumber, column: anyNumber, message: anyText, idle: boolean })),
    ),
    silent: optional(lines(atLeast({ rule: anyText, sensor: anyText, sinceMs: anyNumber }))),
    counts: optional(lines(atLeast({ rule: anyText, sensors: anyNumber, readings: anyNumber, errors: anyNumber }))),
    unmatched: optional(lines(anyText)),
    costs: optional(
      lines(atLeast({ rule: anyText, nsPerReading: nullable(anyNumber), subjects: anyNumber, stateBytes: anyNumber })),
    ),
  }),
  sources: lines(
    atLeast({
      uri: anyText,
      trouble: nullable(anyText),
      input: optional(lines(PROBLEM)),
      notes: optional(lines(anyText)),
    }),
  ),
  parked: anyNumber,
  heartbeat: optional(nullable(atLeast({ sentAtMs: nullable(anyNumber), error: nullable(anyText) }))),
  bufferLimitBytes: anyNumber,
  rates: optional(RATES),
});

export const LIVE_FILE = "live.json";

/** In one piece: a reader finds the last report or the one before it. */
export function writeLive(dataDir: string, report: LiveReport): void {
  const path = join(dataDir, LIVE_FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify(report)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Writes the report. An agent that cannot write it continues: it logs that once, and reports it as a problem. */
export class LiveFile {
  readonly #dataDir: string;
  readonly #log: Log;
  #problem: Problem | null = null;

  constructor(dataDir: string, log: Log) {
    this.#dataDir = dataDir;
    this.#log = log;
  }

  problems(): Problem[] {
    return this.#problem === null ? [] : [this.#problem];
  }

  /** Throws only when the disk is full: the caller can make room. */
  write(report: LiveReport): void {
    try {
      writeLive(this.#dataDir, report);
      if (this.#problem !== null) this.#log.info("report_written", "The report for `agent status` is written again");
      this.#problem = null;
    } catch (error) {
      if (outsideTrouble(error) === "full") throw error;
      const message = `Cannot write the report for \`agent status\`: ${messageOf(error)}`;
      if (this.#problem === null) this.#log.warn("report_unwritten", `${message}. The agent continues`);
      const hint = `ls -la ${shellWord(this.#dataDir)}`;
      this.#problem = { code: "report_unwritten", message, try: hint };
      this.#overwrite(report);
    }
  }

  /** Where no file can be created or renamed, the old one may still be writable. A torn file reads as no report. */
  #overwrite(report: LiveReport): void {
    try {
      const file = openSync(join(this.#dataDir, LIVE_FILE), "r+");
      try {
        ftruncateSync(file);
        writeFileSync(file, `${JSON.stringify(report)}\n`);
      } finally {
        closeSync(file);
      }
    } catch {
      // `status` will report that the agent is silent.
    }
  }
}

/** The last report; null when none can be read. */
export function readLive(dataDir: string): LiveReport | null {
  const { report } = lastReport(dataDir);
  return report;
}

/** `unread`: why a whole report is not read, as one that an agent of another version wrote; null: it is, or there is none. */
export type LastReport = { readonly report: LiveReport | null; readonly unread: string | null };

export function lastReport(dataDir: string): LastReport {
  let stored: Stored<LiveReport>;
  try {
    stored = readStored(LIVE, readFileSync(join(dataDir, LIVE_FILE), "utf8"));
  } catch {
    return { report: null, unread: null };
  }
  if ("value" in stored) return { report: stored.value, unread: null };
  // A torn file: the next report is whole.
  if (stored.refused === "no JSON") return { report: null, unread: null };
  const { path, what } = stored.refused;
  return { report: null, unread: `${path === "" ? "it" : path} ${what}` };
}
