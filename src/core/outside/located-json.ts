/**
 * JSON that remembers where everything was, so that a wrong value in a file is shown at its line and column. The
 * grammar is RFC 8259 to the letter, and a key that comes twice is an error: the second would silently win.
 */
export type JsonNode =
  | { readonly kind: "object"; readonly at: number; readonly entries: readonly JsonEntry[] }
  | { readonly kind: "array"; readonly at: number; readonly items: readonly JsonNode[] }
  | { readonly kind: "text"; readonly at: number; readonly value: string }
  | { readonly kind: "number"; readonly at: number; readonly value: number }
  | { readonly kind: "boolean"; readonly at: number; readonly value: boolean }
  | { readonly kind: "null"; readonly at: number };
export type JsonEntry = { readonly key: string; readonly keyAt: number; readonly value: JsonNode };

/** `at` is an offset in UTF-16 units; see `LinePlaces`. */
export class JsonSyntaxError extends Error {
  override readonly name = "JsonSyntaxError";
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** Deeper than any file of ours needs, and shallow enough for the stack. */
const MAX_DEPTH = 64;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** A run of characters that mean themselves in a string. */
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** Throws JsonSyntaxError at the first character that cannot be. */
export function parseLocatedJson(text: string): JsonNode {
  return new Parser(text).document();
}

/** The sorted, space-free text of a value of JSON: the same for every way to write it down. `without`: keys of its own. */
export function canonicalJson(value: unknown, without?: ReadonlySet<string>): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries: string[] = [];
  // A JSON object has values of JSON.
  const fields = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(value).sort()) {
    if (without?.has(key) !== true) entries.push(`${JSON.stringify(key)}:${canonicalJson(fields[key])}`);
  }
  return `{${entries.join(",")}}`;
}

/** The value as `JSON.parse` gives it. */
export function plainJson(node: JsonNode): unknown {
  switch (node.kind) {
    case "object":
      // A key such as `__proto__` becomes a key like any other.
      return Object.fromEntries(node.entries.map(({ key, value }) => [key, plainJson(value)]));
    case "array":
      return node.items.map(plainJson);
    case "null":
      return null;
    default:
      return node.value;
  }
}

/** Where in the source the character `index` of a text value is: escapes are longer than their characters. */
export function sourceOffsetInText(source: string, textAt: number, index: number): number {
  let at = textAt + 1;
  for (let i = 0; i < index && source[at] !== '"'; i++) {
    at += source[at] !== "\\" ? 1 : source[at + 1] === "u" ? 6 : 2;
  }
  return at;
}

/** Offsets as people count: lines and columns from 1, a column being a UTF-16 unit as in most editors. */
export class LinePlaces {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#starts.push(at + 1);
  }

  place(offset: number): { readonly line: number; readonly column: number } {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - this.#starts[low]! + 1 };
  }
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    // A byte order mark is not JSON, but editors write it and people do not see it.
    if (text.charCodeAt(0) === 0xfeff) this.#at = 1;
  }

  document(): JsonNode {
    const node = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) this.#fail(`expected the end of the file, not ${this.#found()}`);
    return node;
  }

  #value(depth: number): JsonNode {
    this.#space();
    const at = this.#at;
    if (depth > MAX_DEPTH) this.#fail(`nested deeper than ${MAX_DEPTH} levels`);
    switch (this.#text[at]) {
      case "{":
        return { kind: "object", at, entries: this.#entries(depth) };
      case "[":
        return { kind: "array", at, items: this.#items(depth) };
      case '"':
        return { kind: "text", at, value: this.#string() };
      case "t":
        return this.#word("true", { kind: "boolean", at, value: true });
      case "f":
        return this.#word("false", { kind: "boolean", at, value: false });
      case "n":
        return this.#word("null", { kind: "null", at });
      default:
        return { kind: "number", at, value: this.#number() };
    }
  }

  #entries(depth: number): JsonEntry[] {
    const entries: JsonEntry[] = [];
    const seen = new Set<string>();
    this.#at++;
    this.#space();
    if (this.#take("}")) return entries;
    for (;;) {
      this.#space();
      const keyAt = this.#at;
      if (this.#text[keyAt] !== '"') this.#fail(`expected a key in double quotes, not ${this.#found()}`);
      const key = this.#string();
      if (seen.has(key)) this.#fail(`the key ${JSON.stringify(key)} comes twice`, keyAt);
      seen.add(key);
      this.#space();
      if (!this.#take(":")) this.#fail(`expected ":" behind the key ${JSON.stringify(key)}, not ${this.#found()}`);
      entries.push({ key, keyAt, value: this.#value(depth + 1) });
      if (this.#closed("}")) return entries;
    }
  }

  #items(depth: number): JsonNode[] {
    const items: JsonNode[] = [];
    this.#at++;
    this.#space();
    if (this.#take("]")) return items;
    for (;;) {
      items.push(this.#value(depth + 1));
      if (this.#closed("]")) return items;
    }
  }

  /** Behind an entry: true at the closing bracket, false at a comma with something behind it. */
  #closed(bracket: "}" | "]"): boolean {
    this.#space();
    if (this.#take(bracket)) return true;
    const comma = this.#at;
    if (!this.#take(",")) this.#fail(`expected "," or "${bracket}", not ${this.#found()}`);
    if (bracket === "}") this.#refuseDecimalComma(comma);
    this.#space();
    if (this.#text[this.#at] === bracket) this.#fail(`JSON allows no comma before "${bracket}"`, comma);
    return false;
  }

  /** `"max": 60,5`: behind the comma of an object is a key, never a digit. */
  #refuseDecimalComma(comma: number): void {
    const before = /[0-9]+$/.exec(this.#text.slice(Math.max(0, comma - 20), comma))?.[0];
    const behind = /^[0-9]+/.exec(this.#text.slice(comma + 1, comma + 21))?.[0];
    if (before === undefined || behind === undefined) return;
    this.#fail(`a decimal number has a point, not a comma: write ${before}.${behind}`, comma);
  }

  #string(): string {
    const start = this.#at++;
    let value = "";
    for (;;) {
      PLAIN.lastIndex = this.#at;
      const run = PLAIN.exec(this.#text)?.[0] ?? "";
      value += run;
      this.#at += run.length;
      if (this.#take('"')) return value;
      if (this.#at >= this.#text.length) this.#fail("a text that begins here never ends", start);
      if (this.#text[this.#at] !== "\\") this.#fail("a line break or control character in a text must be escaped");
      value += this.#escape();
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? "";
    if (letter === "u") {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.#fail("expected four hexadecimal digits behind \\u");
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const meant = ESCAPES[letter];
    if (meant === undefined) this.#fail(`JSON has no escape \\${letter}`);
    this.#at += 2;
    return meant;
  }

  #number(): number {
    NUMBER.lastIndex = this.#at;
    const digits = NUMBER.exec(this.#text)?.[0];
    if (digits === undefined) this.#fail(`expected a value, not ${this.#found()}`);
    const value = Number(digits);
    if (!Number.isFinite(value)) this.#fail(`the number ${digits.slice(0, 40)} is too large`);
    const behind = this.#text[this.#at + digits.length] ?? "";
    if (/[0-9.eE+\-\w]/.test(behind)) this.#fail(`this is not a JSON number: ${this.#word80()}`);
    this.#at += digits.length;
    return value;
  }

  #word(word: string, node: JsonNode): JsonNode {
    if (this.#word80() !== word) this.#fail(`expected a value, not ${this.#found()}`);
    this.#at += word.length;
    return node;
  }

  #word80(): string {
    return /^[\w.+-]*/.exec(this.#text.slice(this.#at, this.#at + 80))?.[0] ?? "";
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.#at++;
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #found(): string {
    if (this.#at >= this.#text.length) return "the end of the file";
    if (this.#text.startsWith("//", this.#at) || this.#text.startsWith("/*", this.#at)) {
      return "a comment: JSON has none";
    }
    const word = this.#word80();
    return word !== "" ? `"${word}"` : JSON.stringify(String.fromCodePoint(this.#text.codePointAt(this.#at)!));
  }

  #fail(message: string, at = this.#at): never {
    throw new JsonSyntaxError(message, at);
  }
}
