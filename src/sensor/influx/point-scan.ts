/** The pieces of a line of line protocol, read from its start to its end. */
import { shortened } from "../row/row-problem.ts";

/** The line is not line protocol; the message says what was expected, and what is there. */
export class LineProtocolError extends Error {
  override readonly name = "LineProtocolError";
}

const NUMBER = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const WORD = /[A-Za-z]+/y;
const INTEGER = /-?\d{1,30}/y;
const TRUE = new Set(["t", "T", "true", "True", "TRUE"]);
const FALSE = new Set(["f", "F", "false", "False", "FALSE"]);

export class PointScan {
  readonly #line: string;
  #at = 0;

  constructor(line: string) {
    this.#line = line;
  }

  /** A measurement, a name or the value of a tag, up to one of `ends`; a backslash before a separator makes it a part of the text. */
  name(ends: string): string {
    const line = this.#line;
    const from = this.#at;
    let text = "";
    let done = from;
    let at = from;
    for (; at < line.length && !ends.includes(line.charAt(at)); at++) {
      if (line.charAt(at) !== "\\" || !",= \\".includes(line.charAt(at + 1)) || at + 1 === line.length) continue;
      text += line.slice(done, at) + line.charAt(at + 1);
      at++;
      done = at + 1;
    }
    this.#at = at;
    if (at === from) this.#fail("a name");
    return text + line.slice(done, at);
  }

  takes(sign: string): boolean {
    if (this.#line.charAt(this.#at) !== sign) return false;
    this.#at++;
    return true;
  }

  expect(sign: string, what: string): void {
    if (!this.takes(sign)) this.#fail(what);
  }

  blanks(next: string): void {
    if (!this.takes(" ")) this.#fail(`a blank and then ${next}`);
    while (this.takes(" "));
  }

  /** The value of a field; `text` is its JSON. */
  value(): { readonly value: unknown; readonly text: string } {
    if (this.#line.charAt(this.#at) === '"') return this.#text();
    const word = this.#match(WORD);
    if (word !== null) {
      if (!TRUE.has(word) && !FALSE.has(word)) this.#fail("a number, a text in quotes, true or false", word.length);
      return { value: TRUE.has(word), text: String(TRUE.has(word)) };
    }
    const number = this.#match(NUMBER);
    if (number === null) return this.#fail("a number, a text in quotes, true or false");
    // 1i and 1u are integers: their digits are exact however many they are.
    const next = this.#line.charAt(this.#at);
    if ((next === "i" || next === "u") && /^[+-]?\d+$/.test(number)) this.#at++;
    return { value: Number(number), text: jsonNumber(number) };
  }

  /** The rest of the line: an integer, or nothing. */
  timestamp(): string | null {
    while (this.takes(" "));
    if (this.#at === this.#line.length) return null;
    const digits = this.#match(INTEGER);
    while (this.takes(" "));
    if (digits === null || this.#at < this.#line.length)
      this.#fail("an integer as the timestamp, and the end of the line");
    return digits;
  }

  #text(): { readonly value: string; readonly text: string } {
    const line = this.#line;
    const from = this.#at + 1;
    let value = "";
    let done = from;
    for (let at = from; at < line.length; at++) {
      const sign = line.charAt(at);
      if (sign === '"') {
        this.#at = at + 1;
        value += line.slice(done, at);
        return { value, text: JSON.stringify(value) };
      }
      if (sign !== "\\" || !'"\\'.includes(line.charAt(at + 1)) || at + 1 === line.length) continue;
      value += line.slice(done, at) + line.charAt(at + 1);
      at++;
      done = at + 1;
    }
    return this.#fail("a closing quote");
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#line)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  #fail(expected: string, back = 0): never {
    const at = this.#at - back;
    const rest = this.#line.slice(at);
    const there = rest === "" ? "the line ends" : `there is ${JSON.stringify(shortened(rest))}`;
    throw new LineProtocolError(
      `the line is not line protocol: ${expected} was expected at character ${at + 1}, ${there}`,
    );
  }
}

/** `+1`, `.5`, `1.` and `007` are numbers, and no JSON. */
function jsonNumber(text: string): string {
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) ? text : String(Number(text));
}
