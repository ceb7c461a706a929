/** Where every value of a line is, at any depth, without reading it. */
import { CLOSE_BRACE, CLOSE_BRACKET, COMMA, OPEN_BRACE, OPEN_BRACKET } from "../../core/ascii.ts";
import { skipBlanks, textEnd, valueEnd } from "../lines/spans.ts";

/** A value in the text of a line, `[from, to)`, with what is in it. */
export type ValueNode = {
  readonly from: number;
  readonly to: number;
  /** Of an object by key, of an array by index as text; null: neither object nor array. */
  readonly parts: ReadonlyMap<string, ValueNode> | null;
};

/** Deeper ones are rare, and a line that nests deeper is read all the same, only not by a template. */
const DEPTH_MOST = 32;

/**
 * `text` is one that JSON.parse has read, as Latin-1: a character is a byte. `keyOf`: the key between two positions. Null where a key
 * occurs twice in an object, or the nesting is too deep.
 */
export function valueTree(text: string, keyOf: (from: number, to: number) => string): ValueNode | null {
  return nodeAt({ text, keyOf, depth: DEPTH_MOST }, skipBlanks(text, 0));
}

type Reading = {
  readonly text: string;
  readonly keyOf: (from: number, to: number) => string;
  readonly depth: number;
};

function nodeAt(reading: Reading, from: number): ValueNode | null {
  const { text } = reading;
  const code = text.charCodeAt(from);
  if (code !== OPEN_BRACE && code !== OPEN_BRACKET) return { from, to: valueEnd(text, from), parts: null };
  if (reading.depth === 0) return null;
  const inner = { ...reading, depth: reading.depth - 1 };
  const parts = new Map<string, ValueNode>();
  let at = skipBlanks(text, from + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACE && text.charCodeAt(at) !== CLOSE_BRACKET) {
    let key = String(parts.size);
    if (code === OPEN_BRACE) {
      const keyEnd = textEnd(text, at);
      key = reading.keyOf(at + 1, keyEnd - 1);
      at = skipBlanks(text, skipBlanks(text, keyEnd) + 1);
    }
    const node = nodeAt(inner, at);
    if (node === null || parts.has(key)) return null;
    parts.set(key, node);
    at = skipBlanks(text, node.to);
    if (text.charCodeAt(at) === COMMA) at = skipBlanks(text, at + 1);
  }
  return { from, to: at + 1, parts };
}
