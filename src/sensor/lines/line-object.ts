/**
 * A line of JSON as an object, with the text of each value as it was written: 2882429806056571124 and 1.10 are other
 * numbers after JSON.parse. Words that JSON does not have and programs print for a number (`nan`, `-inf`, `NaN`) are
 * understood, and everywhere else a line is what JSON.parse takes.
 */
import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACKET,
  QUOTE,
  SPACE,
  TAB,
} from "../../core/ascii.ts";
import type { ForeignRow } from "../row/normalize.ts";
import { NOT_FINITE, notFiniteOf } from "../row/not-finite.ts";
import { fieldSpans } from "./spans.ts";

export class LineObject {
  readonly row: ForeignRow;
  /** The line is not JSON: words in it stand for numbers that JSON does not have. In `row` they are these numbers. */
  readonly hasWords: boolean;
  /** The line, with such words in quotes. */
  readonly #json: Buffer;
  #texts: ReadonlyMap<string, string> | null = null;

  constructor(row: ForeignRow, json: Buffer, hasWords: boolean) {
    this.row = row;
    this.hasWords = hasWords;
    this.#json = json;
  }

  /** The value of a field as JSON text; of a key that occurs twice, the last one, as JSON.parse. */
  textOf(name: string): string {
    this.#texts ??= textsOf(this.#json);
    return this.#texts.get(name) ?? "null";
  }
}

/** `bytes` are those of `text`. What is not an object is returned as it is. Throws the error of JSON.parse. */
export function readLine(text: string, bytes: Buffer): LineObject | unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? new LineObject(value, bytes, false) : value;
  } catch (error) {
    const quoted = withWordsQuoted(text);
    if (quoted === null) throw error;
    const value: unknown = JSON.parse(quoted);
    return isObject(value) ? new LineObject(withNumbers(value, bytes), Buffer.from(quoted), true) : value;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textsOf(json: Buffer): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { keyFrom, keyTo, from, to } of fieldSpans(json)) {
    texts.set(keyOf(json, keyFrom, keyTo), json.toString("utf8", from, to));
  }
  return texts;
}

function keyOf(line: Buffer, from: number, to: number): string {
  const key = line.toString("utf8", from, to);
  return key.includes("\\") ? String(JSON.parse(`"${key}"`)) : key;
}

/** The object of the line with its words in quotes; those that are the value of a field become numbers again. */
function withNumbers(row: Record<string, unknown>, line: Buffer): ForeignRow {
  const numbers = new Map<string, number | null>();
  for (const { keyFrom, keyTo, from, to } of fieldSpans(line)) {
    // A text in quotes is no such word.
    numbers.set(keyOf(line, keyFrom, keyTo), notFiniteOf(line.toString("utf8", from, to)));
  }
  for (const [name, number] of numbers) if (number !== null) row[name] = number;
  return row;
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
  while (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB) at++;
  return at;
}
