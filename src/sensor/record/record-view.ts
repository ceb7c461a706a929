/** One reading that may be, as the map's paths see it: what was taken out of texts, what is known beside it, and its layers. */
import type { RecordContext } from "../context.ts";
import { memberOf, type Path, type Segment, valueAt } from "../map/path.ts";
import { partsOf } from "../map/pattern.ts";
import type { Extraction } from "../map/record-shape.ts";
import type { Readable } from "../map/where.ts";
import type { RecordItem } from "./fan-out.ts";
import { JsonText } from "./json-text.ts";

/** `layer`: which of the layers has it, at `segments`; -1: none, it is not part of the record. */
export type FoundValue = {
  readonly value: unknown;
  readonly layer: number;
  readonly segments: readonly Segment[];
  /** Of a value within a text of JSON: as it is written there. */
  readonly json?: string;
};

export class RecordView implements Readable {
  readonly item: RecordItem;
  readonly #context: RecordContext;
  /** Taken out of texts, by name. */
  readonly extracted = new Map<string, string>();
  /** The fields whose text was taken apart. */
  readonly takenApart: FoundValue[] = [];

  /** Texts that a path leads into. */
  readonly #texts = new Map<string, ParsedText | null>();

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
    const { text, segments } = path;
    const extracted = this.extracted.size === 0 ? undefined : this.extracted.get(text);
    if (extracted !== undefined) return { value: extracted, layer: -1, segments: [] };
    if (path.context !== null) {
      const value = this.#known(path.context);
      if (value !== undefined) return { value, layer: -1, segments: [] };
    }
    const { layers } = this.item;
    for (let layer = 0; layer < layers.length; layer++) {
      const value = layers[layer]?.value;
      const whole = memberOf(value, text);
      if (whole !== undefined) return { value: whole, layer, segments: [text] };
      const inside = valueAt(value, segments);
      if (inside !== undefined) return { value: inside, layer, segments };
      const found = segments.length > 1 ? this.#withinText(value, segments) : null;
      if (found !== null) return found;
    }
    return null;
  }

  /** A path may lead into a text that is JSON, as in the columns of a table. The text stays where it is. */
  #withinText(value: unknown, segments: readonly Segment[]): FoundValue | null {
    let at = value;
    for (let i = 0; i < segments.length; i++) {
      if (typeof at === "string") {
        const rest = segments.slice(i);
        const inner = this.#parsed(at);
        const found = inner === null ? undefined : valueAt(inner.value, rest);
        return inner === null || found === undefined
          ? null
          : { value: found, layer: -1, segments: [], json: inner.json.at(rest) };
      }
      at = memberOf(at, segments[i] ?? "");
    }
    return null;
  }

  #parsed(text: string): ParsedText | null {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    // Only objects: they have quotes, and no template of a line reads a text with quotes as one that may be another.
    const parsed = /^\s*\{/.test(text) ? parsedText(text) : null;
    this.#texts.set(text, parsed);
    return parsed;
  }

  valueOf(path: Path): unknown {
    return this.find(path)?.value;
  }

  textAt(path: Path): string | null {
    const found = this.find(path);
    return found === null ? null : this.textOf(found);
  }

  /** The text of a value that has one: of a number, its digits as they were received. */
  textOf({ value, layer, segments, json }: FoundValue): string | null {
    if (typeof value === "string") return value;
    if (typeof value === "boolean") return String(value);
    if (typeof value !== "number") return null;
    return json ?? this.item.layers[layer]?.json.at(segments) ?? String(value);
  }

  /** The value as JSON text, to the letter. */
  jsonOf({ value, layer, segments, json }: FoundValue): string {
    return json ?? this.item.layers[layer]?.json.at(segments) ?? JSON.stringify(value);
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

type ParsedText = { readonly value: unknown; readonly json: JsonText };

/** Null where it is text like any other. */
function parsedText(text: string): ParsedText | null {
  try {
    const value: unknown = JSON.parse(text);
    return { value, json: new JsonText(text) };
  } catch {
    return null;
  }
}
