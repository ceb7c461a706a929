/**
 * What a running agent says of itself to `agent status`, in a small file beside the buffer: what is in memory only. All
 * else `status` reads from the buffer. Not durable on purpose: it is rewritten every second and stale when nobody runs.
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
    /** Sensors that a rule of silence misses now, the longest first; of many, the first. */
    readonly silent?: readonly { rule: string; sensor: string; sinceMs: number }[];
    /** Of the rules that take most, so that the file stays small. */
    readonly costs?: readonly { rule: string; nsPerReading: number | null; subjects: number; stateBytes: number }[];
  };
  readonly sources: readonly { readonly uri: string; readonly trouble: string | null }[];
  readonly parked: number;
  /** What the fleet was told last; null: nothing is told. `error`: why the last try failed. */
  readonly heartbeat?: { readonly sentAtMs: number | null; readonly error: string | null } | null;
  readonly bufferLimitBytes: number;
};

const LIVE_FILE = "live.json";

/** In one piece: whoever reads it finds the last report or the one before it. */
export function writeLive(dataDir: string, report: LiveReport): void {
  const path = join(dataDir, LIVE_FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify(report)}\n`);
  renameSync(`${path}.new`, path);
}

/** The report of a running agent, which goes on where it cannot be written: it says so once, and as a problem. */
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

  /** Throws only what says that the disk is full: against that its caller can do something. */
  write(report: LiveReport): void {
    try {
      writeLive(this.#dataDir, report);
      if (this.#problem !== null) this.#log.info("report_written", "What `agent status` shows is written again");
      this.#problem = null;
    } catch (error) {
      if (outsideTrouble(error) === "full") throw error;
      const message = `Cannot write what \`agent status\` shows of the running agent: ${messageOf(error)}`;
      if (this.#problem === null) this.#log.warn("report_unwritten", `${message}. The agent goes on`);
      const hint = `ls -la ${shellWord(this.#dataDir)}`;
      this.#problem = { code: "report_unwritten", message, try: hint };
      this.#overwrite(report);
    }
  }

  /** Where no file can be made or renamed, the one that is there may still be written; torn, it reads as none. */
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
      // Then `status` says that the agent has not reported for a while.
    }
  }
}

/** The last report, or null where there is none that can be read. */
export function readLive(dataDir: string): LiveReport | null {
  try {
    return JSON.parse(readFileSync(join(dataDir, LIVE_FILE), "utf8")) as LiveReport;
  } catch {
    return null;
  }
}
