/**
 * The report of a running agent for `agent status`, in a small file beside the buffer. It holds what is in memory only;
 * `status` reads the rest from the buffer. It need not be durable: it is rewritten every second, and stale when no agent runs.
 */

import { closeSync, ftruncateSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { outsideTrouble } from "../buffer/outside-error.ts";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import { shellWord } from "../core/shell-word.ts";

export type Problem = { readonly code: string; readonly message: string; readonly try: string };

export type LiveReport = {
  readonly pid: number;
  readonly host: string;
  readonly agentVersion: string;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
  readonly store: string;
  readonly problems: readonly Problem[];
  readonly uplink: { readonly state: "up" | "down"; readonly sinceMs: number; readonly error: string | null };
  readonly rules: {
    readonly version: string;
    readonly count: number;
    readonly loadedAtMs: number;
    readonly refused: readonly { file: string; line: number; column: number; message: string }[];
    /** Sensors that a rule of silence misses now, the longest first, cut at a limit. */
    readonly silent?: readonly { rule: string; sensor: string; sinceMs: number }[];
    /** The most expensive rules only, so that the file stays small. */
    readonly costs?: readonly { rule: string; nsPerReading: number | null; subjects: number; stateBytes: number }[];
  };
  readonly sources: readonly { readonly uri: string; readonly trouble: string | null }[];
  readonly parked: number;
  /** The last heartbeat that was sent; null: heartbeats are off. `error`: why the last try failed. */
  readonly heartbeat?: { readonly sentAtMs: number | null; readonly error: string | null } | null;
  readonly bufferLimitBytes: number;
};

const LIVE_FILE = "live.json";

/** In one piece: a reader finds the last report or the one before it. */
export function writeLive(dataDir: string, report: LiveReport): void {
  const path = join(dataDir, LIVE_FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify(report)}\n`);
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
  try {
    return JSON.parse(readFileSync(join(dataDir, LIVE_FILE), "utf8")) as LiveReport;
  } catch {
    return null;
  }
}
