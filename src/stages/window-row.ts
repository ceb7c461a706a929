/** Windows as text: the rows that go out, and the accumulators that the buffer keeps for a later revision. */

import { nullable } from "../core/outside/composed-shapes.ts";
import { number, text as textShape } from "../core/outside/scalar-shapes.ts";
import { list, type ValueOf } from "../core/outside/shape.ts";
import { anyNumber, storedJson, tuple } from "../core/outside/stored-json.ts";
import { LIMITS } from "../core/sensor.ts";
import type { KeptWindow, OpenWindow } from "./aggregate.ts";
import { SensorWindow, STRIDE } from "./sensor-window.ts";

export type WindowFacts = {
  readonly epoch: string;
  readonly nodeId: string;
  readonly agentVersion: string;
  readonly lengthMs: number;
  readonly revision: number;
};

/** Unique in the world, and the same for every revision: `<epoch>-<start>-<length in s>s`. */
function windowId(epoch: string, startMs: number, lengthMs: number): string {
  const start = new Date(startMs).toISOString().replaceAll(/[-:]/g, "").replace(".000Z", "Z");
  return `${epoch}-${start}-${lengthMs / 1_000}s`;
}

/**
 * The rows of a window as NDJSON, a line per sensor in order of sensor_id. stddev is the sample standard deviation
 * (n − 1), null below two values, as Spark's `stddev` has it. `record_count` counts valid readings.
 */
export function windowRows(
  window: Pick<OpenWindow, "startMs" | "sensors">,
  measureNames: readonly string[],
  facts: WindowFacts,
): { readonly text: string; readonly count: number } {
  const head = JSON.stringify({
    window_id: windowId(facts.epoch, window.startMs, facts.lengthMs),
    window_start: new Date(window.startMs).toISOString(),
    window_end: new Date(window.startMs + facts.lengthMs).toISOString(),
    revision: facts.revision,
  }).slice(0, -1);
  const tail = `,${JSON.stringify({ node_id: facts.nodeId, agent_version: facts.agentVersion }).slice(1)}\n`;
  let text = "";
  let count = 0;
  for (const [sensorId, state] of sensorsInOrder(window)) {
    text += `${head},"sensor_id":${JSON.stringify(sensorId)},"record_count":${state.records}`;
    text += `,"anomaly_count":${state.anomalies}`;
    for (const slot of [...state.slots].sort((a, b) => a - b)) {
      const name = measureNames[slot];
      if (name === undefined) throw new Error(`Cannot write a window: measure ${slot} has no name`);
      text += statistics(name, state, slot);
    }
    text += tail;
    count++;
  }
  return { text, count };
}

/** Names of measures are identifiers: they need no escape. Sums of huge values may overflow: null, as JSON has it. */
function statistics(name: string, { stats }: SensorWindow, slot: number): string {
  const at = slot * STRIDE;
  // One by one: to take a part of the array and iterate over it took a third of the time that a window takes.
  const n = stats[at] ?? 0;
  const shift = stats[at + 1] ?? 0;
  const sum = stats[at + 2] ?? 0;
  const squares = stats[at + 3] ?? 0;
  const min = stats[at + 4] ?? 0;
  const max = stats[at + 5] ?? 0;
  if (n === 0) return `,"avg_${name}":null,"min_${name}":null,"max_${name}":null,"stddev_${name}":null`;
  const variance = n > 1 ? Math.max(0, (squares - (sum * sum) / n) / (n - 1)) : null;
  const average = finite(shift + sum / n);
  const deviation = variance === null ? null : finite(Math.sqrt(variance));
  return `,"avg_${name}":${average},"min_${name}":${min + 0},"max_${name}":${max + 0},"stddev_${name}":${deviation}`;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function sensorsInOrder({ sensors }: Pick<OpenWindow, "sensors">): [string, SensorWindow][] {
  return [...sensors].sort(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * The accumulators of a window as JSON text:
 * `[[sensor_id, [records, anomalies, [[slot, [n, shift, sum, squares, min, max]], …]]], …]`.
 */
export function packWindow({ sensors }: Pick<OpenWindow, "sensors">): string {
  let text = "";
  for (const [sensorId, state] of sensors) text += `,[${JSON.stringify(sensorId)},${packSensor(state)}]`;
  return `[${text.slice(1)}]`;
}

function packSensor(state: SensorWindow): string {
  const slots = [...state.slots].map((slot) => {
    const numbers = state.stats.slice(slot * STRIDE, slot * STRIDE + STRIDE);
    return [slot, numbers.length === STRIDE ? [...numbers] : [0, 0, 0, 0, 0, 0]];
  });
  return JSON.stringify([state.records, state.anomalies, slots]);
}

/** `null`: a sum that was beyond what a number holds, as JSON has it. */
const STATISTICS = list(nullable(anyNumber), { least: STRIDE, most: STRIDE });
const SLOT = number({ min: 0, max: LIMITS.measures - 1, whole: true });
const PACKED = tuple(anyNumber, anyNumber, list(tuple(SLOT, STATISTICS), { least: 0, most: LIMITS.measures }));
const PACKED_WINDOW = list(tuple(textShape(/^/, "a text"), PACKED), { least: 1, most: Number.MAX_SAFE_INTEGER });
const GZIP_MAGIC = 0x1f;

/** Null for bytes that are not what {@link packWindow} made, compressed or not. */
export function unpackWindow(states: Uint8Array): KeptWindow["sensors"] | null {
  try {
    const packed = states[0] === GZIP_MAGIC ? Bun.gunzipSync(states as Uint8Array<ArrayBuffer>) : states;
    const sensors = storedJson(PACKED_WINDOW, Buffer.from(packed).toString());
    return sensors?.map(([sensorId, state]) => ({ sensorId, state: unpackSensor(state) })) ?? null;
  } catch {
    return null;
  }
}

function unpackSensor([records, anomalies, slots]: ValueOf<typeof PACKED>): SensorWindow {
  const state = new SensorWindow();
  state.records = records;
  state.anomalies = anomalies;
  const highest = slots.reduce((most, [slot]) => Math.max(most, slot), -1);
  state.stats = new Float64Array((highest + 1) * STRIDE);
  for (const [slot, numbers] of slots) {
    state.slots.add(slot);
    state.stats.set(
      numbers.map((value) => value ?? Number.NaN),
      slot * STRIDE,
    );
  }
  return state;
}
