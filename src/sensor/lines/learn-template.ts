/** From a line that JSON.parse has read as a good reading to the template that later lines like it match. */
import { LOWER_F, LOWER_T, OPEN_BRACE, OPEN_BRACKET, QUOTE } from "../../core/ascii.ts";
import type { Field } from "../row/fields.ts";
import { type Normalizer, type Plan, receivedTimeKey } from "../row/normalize.ts";
import { type LineScan, plainEnd } from "./scan.ts";
import { fieldSpans } from "./spans.ts";
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
  // As Latin-1, a character is a byte.
  for (const { keyFrom, keyTo, from, to } of fieldSpans(line.toString("latin1"))) {
    const key = line.toString("utf8", keyFrom, keyTo);
    // A key that is a whole number would change its place in the object.
    if (key.includes("\\") || seen.has(key) || /^\d+$/.test(key)) return null;
    seen.add(key);
    const span = { line, from, to };
    const field = plan.fields.get(key);
    if (field === undefined) {
      before += `,${JSON.stringify(key)}:`;
      if (varies(span)) {
        gaps.push({ ...PLAIN, kind: "extra", from, to, before });
        before = "";
      } else before += line.toString("utf8", from, to);
    } else if (field.kind !== "identity" && (field.kind !== "drop" || varies(span))) {
      const gap = gapOf(field, span, normalizer);
      if (gap === null) return null;
      gaps.push(gap);
    }
  }
  if (gaps.length === 0) return null;
  const receivedTime = receivedTimeKey((name) => seen.has(name));
  return new LineTemplate(line, gaps, { sensor, plan, extraTail: before, receivedTime });
}

const PLAIN = { nullable: true, measure: -1, adjust: null, before: "", guarded: null } as const;

function gapOf(field: Exclude<Field, { kind: "identity" }>, span: Span, normalizer: Normalizer): Gap | null {
  const { line, from, to } = span;
  const { mapping, timestamps } = normalizer;
  const quoted = line[from] === QUOTE;
  const whole = { ...PLAIN, from, to };
  const inner = { ...PLAIN, from: from + 1, to: to - 1, nullable: false };
  const textual = quoted && (!mapping.textNumbers || !NUMBER.test(line.toString("latin1", from + 1, to - 1)));
  if (!varies(span) && field.kind !== "flag") return null;
  const { absent } = mapping;
  switch (field.kind) {
    case "measure": {
      const { index: measure, adjust } = field;
      if (!quoted) return { ...whole, kind: "measure", measure, adjust };
      const written = line.toString("latin1", from + 1, to - 1);
      const isKnown = !textual || (mapping.textNumbers && (written === "" || absent.has(written)));
      return isKnown ? { ...inner, kind: "measureText", measure, adjust } : null;
    }
    case "timestamp": {
      const { absentTimes } = normalizer;
      if (timestamps.textual && (quoted || !timestamps.numeric)) {
        if (!quoted) return null;
        return guarded({ ...inner, kind: "time" }, absentTimes.size > 0, (scan) => absentTimes.has(scan.time));
      }
      if (textual) return null;
      const gap = { ...(quoted ? inner : whole), kind: "timeNumber" } as const;
      return guarded(gap, absent.size > 0, (scan) => absent.has(scan.value));
    }
    case "status":
      if (quoted) return null;
      return guarded({ ...whole, kind: "status" }, absent.size > 0, (scan) => absent.has(scan.value));
    case "flag":
      return quoted || absent.has(0) || absent.has(1) ? null : { ...whole, kind: "flag" };
    case "type":
      return guarded({ ...whole, kind: "type" }, absent.size > 0, (scan) => absent.has(scan.anomalyType ?? ""));
    case "drop":
      return { ...whole, kind: "skip" };
  }
}

/** A gap whose values may mean "no value": only the slow path can report, or decide, what is missing then. */
function guarded(gap: Gap, isNeeded: boolean, isAbsent: (scan: LineScan) => boolean): Gap {
  return isNeeded ? { ...gap, kind: "guarded", guarded: { gap, isAbsent } } : gap;
}

/** A number, null or plain text: the scan can read it where lines differ. */
function varies({ line, from, to }: Span): boolean {
  const code = line[from];
  if (code === QUOTE) return plainEnd(line, from) === to;
  return code !== OPEN_BRACE && code !== OPEN_BRACKET && code !== LOWER_T && code !== LOWER_F;
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
