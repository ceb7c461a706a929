/** The rows of a block as tests compare them: by what they say, whatever the handles are. */
import type { Malformed, ReadingBlock } from "../core/reading.ts";
import type { Label, Sensor, SensorCatalogue } from "../core/sensor.ts";

export type BlockReading = {
  readonly identity: Sensor["identity"];
  readonly time: number | undefined;
  readonly label: Label | undefined;
  /** Name and value; NaN where the value is absent. */
  readonly measures: readonly (readonly [name: string | undefined, value: number])[];
  readonly extra: string | undefined;
  readonly malformed: Malformed | undefined;
};

export function readingsOf(block: ReadingBlock, catalogue: SensorCatalogue): BlockReading[] {
  return Array.from({ length: block.count }, (_, row) => {
    const sensor = catalogue.sensors[block.sensor[row]!]!;
    return {
      identity: sensor.identity,
      time: block.time[row],
      label: catalogue.labels[block.label[row]!],
      measures: sensor.slots.map((slot, i) => [sensor.measures[i], block.measures[slot]?.[row] ?? Number.NaN] as const),
      extra: block.extra.get(row),
      malformed: block.malformed.get(row),
    };
  });
}
