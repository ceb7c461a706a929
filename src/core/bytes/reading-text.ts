/**
 * The part of a row's JSON text that every stage has: identity, timestamp, measures, and the sensor's own status, in that
 * order. The parts that are the same for all readings of a sensor are prepared once.
 */

import { QUOTE } from "../ascii.ts";
import type { ReadingBlock } from "../reading.ts";
import { IDENTITY_COLUMNS, type Label, NO_SENSOR, type SensorCatalogue } from "../sensor.ts";
import { type ByteWriter, bytesOf } from "./bytes.ts";

type SensorText = {
  readonly head: Uint8Array;
  readonly keys: readonly Uint8Array[];
  readonly slots: readonly number[];
};
const NULL = bytesOf("null");
const NO_LABEL = bytesOf(`,"status_code":null,"anomaly_flag":null,"anomaly_type":null`);

export class ReadingText {
  readonly #catalogue: SensorCatalogue;
  readonly #sensors: SensorText[] = [];
  readonly #labels: Uint8Array[] = [];

  constructor(catalogue: SensorCatalogue) {
    this.#catalogue = catalogue;
  }

  /** Writes `{"sensor_id":…,"timestamp":…, measures…, "status_code":…,"anomaly_flag":…,"anomaly_type":…` and no `}`. */
  write(w: ByteWriter, block: ReadingBlock, row: number): void {
    const text = this.#sensorText(block.sensor[row]!);
    w.reserve(text.head.length + text.keys.length * 160 + 1_024);
    w.raw(text.head);
    w.timestamp(block.time[row]!);
    w.byte(QUOTE);
    const { keys, slots } = text;
    const measures = block.measures;
    for (let i = 0; i < keys.length; i++) {
      w.raw(keys[i]!);
      // A column that this block never needed holds only absent values.
      const slot = slots[i]!;
      const value = slot < measures.length ? measures[slot]![row]! : Number.NaN;
      if (Number.isNaN(value)) w.raw(NULL);
      else w.number(value);
    }
    w.raw(this.#labelText(block.label[row]!));
  }

  /** The same part of a row for a malformed reading: no identity, the time it was taken, no measures. */
  writeUnidentified(w: ByteWriter, timeMs: number): void {
    const text = this.#sensorText(NO_SENSOR);
    w.reserve(text.head.length + 1_024);
    w.raw(text.head);
    w.timestamp(timeMs);
    w.byte(QUOTE);
    w.raw(NO_LABEL);
  }

  #sensorText(handle: number): SensorText {
    const known = this.#sensors[handle];
    if (known !== undefined) return known;
    const sensor = this.#catalogue.sensors[handle]!;
    const head = IDENTITY_COLUMNS.map((name, i) => `"${name}":${JSON.stringify(sensor.identity[i] ?? null)}`).join(",");
    const made = {
      head: bytesOf(`{${head},"timestamp":"`),
      keys: sensor.measures.map((name) => bytesOf(`,${JSON.stringify(name)}:`)),
      slots: sensor.slots,
    };
    this.#sensors[handle] = made;
    return made;
  }

  #labelText(handle: number): Uint8Array {
    const known = this.#labels[handle];
    if (known !== undefined) return known;
    const label: Label = this.#catalogue.labels[handle]!;
    const made = bytesOf(
      `,"status_code":${label.statusCode},"anomaly_flag":${label.anomalyFlag},"anomaly_type":${JSON.stringify(label.anomalyType)}`,
    );
    this.#labels[handle] = made;
    return made;
  }
}
