/** Where the keys and values of an object are in its text, without reading them. */
import {
  BACKSLASH,
  CARRIAGE_RETURN,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SPACE,
  TAB,
} from "../../core/ascii.ts";

/** A field of an object: its key without the quotes, its value with them. */
export type FieldSpan = {
  readonly keyFrom: number;
  readonly keyTo: number;
  readonly from: number;
  readonly to: number;
};

/** The fields of an object, in their order; `line` is one that JSON.parse has read, or would but for bare words in it. */
export function fieldSpans(line: Buffer): FieldSpan[] {
  const spans: FieldSpan[] = [];
  let at = skipBlanks(line, skipBlanks(line, 0) + 1);
  while (line[at] === QUOTE) {
    const keyEnd = textEnd(line, at);
    const from = skipBlanks(line, skipBlanks(line, keyEnd) + 1);
    const to = valueEnd(line, from);
    spans.push({ keyFrom: at + 1, keyTo: keyEnd - 1, from, to });
    at = skipBlanks(line, to);
    if (line[at] === COMMA) at = skipBlanks(line, at + 1);
  }
  return spans;
}

/** The first position from `from` on that is not a blank. */
function skipBlanks(line: Buffer, from: number): number {
  let at = from;
  while (isBlank(line[at])) at++;
  return at;
}

/** The position after the closing quote. */
function textEnd(line: Buffer, from: number): number {
  let at = from + 1;
  while (at < line.length && line[at] !== QUOTE) at += line[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

function valueEnd(line: Buffer, from: number): number {
  if (line[from] === QUOTE) return textEnd(line, from);
  let depth = 0;
  let at = from;
  for (; at < line.length; at++) {
    const code = line[at];
    if (code === QUOTE) at = textEnd(line, at) - 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (code === COMMA || isBlank(code))) return at;
  }
  return at;
}

function isBlank(code: number | undefined): boolean {
  return code === SPACE || code === TAB || code === CARRIAGE_RETURN;
}
