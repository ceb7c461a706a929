/** Where the keys and values of an object, or the items of an array, are in its text, without reading them. */
import {
  BACKSLASH,
  CARRIAGE_RETURN,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  LINE_FEED,
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

/** The fields of an object, in their order; `text` is one that JSON.parse has read, or would but for bare words in it. */
export function fieldSpans(text: string): FieldSpan[] {
  const spans: FieldSpan[] = [];
  let at = skipBlanks(text, skipBlanks(text, 0) + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const keyEnd = textEnd(text, at);
    const from = skipBlanks(text, skipBlanks(text, keyEnd) + 1);
    const to = valueEnd(text, from);
    spans.push({ keyFrom: at + 1, keyTo: keyEnd - 1, from, to });
    at = skipBlanks(text, to);
    if (text.charCodeAt(at) === COMMA) at = skipBlanks(text, at + 1);
  }
  return spans;
}

/** The items of an array, in their order, as the fields of an object. */
export function itemSpans(text: string): Pick<FieldSpan, "from" | "to">[] {
  const spans: Pick<FieldSpan, "from" | "to">[] = [];
  let from = skipBlanks(text, skipBlanks(text, 0) + 1);
  while (from < text.length && text.charCodeAt(from) !== CLOSE_BRACKET) {
    const to = valueEnd(text, from);
    spans.push({ from, to });
    const next = skipBlanks(text, to);
    if (text.charCodeAt(next) !== COMMA) break;
    from = skipBlanks(text, next + 1);
  }
  return spans;
}

/** The first position from `from` on that is not a blank. */
export function skipBlanks(text: string, from: number): number {
  let at = from;
  while (isBlank(text.charCodeAt(at))) at++;
  return at;
}

/** The position after the closing quote. */
export function textEnd(text: string, from: number): number {
  let at = text.indexOf('"', from + 1);
  while (at >= 0 && isEscaped(text, at)) at = text.indexOf('"', at + 1);
  return at < 0 ? text.length : at + 1;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === BACKSLASH) first--;
  return (at - first) % 2 === 1;
}

/** The position after the value that begins at `from`. */
export function valueEnd(text: string, from: number): number {
  if (text.charCodeAt(from) === QUOTE) return textEnd(text, from);
  let depth = 0;
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = textEnd(text, at) - 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth--;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (code === COMMA || isBlank(code))) return at;
  }
  return at;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB || code === LINE_FEED || code === CARRIAGE_RETURN;
}
