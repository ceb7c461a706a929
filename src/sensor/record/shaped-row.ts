/**
 * A flat row out of layers. What the map reads has the name that the map gives it; everything else keeps its own name, an object
 * without those of its values that were read. Two fields of one name get different ones: the outer one gets `_` at its end.
 */

import { isAllRead, markRead, type Path, type ReadParts, type Segment } from "../map/path.ts";
import { filledIn } from "../map/pattern.ts";
import { type RecordShape, Unreadable } from "../map/record-shape.ts";
import type { Meant } from "../map/where.ts";
import type { Original } from "../row/row-problem.ts";
import type { FoundValue, RecordView } from "./record-view.ts";

type Origin =
  | { readonly layer: number; readonly segments: readonly Segment[]; readonly read: ReadParts | null }
  | { readonly text: string };

/** What the map says of names and values. */
export type Knowledge = {
  /** Whether a field of this name is read as it is. */
  readonly isKnown: (name: string) => boolean;
  /** Whether a value means "no value". */
  readonly isAbsent: (value: unknown) => boolean;
  /** What a value is in an expression. */
  readonly meant: Meant;
};

type Members = Readonly<Record<string, unknown>>;

export class ShapedRow {
  readonly row: Record<string, unknown> = Object.create(null);
  readonly #view: RecordView;
  readonly #origins = new Map<string, Origin>();
  /** Of each layer, what was read within its fields. */
  readonly #read: (ReadParts | undefined)[] = [];
  readonly #isKnown: Knowledge["isKnown"];
  readonly #isAbsent: Knowledge["isAbsent"];
  readonly #meant: Meant;
  /** Names beside the record, and of what was taken out of texts, of which nothing more need be kept. */
  readonly #used = new Set<string>();

  constructor(view: RecordView, shape: RecordShape, knowledge: Knowledge) {
    this.#view = view;
    this.#isKnown = knowledge.isKnown;
    this.#isAbsent = knowledge.isAbsent;
    this.#meant = knowledge.meant;
    for (const path of shape.paths) this.#readPath(path);
    for (const path of shape.drop) this.#leaveOut(path);
    for (const found of view.takenApart) this.#use(found);
    this.#compose(shape);
    this.#make(shape);
    for (const [name, text] of view.extracted) if (!this.#used.has(name)) this.#putText(name, text);
    this.#addRest();
    this.#addKeys();
  }

  textOf(name: string): string {
    const origin = this.#origins.get(name);
    if (origin === undefined) return "null";
    if ("text" in origin) return origin.text;
    const layer = this.#view.item.layers[origin.layer];
    if (layer === undefined) return "null";
    if (origin.read === null) return layer.json.at(origin.segments);
    const member = layer.json.member(origin.segments[0] ?? "");
    return member?.without(this.row[name], origin.read) ?? "null";
  }

  get unitOf(): Original["unitOf"] | null {
    return this.#view.item.unitOf;
  }

  original(received: Original["received"]): Original {
    const { unitOf, arrivalField } = this.#view.item;
    const textOf = (name: string): string => this.textOf(name);
    if (unitOf === null) return { received, textOf };
    return arrivalField === undefined ? { received, textOf, unitOf } : { received, textOf, unitOf, arrivalField };
  }

  #readPath(path: Path): void {
    const found = this.#view.find(path);
    if (found === null) return;
    if (found.layer < 0) {
      this.#used.add(path.text);
      this.#put(path.text, found.value, { text: this.#view.jsonOf(found) });
    } else if (found.segments[0] !== path.text) {
      this.#put(path.text, found.value, { layer: found.layer, segments: found.segments, read: null });
      this.#mark(found);
    }
  }

  #leaveOut({ text, segments }: Path): void {
    for (const [layer, { value }] of this.#view.item.layers.entries()) {
      const isWhole = typeof value === "object" && value !== null && Object.hasOwn(value, text);
      if (!isWhole) this.#mark({ value: null, layer, segments });
    }
  }

  /** A value that is in another text now. */
  #use({ layer, segments, value }: FoundValue, name?: string): void {
    if (layer < 0) {
      if (name !== undefined) this.#used.add(name);
    } else if (segments.length > 1 || !this.#isKnown(String(segments[0]))) this.#mark({ value, layer, segments });
  }

  #mark({ layer, segments }: FoundValue): void {
    const read: ReadParts = this.#read[layer] ?? new Map();
    this.#read[layer] = read;
    markRead(read, segments);
  }

  #compose({ compose }: RecordShape): void {
    for (const { to, pattern, parts } of compose) {
      const used: [FoundValue, string][] = [];
      const text = filledIn(pattern, (name) => {
        const path = parts.get(name);
        const found = path === undefined ? null : this.#view.find(path);
        if (found === null || this.#isAbsent(found.value)) return null;
        used.push([found, name]);
        return this.#view.textOf(found);
      });
      if (text === null) continue;
      this.#putText(to, text);
      for (const [found, name] of used) this.#use(found, name);
    }
  }

  #make({ makers }: RecordShape): void {
    for (const maker of makers) {
      for (const [to, value] of maker.make(this.#view, this.#meant)) {
        this.#put(to, value, { text: value instanceof Unreadable ? value.received : JSON.stringify(value) });
      }
    }
  }

  #addRest(): void {
    const { layers } = this.#view.item;
    for (let i = 0; i < layers.length; i++) {
      const value = layers[i]?.value;
      if (Array.isArray(value)) {
        for (const [at, item] of value.entries()) this.#addMember(i, `[${at}]`, [at], item);
        continue;
      }
      for (const name in value as Members) this.#addMember(i, name, [name], (value as Members)[name]);
    }
  }

  #addMember(layer: number, name: string, segments: readonly [Segment], value: unknown): void {
    const read = this.#read[layer]?.get(segments[0]);
    if (read === undefined) this.#put(this.#free(name), value, { layer, segments, read: null });
    else if (read !== true && !isAllRead(value, read)) this.#put(this.#free(name), value, { layer, segments, read });
  }

  /** The name of a member is a part of the record as its values are. */
  #addKeys(): void {
    const { keys } = this.#view.item;
    for (const [i, key] of keys.entries()) {
      if (typeof key !== "string" || this.#used.has(`@key[${i}]`)) continue;
      const isLast = i === keys.length - 1;
      if (!isLast || !this.#used.has("@key")) this.#putText(this.#free(isLast ? "@key" : `@key[${i}]`), key);
    }
  }

  #free(name: string): string {
    if (!Object.hasOwn(this.row, name)) return name;
    let free = `${name}_`;
    while (Object.hasOwn(this.row, free) || this.#isKnown(free)) free += "_";
    return free;
  }

  #putText(name: string, text: string): void {
    this.#put(name, text, { text: JSON.stringify(text) });
  }

  #put(name: string, value: unknown, origin: Origin): void {
    this.row[name] = value;
    this.#origins.set(name, origin);
  }
}
