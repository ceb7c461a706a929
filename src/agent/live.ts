/**
 * What a running agent says of itself to `agent status`, in a small file beside the buffer: what is in memory only. All
 * else `status` reads from the buffer. Not durable on purpose: it is rewritten every second and stale when nobody runs.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

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
  readonly bufferLimitBytes: number;
};

const LIVE_FILE = "live.json";

export function writeLive(dataDir: string, report: LiveReport): void {
  const path = join(dataDir, LIVE_FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify(report)}\n`);
  renameSync(`${path}.new`, path);
}

/** The last report, or null where there is none that can be read. */
export function readLive(dataDir: string): LiveReport | null {
  try {
    return JSON.parse(readFileSync(join(dataDir, LIVE_FILE), "utf8")) as LiveReport;
  } catch {
    return null;
  }
}
