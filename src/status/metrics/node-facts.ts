/** What metrics are made of: the node's status, and facts that only the running process knows. Gathered at each scrape or push. */
import { statfsSync } from "node:fs";
import type { OpenAgent } from "../../agent/open-agent.ts";
import type { RateCounter } from "../../agent/rates.ts";
import { newFields } from "../../buffer/ledger/holdings.ts";
import { withoutPassword } from "../../core/log/redact.ts";
import type { ClockQuality } from "../../core/reading.ts";
import type { Settings } from "../../core/settings/settings.ts";
import { type CountedStatus, countBacklog, liveStatus } from "../live-status.ts";

export type NodeFacts = {
  readonly nowMs: number;
  readonly status: CountedStatus;
  readonly startedAtMs: number;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  readonly disk: { readonly freeBytes: number; readonly bytes: number } | null;
  /** The buffer is at its limit, or the disk is full: no source is read. */
  readonly isFull: boolean;
  readonly clock: ClockQuality;
  /** Sensors that the buffer knows. */
  readonly sensors: number;
  /** Fields that no profile knows, of the newest readings that have any. */
  readonly newFields: number;
  readonly counts: Pick<RateCounter, "totals" | "lag">;
  /** Objects that the store refused for good since the start. */
  readonly refusedObjects: number;
  /** By source that listens, its responses by HTTP status code. */
  readonly answers: readonly { readonly uri: string; readonly byStatus: ReadonlyMap<number, number> }[];
  /** Requests and connections that the server of these pages refused since the agent started. */
  readonly httpRefused: readonly HttpRefusals[];
  readonly rules: RuleFacts;
};
export type HttpRefusals = { readonly reason: string; readonly count: number };

/** Since the agent started, or since the rule set in force was loaded. */
export type RuleFacts = {
  readonly judged: number;
  readonly broken: readonly { readonly rule: string; readonly count: number }[];
  readonly counts: readonly {
    readonly rule: string;
    readonly sensors: number;
    readonly readings: number;
    readonly errors: number;
  }[];
  /** Sensors that a rule of silence misses now. */
  readonly silent: number;
  /** The rules that take most. */
  readonly costs: readonly {
    readonly rule: string;
    readonly nsPerReading: number | null;
    readonly subjects: number;
    readonly stateBytes: number;
  }[];
};

/** Metrics wait this long for readings to be counted. */
const COUNT_MS = 500;
/** Rows with unknown fields that are read for each scrape. */
export const NEW_FIELD_ROWS = 500;

/** Throws where the buffer cannot be read. */
export async function look(
  opened: OpenAgent,
  around: { readonly settings: Settings; readonly dataDir: string; readonly refused: readonly HttpRefusals[] },
): Promise<NodeFacts> {
  const { settings, dataDir, refused } = around;
  await countBacklog(opened, COUNT_MS);
  const nowMs = Date.now();
  const { status, live } = liveStatus(opened, settings, dataDir, nowMs);
  const { buffer, delivery, pipeline, rates, rules, upkeep, clock } = opened.parts;
  const { user, system } = process.cpuUsage();
  return {
    nowMs,
    status,
    startedAtMs: live.startedAtMs,
    residentBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
    disk: spaceOf(dataDir),
    isFull: upkeep.isFull,
    clock: clock.quality,
    sensors: buffer.catalogue.sensors.length,
    newFields: newFields(buffer, NEW_FIELD_ROWS).length,
    counts: rates,
    refusedObjects: delivery.parked,
    answers: pipeline.taps.flatMap(({ source }) => {
      const byStatus = source.answers?.();
      return byStatus === undefined ? [] : [{ uri: withoutPassword(source.uri), byStatus }];
    }),
    httpRefused: refused,
    rules: {
      judged: rules.judged,
      broken: rules.broken(),
      counts: rules.counts(),
      silent: new Set(rules.set.silentSensors(nowMs).map(({ sensor }) => sensor)).size,
      costs: live.rules.costs ?? [],
    },
  };
}

function spaceOf(dataDir: string): NodeFacts["disk"] {
  try {
    const { bavail, blocks, bsize } = statfsSync(dataDir);
    return { freeBytes: bavail * bsize, bytes: blocks * bsize };
  } catch {
    return null;
  }
}
