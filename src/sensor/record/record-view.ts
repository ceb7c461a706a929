/** One reading that may be, as the map's paths see it: what was taken out of texts, what is known beside it, and its layers. */
import type { RecordContext } from "../context.ts";
import { type Path, type Segment, valueAt } from "../map/path.ts";
import { partsOf } from "../map/pattern.ts";
import type { Extraction } from "../map/record-shape.ts";
import type { Readable } from "../map/where.ts";
import type { RecordItem } from "./fan-out.ts";

/** `layer`: which of the layers has it, at `segments`; -1: none, it is not part of the record. */
export type FoundValue = { readonly value: unknown; readonly layer: number; readonly segments: readonly Segment[] };

export class RecordView implements Readable {
  readonly item: RecordItem;
  readonly #context: RecordContext;
  /** Taken out of texts, by name. */
  readonly extracted = new Map<string, string>();
  /** The fields whose text was taken apart. */
  readonly takenApart: FoundValue[] = [];

  constructor(item: RecordItem, context: RecordContext) {
    this.item = item;
    this.#context = context;
  }

  extract(extractions: readonly Extraction[]): void {
    for (const { from, patterns } of extractions) {
      const found = this.find(from);
      const text = found === null ? null : this.textOf(found);
      if (found === null || text === null) continue;
      const parts = patterns
        .values()
        .map((pattern) => partsOf(pattern, text))
        .find((fits) => fits !== null);
      if (parts === undefined) continue;
      this.takenApart.push(found);
      for (const [name, part] of parts) this.extracted.set(name, part);
    }
  }

  /** The innermost that has it. Null where there is none; a null in the record is a value. */
  find(path: Path): FoundValue | null {
    const extracted = this.extracted.get(path.text);
    if (extracted !== undefined) return { value: extracted, layer: -1, segments: [] };
    if (path.context !== null) {
      const value = this.#known(path.context);
      if (value !== undefined) return { value, layer: -1, segments: [] };
    }
    for (const [layer, { value }] of this.item.layers.entries()) {
      const whole = valueAt(value, [path.text]);
      if (whole !== undefined) return { value: whole, layer, segments: [path.text] };
      const inside = valueAt(value, path.segments);
      if (inside !== undefined) return { value: inside, layer, segments: path.segments };
    }
    return null;
  }

  valueOf(path: Path): unknown {
    return this.find(path)?.value;
  }

  textAt(path: Path): string | null {
    const found = this.find(path);
    return found === null ? null : this.textOf(found);
  }

  /** The text of a value that has one: of a number, its digits as they were received. */
  textOf({ value, layer, segments }: FoundValue): string | null {
    if (typeof value === "string") return value;
    if (typeof value === "boolean") return String(value);
    if (typeof value !== "number") return null;
    return this.item.layers[layer]?.json.at(segments) ?? String(value);
  }

  /** The value as JSON text, to the letter. */
  jsonOf({ value, layer, segments }: FoundValue): string {
    return this.item.layers[layer]?.json.at(segments) ?? JSON.stringify(value);
  }

  /** The item as it was received. */
  received(): string {
    const { layers, keys } = this.item;
    const text = layers[0]?.received ?? "null";
    const key = keys.at(-1);
    return typeof key === "string" ? `{${JSON.stringify(key)}:${text}}` : text;
  }

  #known({ name, part }: NonNullable<Path["context"]>): string | undefined {
    const { keys } = this.item;
    if (name === "@key") {
      const key = part === null ? keys.at(-1) : keys[part];
      return key === undefined ? undefined : String(key);
    }
    const text = this.#context[name];
    return part === null ? text : text?.split("/")[part];
  }
}
