/** From a line that JSON.parse has read as a good reading to the template that later lines like it match. */
import {
  BACKSLASH,
  CARRIAGE_RETURN,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  LOWER_F,
  LOWER_T,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SPACE,
  TAB,
} from "../../core/ascii.ts";
import type { Field } from "../row/fields.ts";
import type { Normalizer, Plan } from "../row/normalize.ts";
import { plainEnd } from "./scan.ts";
import { type Gap, LineTemplate } from "./template.ts";

/** One value of the line, with its quotes: `line[from, to)`. */
type Span = { readonly line: Buffer; readonly from: number; readonly to: number };

/**
 * Null where the line cannot be a model for others: a key that occurs twice or has escapes, values that need more than the
 * scan can do. `line` is kept: it must be a copy.
 */
export function templateOf(line: Buffer, sensor: number, plan: Plan, normalizer: Normalizer): LineTemplate | null {
  const seen = new Set<string>();
  const gaps: Gap[] = [];
  let before = "";
  let at = skipBlanks(line, skipBlanks(line, 0) + 1);
  while (line[at] === QUOTE) {
    const keyEnd = textEnd(line, at);
    const key = line.toString("utf8", at + 1, keyEnd - 1);
    // A key that is a whole number would change its place in the object.
    if (key.includes("\\") || seen.has(key) || /^\d+$/.test(key)) return null;
    seen.add(key);
    const from = skipBlanks(line, skipBlanks(line, keyEnd) + 1);
    const to = valueEnd(line, from);
    const span = { line, from, to };
    const field = plan.fields.get(key);
    if (field === undefined) {
      before += `,${JSON.stringify(key)}:`;
      if (varies(span)) {
        gaps.push({ kind: "extra", from, to, nullable: true, measure: -1, adjust: null, before });
        before = "";
      } else before += JSON.stringify(JSON.parse(line.toString("utf8", from, to)));
    } else if (field.kind !== "identity" && (field.kind !== "drop" || varies(span))) {
      const gap = gapOf(field, span, normalizer);
      if (gap === null) return null;
      gaps.push(gap);
    }
    at = skipBlanks(line, to);
    if (line[at] === COMMA) at = skipBlanks(line, at + 1);
  }
  return gaps.length === 0 ? null : new LineTemplate(line, gaps, { sensor, plan, extraTail: before });
}

function gapOf(field: Exclude<Field, { kind: "identity" }>, span: Span, normalizer: Normalizer): Gap | null {
  const { line, from, to } = span;
  const { mapping, timestamps } = normalizer;
  const quoted = line[from] === QUOTE;
  const whole = { from, to, nullable: true, measure: -1, adjust: null, before: "" };
  const inner = { from: from + 1, to: to - 1, nullable: false, measure: -1, adjust: null, before: "" };
  const textual = quoted && (!mapping.textNumbers || !NUMBER.test(line.toString("latin1", from + 1, to - 1)));
  if (!varies(span) && field.kind !== "flag") return null;
  switch (field.kind) {
    case "measure":
      return textual
        ? null
        : { ...(quoted ? inner : whole), kind: "measure", measure: field.index, adjust: field.adjust };
    case "timestamp":
      if (!timestamps.numeric) return quoted ? { ...inner, kind: "time" } : null;
      return textual ? null : { ...(quoted ? inner : whole), kind: "timeNumber" };
    // Mappings that name absent values are too rare here to need the fast path.
    case "status":
      return quoted || mapping.absent.size > 0 ? null : { ...whole, kind: "status" };
    case "flag":
      return quoted ? null : { ...whole, kind: "flag" };
    case "type":
      return mapping.absent.size > 0 ? null : { ...whole, kind: "type" };
    case "drop":
      return { ...whole, kind: "skip" };
  }
}

/** A number, null or plain text: the scan can read it where lines differ. */
function varies({ line, from, to }: Span): boolean {
  const code = line[from];
  if (code === QUOTE) return plainEnd(line, from) === to;
  return code !== OPEN_BRACE && code !== OPEN_BRACKET && code !== LOWER_T && code !== LOWER_F;
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

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
    } else if (depth === 0 && (code === COMMA || isBlank(code))) return at;
  }
  return at;
}

function isBlank(code: number | undefined): boolean {
  return code === SPACE || code === TAB || code === CARRIAGE_RETURN;
}
