/** The stations of the flow: what each holds, how fast it works, and whether it is stuck. */
import { STAGES, type Stage } from "../../core/stage.ts";
import type { LiveState } from "../../dashboard/wire.ts";
import { formatDuration, formatNumber } from "../shell/format.ts";
import type { Tone } from "../shell/parts.tsx";
import { problemsAt } from "./places.ts";

/** A state as a colour, and as a word for those who do not see it. */
export type Station = { readonly tone: Tone; readonly word: string };
/** What the flow shows: a state whose status is there. */
export type KnownState = LiveState & { readonly status: NonNullable<LiveState["status"]> };

export function sensorsStation({ status, rates }: KnownState): Station {
  const found = problemsAt("sensors", status.problems);
  if (found.length > 0) return { tone: "critical", word: "in trouble" };
  if (status.silent_sensors.length > 0) return { tone: "warning", word: `${status.silent_sensors.length} silent` };
  if (rates !== null && rates.readingsPerSecond === 0) return { tone: "quiet", word: "nothing comes in" };
  return { tone: "ok", word: "sending" };
}

export function rulesStation({ status }: KnownState): Station {
  if (status.rules.refused.length > 0) return { tone: "critical", word: "a file is refused" };
  if (problemsAt("rules", status.problems).length > 0) return { tone: "critical", word: "in trouble" };
  return { tone: "ok", word: "in force" };
}

/** Fuller than this, the store should come back soon. */
const NEARLY_FULL = 0.8;
const SOON_MS = 24 * 3_600_000;

export function bufferStation(state: KnownState): Station {
  const { status, fullInMs } = state;
  if (problemsAt("buffer", status.problems).length > 0) return { tone: "critical", word: "in trouble" };
  const fullness = status.buffer.bytes / status.buffer.limit_bytes;
  if (fullness >= NEARLY_FULL && isStuck(state)) return { tone: "critical", word: "nearly full" };
  if (fullInMs !== null && fullInMs < SOON_MS && isStuck(state)) return { tone: "warning", word: "filling" };
  return { tone: "ok", word: isStuck(state) ? "keeping" : "safe on disk" };
}

export function storeStation({ status }: KnownState): Station {
  if (status.uplink.state === "down") return { tone: "critical", word: "cannot be reached" };
  if (problemsAt("store", status.problems).length > 0) return { tone: "critical", word: "in trouble" };
  return { tone: "ok", word: "reachable" };
}

export function isStuck({ status }: KnownState): boolean {
  return status.uplink.state === "down";
}

export type StageStation = Station & {
  readonly stage: Stage;
  readonly rowsPerSecond: number | null;
  readonly bytesPerSecond: number | null;
  readonly lagP95Ms: number | null;
  readonly pending: number;
  readonly delivered: number;
  /** Of what waits, how old the oldest is. */
  readonly oldestMs: number | null;
};

export function stageStations(state: KnownState): readonly StageStation[] {
  const { status, rates, nowMs } = state;
  return STAGES.map((stage) => {
    const { pending, delivered, parked, oldest_pending_at: oldest } = status.stages[stage];
    const rate = rates?.stages[stage] ?? null;
    const station = ((): Station => {
      if (parked > 0) return { tone: "critical", word: "refused by the store" };
      if (isStuck(state) && pending > 0) return { tone: "critical", word: "stuck: the store is away" };
      if (delivered === 0 && pending === 0) return { tone: "quiet", word: "nothing yet" };
      return { tone: "ok", word: "flows" };
    })();
    return {
      stage,
      tone: station.tone,
      word: station.word,
      rowsPerSecond: rate?.rowsPerSecond ?? null,
      bytesPerSecond: rate?.bytesPerSecond ?? null,
      lagP95Ms: rate?.lagP95Ms ?? null,
      pending,
      delivered,
      oldestMs: oldest === null ? null : Math.max(0, nowMs - Date.parse(oldest)),
    };
  });
}

/** Readings that wait, each counted once: it waits for several stages. */
export function waitingReadings({ status }: KnownState): number {
  const { aggregated: _, ...ofReadings } = status.stages;
  return Math.max(...Object.values(ofReadings).map(({ pending }) => pending));
}

export function isKnown(state: LiveState): state is KnownState {
  return state.status !== null;
}

/** What this agent does, in a sentence or two that are true whether it is well or not. */
export function doneFor(state: KnownState): string {
  const { sensors, status, store, fullInMs } = state;
  const from = sensors === 1 ? "1 sensor" : `${formatNumber(sensors)} sensors`;
  const rules = status.rules.count === 1 ? "1 rule" : `${formatNumber(status.rules.count)} rules`;
  const taken = `This agent takes readings from ${from}, judges each by ${rules}, and keeps it on this device until it is delivered`;
  if (!isStuck(state)) return `${taken}: to ${store}, in five stages.`;
  const full = fullInMs === null ? "" : ` At this rate the buffer is full in ${formatDuration(fullInMs)}.`;
  return `${taken}. The store cannot be reached: ${formatNumber(waitingReadings(state))} readings wait here, and go out when it is back.${full}`;
}
