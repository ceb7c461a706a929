/** Values of a record as JSON text, to the letter, by path. The text is one that JSON.parse has read. */
import { fieldSpans, itemSpans } from "../lines/spans.ts";
import { isAllRead, type ReadParts, type Segment } from "../map/path.ts";

type Member = { readonly key: string; readonly from: number; readonly to: number };

export class JsonText {
  #text: string | (() => string);
  #members: ReadonlyMap<Segment, Member> | null = null;
  readonly #known = new Map<Segment, JsonText>();

  /** `text`: where it is a function, it is seldom needed. */
  constructor(text: string | (() => string)) {
    this.#text = text;
  }

  get text(): string {
    if (typeof this.#text !== "string") this.#text = this.#text();
    return this.#text;
  }

  /** Of a key that occurs twice the last one, as JSON.parse. */
  member(segment: Segment): JsonText | null {
    const known = this.#known.get(segment);
    if (known !== undefined) return known;
    const made = this.read(segment);
    if (made !== null) this.#known.set(segment, made);
    return made;
  }

  protected read(segment: Segment): JsonText | null {
    const member = this.#all().get(segment);
    return member === undefined ? null : new JsonText(this.text.slice(member.from, member.to));
  }

  at(segments: readonly Segment[]): string {
    let at: JsonText | null = this;
    for (const segment of segments) at = at?.member(segment) ?? null;
    return at?.text ?? "null";
  }

  /**
   * The text without the parts that were read; `value` is what it says. In an array, where a position counts, null has the place of
   * what was read.
   */
  without(value: unknown, parts: ReadParts): string {
    if (typeof value !== "object" || value === null) return this.text;
    const isArray = Array.isArray(value);
    const kept: string[] = [];
    for (const [segment, { key, from, to }] of this.#all()) {
      const below = parts.get(segment);
      const inner = (value as Readonly<Record<Segment, unknown>>)[segment];
      const before = isArray ? "" : `${key}:`;
      if (below === undefined) kept.push(before + this.text.slice(from, to));
      else if (!isAllRead(inner, below)) {
        kept.push(before + (this.member(segment)?.without(inner, below === true ? NOTHING : below) ?? "null"));
      } else if (isArray) kept.push("null");
    }
    return isArray ? `[${kept.join(",")}]` : `{${kept.join(",")}}`;
  }

  #all(): ReadonlyMap<Segment, Member> {
    if (this.#members !== null) return this.#members;
    const { text } = this;
    const members = new Map<Segment, Member>();
    if (/^\s*\[/.test(text)) {
      for (const [i, { from, to }] of itemSpans(text).entries()) members.set(i, { key: "", from, to });
    } else if (/^\s*\{/.test(text)) {
      for (const { keyFrom, keyTo, from, to } of fieldSpans(text)) {
        const key = text.slice(keyFrom - 1, keyTo + 1);
        members.set(key.includes("\\") ? String(JSON.parse(key)) : key.slice(1, -1), { key, from, to });
      }
    }
    this.#members = members;
    return members;
  }
}

const NOTHING: ReadParts = new Map();

/** An object of which the texts of the fields are known, or easily found. */
export class FieldTexts extends JsonText {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #textOf: (name: string) => string;

  /** `whole`: its text, where that is known too. */
  constructor(fields: Readonly<Record<string, unknown>>, textOf: (name: string) => string, whole?: () => string) {
    const joined = () =>
      `{${Object.keys(fields)
        .map((name) => `${JSON.stringify(name)}:${textOf(name)}`)
        .join(",")}}`;
    super(whole ?? joined);
    this.#fields = fields;
    this.#textOf = textOf;
  }

  protected override read(segment: Segment): JsonText | null {
    const name = String(segment);
    return Object.hasOwn(this.#fields, name) ? new JsonText(this.#textOf(name)) : null;
  }
}
