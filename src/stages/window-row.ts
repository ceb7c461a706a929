/** Windows as text: the rows that go out, and the accumulators that the buffer keeps for a later revision. */
import type { OpenWindow, SensorWindow } from "./aggregate.ts";
import { SensorWindow as Accumulator } from "./aggregate.ts";

export type WindowFacts = {
  readonly epoch: string;
  readonly nodeId: string;
  readonly agentVersion: string;
  readonly lengthMs: number;
  readonly revision: number;
};

const STRIDE = 6;

/** Unique in the world, and the same for every revision: `<epoch>-<start>-<length in s>s`. */
export function windowId(epoch: string, startMs: number, lengthMs: number): string {
  const start = new Date(startMs).toISOString().replaceAll(/[-:]/g, "").replace(".000Z", "Z");
  return `${epoch}-${start}-${lengthMs / 1_000}s`;
}

/**
 * The rows of a window as NDJSON, a line per sensor in order of sensor_id. stddev is the sample standard deviation
 * (n − 1), null below two values, as Spark's `stddev` has it. `record_count` counts valid readings.
 */
export function windowRows(
  window: OpenWindow,
  sensorIds: readonly string[],
  measureNames: readonly string[],
  facts: WindowFacts,
): { readonly text: string; readonly count: number } {
  const lines: string[] = [];
  const head = {
    window_id: windowId(facts.epoch, window.startMs, facts.lengthMs),
    window_start: new Date(window.startMs).toISOString(),
    window_end: new Date(window.startMs + facts.lengthMs).toISOString(),
    revision: facts.revision,
  };
  for (const [index, state] of sensorsInOrder(window, sensorIds)) {
    const row: Record<string, unknown> = {
      ...head,
      sensor_id: sensorIds[index],
      record_count: state.records,
      anomaly_count: state.anomalies,
    };
    for (const slot of [...state.slots].sort((a, b) => a - b)) addStatistics(row, measureNames[slot]!, state, slot);
    lines.push(`${JSON.stringify({ ...row, node_id: facts.nodeId, agent_version: facts.agentVersion })}\n`);
  }
  return { text: lines.join(""), count: lines.length };
}

function addStatistics(row: Record<string, unknown>, name: string, state: SensorWindow, slot: number): void {
  const [n = 0, shift = 0, sum = 0, squares = 0, min = 0, max = 0] = state.stats.subarray(
    slot * STRIDE,
    slot * STRIDE + STRIDE,
  );
  row[`avg_${name}`] = n > 0 ? shift + sum / n : null;
  row[`min_${name}`] = n > 0 ? min : null;
  row[`max_${name}`] = n > 0 ? max : null;
  row[`stddev_${name}`] = n > 1 ? Math.sqrt(Math.max(0, (squares - (sum * sum) / n) / (n - 1))) : null;
}

function sensorsInOrder(window: OpenWindow, sensorIds: readonly string[]): [number, SensorWindow][] {
  const sensors: [number, SensorWindow][] = [];
  window.sensors.forEach((state, index) => {
    if (state !== undefined) sensors.push([index, state]);
  });
  return sensors.sort(([a], [b]) => (sensorIds[a]! < sensorIds[b]! ? -1 : 1));
}

/** Accumulators as JSON text: `[records, anomalies, { slot: [n, shift, sum, squares, min, max] }]`. */
export function packWindow(state: SensorWindow): string {
  const slots = [...state.slots].map((slot) => {
    const numbers = state.stats.slice(slot * STRIDE, slot * STRIDE + STRIDE);
    return [slot, numbers.length === STRIDE ? [...numbers] : [0, 0, 0, 0, 0, 0]];
  });
  return JSON.stringify([state.records, state.anomalies, slots]);
}

export function unpackWindow(text: string): SensorWindow {
  const [records, anomalies, slots] = JSON.parse(text) as [number, number, [number, number[]][]];
  const state = new Accumulator();
  state.records = records;
  state.anomalies = anomalies;
  const highest = slots.reduce((most, [slot]) => Math.max(most, slot), -1);
  state.stats = new Float64Array((highest + 1) * STRIDE);
  for (const [slot, numbers] of slots) {
    state.slots.add(slot);
    state.stats.set(numbers, slot * STRIDE);
  }
  return state;
}
