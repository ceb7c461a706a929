/** Which kind of gap a value of a line leaves in a template. */
import { LOWER_F, LOWER_T, QUOTE } from "../../core/ascii.ts";
import { conversionOf } from "../../core/units.ts";
import type { Gap } from "../lines/template.ts";
import { adjustment } from "../row/field-table.ts";
import type { Field } from "../row/fields.ts";
import type { ForeignRow } from "../row/foreign-row.ts";
import type { Normalizer } from "../row/normalize.ts";

export type GapShape = Omit<Gap, "index">;
/** A field of the row that a record became. */
export type MadeField = {
  readonly name: string;
  readonly row: ForeignRow;
  readonly unitOf: (name: string) => string | undefined;
};

export const PLAIN = { nullable: true, adjust: null, isAbsent: null } as const;

/** One value of the line, with its quotes: `line[from, to)`. */
export type LineSpan = { readonly line: Buffer; readonly from: number; readonly to: number };

/** How the scan reads values such as this one for a field; null: only the slow path can. */
export function gapOf(
  field: Exclude<Field, { kind: "identity" }>,
  span: LineSpan,
  made: MadeField,
  normalizer: Normalizer,
): GapShape | null {
  const { line, from, to } = span;
  const { mapping, timestamps } = normalizer;
  const quoted = line[from] === QUOTE;
  const adjust = adjustOf(field, made);
  if (adjust === undefined) return null;
  const whole = { ...PLAIN, from, to };
  const inner = { ...PLAIN, from: from + 1, to: to - 1, nullable: false };
  const textual = quoted && (!mapping.textNumbers || !NUMBER.test(line.toString("latin1", from + 1, to - 1)));
  if (!quoted && field.kind !== "flag" && (line[from] === LOWER_T || line[from] === LOWER_F)) return null;
  const { absent } = mapping;
  const isAbsent = absent.size === 0 ? null : (value: number | string) => absent.has(value);
  switch (field.kind) {
    case "measure": {
      if (!quoted) return { ...whole, kind: "measure", adjust };
      if (field.fast !== "all" || adjust !== field.adjust) return null;
      const written = line.toString("latin1", from + 1, to - 1);
      const isKnown = !textual || (mapping.textNumbers && (written === "" || absent.has(written)));
      return isKnown ? { ...inner, kind: "measureText", adjust } : null;
    }
    case "timestamp": {
      const { absentTimes } = normalizer;
      if (timestamps.textual && (quoted || !timestamps.numeric)) {
        if (!quoted) return null;
        const isAbsentTime = absentTimes.size === 0 ? null : (ms: number | string) => absentTimes.has(Number(ms));
        return { ...inner, kind: "time", isAbsent: isAbsentTime };
      }
      const isRead = !textual && !(quoted && field.fast === "numbers");
      return isRead ? { ...(quoted ? inner : whole), kind: "timeNumber", isAbsent } : null;
    }
    case "status":
      return quoted ? null : { ...whole, kind: "status", isAbsent };
    case "flag":
      return quoted || absent.has(0) || absent.has(1) ? null : { ...whole, kind: "flag" };
    case "type":
      return { ...whole, kind: "type", isAbsent };
    // Only the slow path joins the parts of a time.
    case "timePart":
    case "drop":
      return null;
  }
}

/**
 * How the numbers of a field become ours, where the row or the record names their unit: in all lines that have the same name there.
 * Undefined where it is more than that.
 */
function adjustOf(field: Field, { name, row, unitOf }: MadeField): Gap["adjust"] | undefined {
  const { reads } = field;
  if (field.kind !== "measure") return field.fast === "none" ? undefined : null;
  const given = reads.linear === null ? unitOf(name) : undefined;
  const isGiven = given !== undefined && given.trim() !== "";
  if (!isGiven && reads.unitFrom === null) return field.fast === "none" ? undefined : field.adjust;
  if (isGiven) {
    const linear = reads.words === null && !field.isScaled ? conversionOf(given, field.unit) : null;
    return linear === null ? undefined : adjustment(linear, reads.absent);
  }
  const named = row[reads.unitFrom ?? ""] ?? null;
  return named === null || typeof named === "string" ? (field.adjustIn?.(named) ?? undefined) : undefined;
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
