/** `GET /api/sensors`: the sensors of the buffer, each once, with what is known of it. */
import type { OpenAgent } from "../../agent/open-agent.ts";
import { IDENTITY_COLUMNS, type IdentityColumn, type Sensor } from "../../core/sensor.ts";
import type { HttpReply, HttpRequest } from "../../http/route.ts";
import { shippedProfiles } from "../../sensor/profile/shipped.ts";
import { jsonReply, problemReply } from "../json-reply.ts";
import type { DashboardNode } from "../node.ts";
import type { Turns } from "../series/work-budget.ts";
import type { WireSensor, WireSensors } from "../wire.ts";
import { LastSeen } from "./last-seen.ts";

export const SENSORS_MOST = 10_000;
/** A list is made for all who ask, and kept for a while: for longer where there are many, since it takes longer to make. */
const FRESH_MS = { least: 2_000, times: 50 };
/** What looking for last times may cost before the list is sent as it is. */
const LOOK_MS = 200;
/** Clocks of sensors are not set to the second. */
const AHEAD_MS = 60_000;

export class SensorList {
  readonly #node: DashboardNode;
  readonly #turns: Turns;
  #lastSeen: LastSeen | null = null;
  #made: { readonly reply: Promise<HttpReply>; untilMs: number } | null = null;
  #makingMs = 0;

  constructor(node: DashboardNode, turns: Turns) {
    this.#node = node;
    this.#turns = turns;
  }

  answer({ gone }: HttpRequest): HttpReply | Promise<HttpReply> {
    const opened = this.#node.opened();
    if (opened === null) return problemReply(503, "The agent has no buffer yet: it is starting", "agent status");
    const { running } = this.#turns;
    if (this.#made !== null && running() < this.#made.untilMs) return this.#made.reply;
    const made = { reply: this.#reply(opened, gone), untilMs: Number.POSITIVE_INFINITY };
    this.#made = made;
    const done = () => {
      made.untilMs = running() + Math.max(FRESH_MS.least, FRESH_MS.times * this.#makingMs);
    };
    made.reply.then(done, done);
    return made.reply;
  }

  /** While no one asks, nothing is kept. */
  forget(): void {
    this.#lastSeen = null;
    this.#made = null;
  }

  async #reply(opened: OpenAgent, gone: AbortSignal): Promise<HttpReply> {
    const { buffer } = opened.parts;
    if (this.#lastSeen?.buffer !== buffer) this.#lastSeen = new LastSeen(buffer);
    const lastSeen = this.#lastSeen;
    const { running } = this.#turns;
    let workMs = 0;
    const looks = lastSeen.look(this.#node.now());
    for (let isDone: boolean | undefined = false; !isDone && workMs < LOOK_MS && !gone.aborted; ) {
      const sinceMs = running();
      // Behind a wait the buffer may be closed.
      if (opened.parts.buffer !== buffer) break;
      isDone = looks.next().done;
      workMs += running() - sinceMs;
      await this.#turns.pause(running() - sinceMs, gone);
    }
    const sinceMs = running();
    const reply = jsonReply(sensorsOf(opened, lastSeen.times, this.#node.now()));
    this.#makingMs = running() - sinceMs;
    return reply;
  }
}

const COLUMN = Object.fromEntries(IDENTITY_COLUMNS.map((name, i) => [name, i])) as Record<IdentityColumn, number>;

function textIn({ identity }: Sensor, column: IdentityColumn): string | null {
  const value = identity[COLUMN[column]] ?? null;
  return value === null ? null : String(value);
}

/** `times`: by handle. A sensor that had several identities has the newest. */
export function sensorsOf(
  { parts }: Pick<OpenAgent, "parts">,
  times: ReadonlyMap<number, number>,
  nowMs: number,
): WireSensors {
  const { buffer, rules, units } = parts;
  const silent = new Set(rules.set.silentSensors(nowMs).map(({ sensor }) => sensor));
  const sensors = new Map<string, WireSensor>();
  const { interned } = buffer.catalogue;
  const chosen = interned.length - 1 <= SENSORS_MOST ? interned.slice(1) : newestOf(interned.slice(1), times);
  for (const sensor of chosen) {
    const sensorId = textIn(sensor, "sensor_id") ?? "";
    const before = sensors.get(sensorId);
    const names = new Set([...sensor.measures, ...(before?.measures ?? []).map(({ name }) => name)]);
    const atMs = times.get(sensor.handle) ?? null;
    const beforeMs = before?.lastAtMs ?? null;
    const lastAtMs = atMs === null || beforeMs === null ? (atMs ?? beforeMs) : Math.max(atMs, beforeMs);
    sensors.set(sensorId, {
      sensorId,
      sensorType: textIn(sensor, "sensor_type"),
      location: textIn(sensor, "location"),
      measures: [...names].map((name) => ({ name, unit: unitOf(name, units) })),
      lastAtMs,
      aheadMs: lastAtMs !== null && lastAtMs - nowMs > AHEAD_MS ? lastAtMs - nowMs : null,
      isSilent: silent.has(sensorId),
    });
  }
  const newestFirst = [...sensors.values()].sort((a, b) => (b.lastAtMs ?? -1e16) - (a.lastAtMs ?? -1e16));
  return { sensors: newestFirst, isCut: chosen.length < interned.length - 1 };
}

let shippedUnits: ReadonlyMap<string, string | null> | null = null;

/** Of the run's profile; of a shipped one where only that has the measure, as a simulator's of another profile. */
function unitOf(name: string, units: ReadonlyMap<string, string | null>): string | null {
  const own = units.get(name);
  if (own !== undefined) return own;
  const all = () => shippedProfiles().flatMap(({ measures }) => measures);
  shippedUnits ??= new Map(all().map((measure) => [measure.name, measure.unit]));
  return shippedUnits.get(name) ?? null;
}

/** Those that were heard of last. */
function newestOf(sensors: readonly Sensor[], times: ReadonlyMap<number, number>): readonly Sensor[] {
  const timeOf = ({ handle }: Sensor) => times.get(handle) ?? Number.NEGATIVE_INFINITY;
  const least = Float64Array.from(sensors, timeOf).sort()[sensors.length - SENSORS_MOST] ?? Number.NEGATIVE_INFINITY;
  const newer = sensors.filter((sensor) => timeOf(sensor) > least);
  const asOld = sensors.filter((sensor) => timeOf(sensor) === least);
  return [...newer, ...asOld.slice(0, SENSORS_MOST - newer.length)];
}
