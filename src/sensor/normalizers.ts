/** The normalizers of one source: rows of JSON have values with types, rows of CSV have text only. Both read by the source's map. */
import type { WideJoin } from "./record/wide.ts";
import { Normalizer } from "./row/normalize.ts";

type NormalizerOptions = ConstructorParameters<typeof Normalizer>[0];

export class SourceNormalizers {
  readonly typed: Normalizer;
  readonly #options: NormalizerOptions;
  readonly #text = new Map<string | null, Normalizer>();

  constructor(options: NormalizerOptions) {
    this.#options = options;
    this.typed = new Normalizer(options);
  }

  /** Others for one stream alone, where records of a stream are joined; else these. */
  forStream(): SourceNormalizers {
    const { wide, names } = this.typed;
    if (wide === null) return this;
    return new SourceNormalizers({ ...this.#options, names: names === null ? null : { ofSource: () => names } });
  }

  /** Of those that join records, the one that has; null where the map joins none. A stream is read by one of them. */
  get wide(): WideJoin | null {
    const used = this.#text.values().find(({ wide }) => (wide?.sets ?? 0) > 0);
    return (used ?? this.typed).wide;
  }

  /** For rows of text: numbers are text. `decimal`: their mark, where it is not as the map says. */
  text(decimal: "." | "," | null): Normalizer {
    const known = this.#text.get(decimal);
    if (known !== undefined) return known;
    const { mapping, names } = this.typed;
    const made = new Normalizer({
      ...this.#options,
      mapping: { ...mapping, textNumbers: true, decimal: decimal ?? mapping.decimal },
      // Both are one source, whose names are counted once.
      names: names === null ? null : { ofSource: () => names },
    });
    this.#text.set(decimal, made);
    return made;
  }
}
