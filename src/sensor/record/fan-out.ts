/** From a record to what is a reading of its own in it: the items of arrays and the members of objects that the map names. */
import { RECORD_READINGS } from "../../core/reading.ts";
import { type Segment, valueAt } from "../map/path.ts";
import type { Glob } from "../map/pattern.ts";
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
  /** The field with a time that is only that of the arrival, or counted from it. */
  readonly arrivalField?: string;
};

/** Where no reading is: the paths lead no further, or to an array or object without any item. */
export type DeadEnd = { readonly item: RecordItem; readonly isEmpty: boolean };

export type FannedOut = {
  /** In the order of the paths. */
  readonly items: readonly RecordItem[];
  readonly deadEnds: readonly DeadEnd[];
};

/** Throws TooManyItems. `found`: a path that leads to readings, or to where they may be. */
export function itemsOf(root: RecordItem, each: readonly EachPath[], found: (path: string) => void): FannedOut {
  const fanOut = new FanOut();
  for (const { text, steps } of each) {
    fanOut.isFound = false;
    fanOut.expand(root, steps);
    if (fanOut.isFound) found(text);
  }
  for (const layer of fanOut.parents) layer.leaveOut();
  return fanOut;
}

export class TooManyItems extends Error {}

class FanOut implements FannedOut {
  readonly items: RecordItem[] = [];
  readonly parents = new Set<Layer>();
  /** The path that was expanded last leads to an array or object, however many items that has. */
  isFound = false;
  /** By place: another path may lead further from there. */
  readonly #deadEnds = new Map<string, DeadEnd>();
  readonly #passed = new Set<string>();

  get deadEnds(): readonly DeadEnd[] {
    return [...this.#deadEnds.values()].filter(({ item }) => !this.#passed.has(item.place));
  }

  #endAt(item: RecordItem, isEmpty: boolean): void {
    this.#count();
    if (isEmpty || !this.#deadEnds.has(item.place)) this.#deadEnds.set(item.place, { item, isEmpty });
  }

  #count(): void {
    if (this.items.length + this.#deadEnds.size >= RECORD_READINGS) throw new TooManyItems();
  }

  expand(from: RecordItem, [step, ...more]: EachPath["steps"]): void {
    if (step === undefined) {
      this.#count();
      this.items.push(from);
      return;
    }
    const { segments, members } = step;
    const parent = from.layers[0];
    const container = parent === undefined ? undefined : valueAt(parent.value, segments);
    const isRight =
      typeof container === "object" && container !== null && Array.isArray(container) === (members === null);
    if (parent === undefined || !isRight) {
      this.#endAt(from, false);
      return;
    }
    const keys = keysOf(container, members);
    const isEmpty = keys.length === 0 && Object.keys(container).length === 0;
    if (more.length === 0 && (keys.length > 0 || isEmpty)) this.isFound = true;
    if (keys.length === 0) this.#endAt(from, isEmpty);
    else this.#passed.add(from.place);
    this.parents.add(parent);
    let holder: JsonText | null = null;
    const jsonOf = (key: Segment): JsonText => {
      holder ??= segments.reduce<JsonText>((at, segment) => at.member(segment) ?? NULL, parent.whole);
      return holder.member(key) ?? NULL;
    };
    const around = Array.isArray(parent.value) && segments.length === 0 ? from.layers.slice(1) : from.layers;
    if (members === null && segments.length > 0 && keys.length > 0) parent.contains(segments);
    for (const key of keys) {
      const value = (container as Readonly<Record<Segment, unknown>>)[key];
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

/** Those of its items or members that the step leads to. */
function keysOf(container: object, members: Glob | null): readonly Segment[] {
  if (Array.isArray(container)) return [...container.keys()];
  return Object.entries(container).flatMap(([name, value]) => (isObject(value) && members?.fits(name) ? [name] : []));
}

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
