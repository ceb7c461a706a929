/** One level of a record: the record itself, or what `each` makes a reading of. What holds readings is in none of its layers. */

import { isAllRead, markRead, type ReadParts, type Segment } from "../map/path.ts";
import { JsonText } from "./json-text.ts";

type Members = Readonly<Record<Segment, unknown>>;

export class Layer {
  value: unknown;
  #whole: JsonText | (() => JsonText);
  #left: JsonText | null = null;
  #received: (() => JsonText) | null = null;
  /** What is in readings of its own. */
  readonly #containers: ReadParts = new Map();

  /** `json`: its text, which is not needed for every reading. */
  constructor(value: unknown, json: () => JsonText) {
    this.value = value;
    this.#whole = json;
  }

  /** As it was received; of a value that is no object, not in one. */
  get received(): string {
    return (this.#received?.() ?? this.whole).text;
  }

  /** With all that is in readings of its own. */
  get whole(): JsonText {
    if (!(this.#whole instanceof JsonText)) this.#whole = this.#whole();
    return this.#whole;
  }

  /** The text of `value`. */
  get json(): JsonText {
    return this.#left ?? this.whole;
  }

  /** A value that is neither an object nor an array has a field `value`. */
  static of(value: unknown, json: () => JsonText): Layer {
    if (typeof value === "object" && value !== null) return new Layer(value, json);
    const layer = new Layer({ value }, () => new JsonText(`{"value":${layer.received}}`));
    layer.#received = json;
    return layer;
  }

  contains(segments: readonly Segment[]): void {
    markRead(this.#containers, segments);
  }

  /** Called when all is known that is in readings of its own: from now on the layer is without. */
  leaveOut(): void {
    const containers = this.#containers;
    if (containers.size === 0) return;
    const { whole, value } = this;
    this.#left = new JsonText(whole.without(value, containers));
    this.value = without(value, containers);
    containers.clear();
  }
}

/** Only where text was not enough: the value again, without these parts. */
function without(value: unknown, parts: ReadParts): unknown {
  if (typeof value !== "object" || value === null) return value;
  const members = value as Members;
  if (Array.isArray(value)) {
    return value.map((item, i) => {
      const below = parts.get(i);
      if (below === undefined) return item;
      return isAllRead(item, below) || below === true ? null : without(item, below);
    });
  }
  const kept: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(value)) {
    const below = parts.get(name);
    if (below === undefined) kept[name] = members[name];
    else if (!isAllRead(members[name], below) && below !== true) kept[name] = without(members[name], below);
  }
  return kept;
}
