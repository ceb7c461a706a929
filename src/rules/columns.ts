/**
 * The catalogue as compiled rules see it, while it grows: where a measure's column is, and which sensors a rule applies to. Both are looked up once per new name or sensor, never per reading.
 */
import type { ReadingBlock } from "../core/reading.ts";
import { IDENTITY_COLUMNS, NO_SENSOR, type Sensor, type SensorCatalogue } from "../core/sensor.ts";
import type { Selector } from "./selector.ts";
import { Subjects } from "./state.ts";

const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

/** The name of a sensor's subject is this and its sensor_id. Sensors without an id are one subject. */
export const SENSOR_SUBJECT = "sensor ";

/** Whether a subject is one of these sensors, or a group of sensors. */
export function subjectsOf(sensorIds: ReadonlySet<string>): (subject: string) => boolean {
  return (subject) => !subject.startsWith(SENSOR_SUBJECT) || sensorIds.has(subject.slice(SENSOR_SUBJECT.length));
}

/** `slot` is -1 until a sensor that reports the measure was seen. */
export type MeasureRef = { slot: number };
/** By sensor handle: 1 where the rule applies, replaced by a longer one as the catalogue grows. `sensors`: how many ones are in it. */
export type SelectionRef = { mask: Uint8Array; sensors: number };

export class Columns {
  readonly catalogue: SensorCatalogue;
  /** The sensors and groups that have a state in the rules of this set. */
  readonly subjects = new Subjects();
  /** By sensor handle: the subject that its sensor_id is. */
  readonly subjectOf: number[] = [];
  readonly #measures = new Map<string, MeasureRef>();
  readonly #selections = new Map<string, { readonly selector: Selector; readonly ref: SelectionRef }>();
  #namesSeen = 0;
  #sensorsSeen = 0;
  #absent = new Float64Array(0);

  constructor(catalogue: SensorCatalogue) {
    this.catalogue = catalogue;
  }

  measure(name: string): MeasureRef {
    const known = this.#measures.get(name);
    if (known !== undefined) return known;
    const ref = { slot: this.catalogue.measureNames.indexOf(name) };
    this.#measures.set(name, ref);
    return ref;
  }

  /** Rules with the same selector share one mask. */
  selection(selector: Selector): SelectionRef {
    const known = this.#selections.get(selector.key);
    if (known !== undefined) return known.ref;
    const ref = { mask: new Uint8Array(64), sensors: 0 };
    for (const sensor of this.catalogue.interned.slice(0, this.#sensorsSeen)) select(selector, ref, sensor);
    this.#selections.set(selector.key, { selector, ref });
    return ref;
  }

  /** The block's column of a measure; a column of absent values where no row here has it. */
  column(block: ReadingBlock, ref: MeasureRef): Float64Array {
    const column = ref.slot < 0 ? undefined : block.measures[ref.slot];
    if (column !== undefined) return column;
    if (this.#absent.length < block.capacity) this.#absent = new Float64Array(block.capacity).fill(Number.NaN);
    return this.#absent;
  }

  /** Takes in the sensors and measures that the catalogue learnt since the last call: before each block. */
  grow(): void {
    const { interned, measureNames } = this.catalogue;
    for (const name of measureNames.slice(this.#namesSeen)) {
      const ref = this.#measures.get(name);
      if (ref !== undefined) ref.slot = this.#namesSeen;
      this.#namesSeen++;
    }
    if (this.#sensorsSeen >= interned.length) return;
    const added = interned.slice(this.#sensorsSeen);
    for (const { handle, identity } of added) {
      this.subjectOf[handle] = this.subjects.of(`${SENSOR_SUBJECT}${identity[SENSOR_ID] ?? ""}`);
    }
    this.#sensorsSeen = interned.length;
    for (const { selector, ref } of this.#selections.values()) {
      for (const sensor of added) select(selector, ref, sensor);
    }
  }
}

function select(selector: Selector, ref: SelectionRef, { handle, identity }: Sensor): void {
  if (handle >= ref.mask.length) {
    const grown = new Uint8Array(Math.max(handle + 1, ref.mask.length * 2));
    grown.set(ref.mask);
    ref.mask = grown;
  }
  if (handle === NO_SENSOR || !selector.matches(identity)) return;
  ref.mask[handle] = 1;
  ref.sensors++;
}
