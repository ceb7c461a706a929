/**
 * A line of JSON as an object, with the text of each value as it was written: 2882429806056571124 and 1.10 are other
 * numbers after JSON.parse. Words that JSON does not have and programs print for a number (`nan`, `-inf`, `NaN`) are
 * understood, and everywhere else a line is what JSON.parse takes.
 */
import {
  BACKSLASH,
  CARRIAGE_RETURN,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  LINE_FEED,
  OPEN_BRACKET,
  QUOTE,
  SPACE,
  TAB,
} from "../../core/ascii.ts";
import type { ForeignRow } from "../row/foreign-row.ts";
import { NOT_FINITE, notFiniteOf } from "../row/not-finite.ts";
import { type FieldSpan, fieldSpans, itemSpans } from "./spans.ts";

export class LineObject {
  readonly row: ForeignRow;
  /** The line is not JSON: words in it are numbers that JSON does not have. In `row` they are these numbers. */
  readonly hasWords: boolean;
  /** The line, with such words in quotes. */
  readonly json: string;
  #spans: readonly FieldSpan[] | null = null;
  /** By name, where keys are not what they look like. */
  #texts: ReadonlyMap<string, string> | null = null;
  /** The span after the one that was found last: fields are asked for in their order. */
  #next = 0;

  constructor(row: ForeignRow, json: string, hasWords: boolean) {
    this.row = row;
    this.hasWords = hasWords;
    this.json = json;
  }

  /** The value of a field as JSON text; of a key that occurs twice, the last one, as JSON.parse. */
  textOf(name: string): string {
    if (this.#spans === null) this.#spans = this.#look();
    if (this.#texts !== null) return this.#texts.get(name) ?? "null";
    const spans = this.#spans;
    for (let i = 0; i < spans.length; i++) {
      const at = (this.#next + i) % spans.length;
      const { keyFrom, keyTo, from, to } = spans[at]!;
      if (keyTo - keyFrom !== name.length || !this.json.startsWith(name, keyFrom)) continue;
      this.#next = at + 1;
      return this.json.slice(from, to);
    }
    return "null";
  }

  /** A map of all fields costs four times as much as the rest: only keys with escapes, and keys that occur twice, need it. */
  #look(): readonly FieldSpan[] {
    const json = this.json;
    const spans = fieldSpans(json);
    const isPlain = ({ keyFrom, keyTo }: FieldSpan): boolean => !json.slice(keyFrom, keyTo).includes("\\");
    const arePlain = !json.includes("\\") || spans.every(isPlain);
    if (!arePlain || Object.keys(this.row).length !== spans.length) this.#texts = textsOf(json, spans);
    return spans;
  }
}

/** A line that is no object: an array, text, a number. */
export class LineValue {
  readonly value: unknown;
  /** The line, with words in quotes that JSON does not have. */
  readonly json: string;

  constructor(value: unknown, json: string) {
    this.value = value;
    this.json = json;
  }
}

/** Throws the error of JSON.parse. */
export function readLine(text: string): LineObject | LineValue {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? new LineObject(value, text, false) : new LineValue(value, text);
  } catch (error) {
    const quoted = withWordsQuoted(text);
    if (quoted === null) throw error;
    const value = withNumbers(JSON.parse(quoted), text);
    return isObject(value) ? new LineObject(value, quoted, true) : new LineValue(value, quoted);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textsOf(json: string, spans: readonly FieldSpan[]): ReadonlyMap<string, string> {
  return new Map(
    spans.map(({ keyFrom, keyTo, from, to }) => [keyOf(json.slice(keyFrom, keyTo)), json.slice(from, to)]),
  );
}

/** `key` as it is written between its quotes. */
export function keyOf(key: string): string {
  return key.includes("\\") ? String(JSON.parse(`"${key}"`)) : key;
}

/** The value of the line with its words in quotes; those that are a value become numbers again, but not a text that was in quotes. */
function withNumbers(value: unknown, line: string): unknown {
  if (Array.isArray(value)) {
    const spans = itemSpans(line);
    return value.map((item, i) => numberAgain(item, line.slice(spans[i]?.from, spans[i]?.to)));
  }
  if (!isObject(value)) return value;
  // Of a key that occurs twice, the last value counts.
  const texts = new Map<string, string>();
  for (const { keyFrom, keyTo, from, to } of fieldSpans(line)) {
    texts.set(keyOf(line.slice(keyFrom, keyTo)), line.slice(from, to));
  }
  for (const [name, text] of texts) {
    const read = numberAgain(value[name], text);
    if (read !== value[name])
      Object.defineProperty(value, name, { value: read, enumerable: true, configurable: true, writable: true });
  }
  return value;
}

function numberAgain(value: unknown, text: string): unknown {
  return typeof value === "string" ? (notFiniteOf(text) ?? value) : withNumbers(value, text);
}

/** Null where there is no such word. */
function withWordsQuoted(text: string): string | null {
  let quoted = "";
  let done = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      for (at++; at < text.length && text.charCodeAt(at) !== QUOTE; at++) if (text.charCodeAt(at) === BACKSLASH) at++;
      continue;
    }
    if (code !== COLON && code !== COMMA && code !== OPEN_BRACKET) continue;
    const from = skipBlanks(text, at + 1);
    NOT_FINITE.lastIndex = from;
    const word = NOT_FINITE.exec(text)?.[0];
    if (word === undefined || !endsValue(text, from + word.length)) continue;
    quoted += `${text.slice(done, from)}"${word}"`;
    done = from + word.length;
    at = done - 1;
  }
  return done === 0 ? null : quoted + text.slice(done);
}

/** Otherwise the word is a key, or the beginning of another word. */
function endsValue(text: string, from: number): boolean {
  const code = text.charCodeAt(skipBlanks(text, from));
  return code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  for (; ; at++) {
    const code = text.charCodeAt(at);
    if (code !== SPACE && code !== TAB && code !== LINE_FEED && code !== CARRIAGE_RETURN) return at;
  }
}
