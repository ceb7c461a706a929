/** From a record to what is a reading of its own in it: the items of arrays and the members of objects that the map names. */
import { RECORD_READINGS } from "../../core/reading.ts";
import { type Segment, valueAt } from "../map/path.ts";
import type { EachPath } from "../map/record-shape.ts";
import { JsonText } from "./json-text.ts";
import { Layer } from "./layer.ts";

/** What one reading is made of. */
export type RecordItem = {
  /** Where it is in the record, for messages: `values[3]`; empty: the record itself. */
  readonly place: string;
  /** Its own first, then those around it. */
  readonly layers: readonly Layer[];
  /** The names, or positions, of the items that it is in: `AM2301`, `3`. */
  readonly keys: readonly Segment[];
  /** Its unit, of the fields that have one. */
  readonly unitOf: ((name: string) => string | undefined) | null;
};

/** Every item, in the order of the paths; null where the record has none of the paths. Throws TooManyItems. */
export function itemsOf(root: Layer, each: readonly EachPath[], found: (path: string) => void): RecordItem[] | null {
  const fanOut = new FanOut();
  let isFound = false;
  for (const { text, steps } of each) {
    fanOut.isFound = false;
    fanOut.expand({ place: "", layers: [root], keys: [], unitOf: null }, steps);
    if (!fanOut.isFound) continue;
    isFound = true;
    found(text);
  }
  for (const layer of fanOut.parents) layer.leaveOut();
  return isFound ? fanOut.items : null;
}

export class TooManyItems extends Error {}

class FanOut {
  readonly items: RecordItem[] = [];
  readonly parents = new Set<Layer>();
  /** The last path that was expanded leads to an array or object, however many items that has. */
  isFound = false;

  expand(from: RecordItem, [step, ...more]: EachPath["steps"]): void {
    if (step === undefined) {
      if (this.items.length >= RECORD_READINGS) throw new TooManyItems();
      this.items.push(from);
      return;
    }
    const { segments, members } = step;
    const parent = from.layers[0];
    const container = parent === undefined ? undefined : valueAt(parent.value, segments);
    if (parent === undefined || typeof container !== "object" || container === null) return;
    if (Array.isArray(container) !== (members === null)) return;
    if (more.length === 0) this.isFound = true;
    this.parents.add(parent);
    let holder: JsonText | null = null;
    const jsonOf = (key: Segment): JsonText => {
      holder ??= segments.reduce<JsonText>((at, segment) => at.member(segment) ?? NULL, parent.whole);
      return holder.member(key) ?? NULL;
    };
    const around = Array.isArray(parent.value) && segments.length === 0 ? from.layers.slice(1) : from.layers;
    if (members === null && segments.length > 0) parent.contains(segments);
    for (const key of Array.isArray(container) ? container.keys() : Object.keys(container)) {
      const value = (container as Readonly<Record<Segment, unknown>>)[key];
      if (members !== null && (!isObject(value) || !members.fits(String(key)))) continue;
      if (members !== null) parent.contains([...segments, key]);
      this.expand(
        {
          place: placeOf(from.place, segments, key),
          layers: [Layer.of(value, () => jsonOf(key)), ...around],
          keys: [...from.keys, key],
          unitOf: null,
        },
        more,
      );
    }
  }
}

const NULL = new JsonText("null");

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function placeOf(before: string, segments: readonly Segment[], key: Segment): string {
  let place = before;
  for (const segment of [...segments, key]) {
    place += typeof segment === "number" ? `[${segment}]` : `${place === "" ? "" : "."}${segment}`;
  }
  return place;
}
