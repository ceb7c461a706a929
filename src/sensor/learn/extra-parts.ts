/**
 * Unknown fields of a reading, as parts of the line that they came from: a run of neighbours is one part, which is cut out of a
 * later line as it is, whatever changed in it.
 */
import type { ExtraPart, Gap, Place } from "../lines/template.ts";

type Span = { readonly from: number; readonly to: number };

/** `pieces`: text, and values of the line. */
export function extraParts(line: Buffer, gaps: readonly Gap[], pieces: readonly (string | Span)[]): ExtraPart[] {
  const merged: (string | Span)[] = [];
  let between = "";
  for (const piece of pieces) {
    if (typeof piece === "string") {
      between += piece;
      continue;
    }
    const last = merged.at(-1);
    const { to } = piece;
    if (typeof last === "object" && isBetween(line, gaps, { from: last.to, to: piece.from, text: between })) {
      merged[merged.length - 1] = { from: last.from, to };
    } else merged.push(between, piece);
    between = "";
  }
  const parts: ExtraPart[] = [];
  for (const piece of [...merged, between]) {
    const part = typeof piece === "string" ? piece : partOf(piece, gaps, line);
    const last = parts.at(-1);
    if (typeof part === "string" && typeof last === "string") parts[parts.length - 1] = last + part;
    else if (part !== "") parts.push(part);
  }
  return parts;
}

/** Whether all lines have this text there. */
function isBetween(line: Buffer, gaps: readonly Gap[], { from, to, text }: Span & { readonly text: string }): boolean {
  const isFixed = from <= to && placeOf(from, gaps).gap === placeOf(to, gaps).gap;
  return isFixed && to - from < 4 * text.length + 1 && line.toString("utf8", from, to) === text;
}

/** As text where nothing in it can change. */
function partOf({ from, to }: Span, gaps: readonly Gap[], line: Buffer): ExtraPart {
  const first = placeOf(from, gaps);
  const last = placeOf(to, gaps);
  return first.gap === last.gap ? line.toString("utf8", from, to) : { from: first, to: last };
}

/** The last gap before a position, and how far it is from there. */
function placeOf(position: number, gaps: readonly Gap[]): Place {
  let least = 0;
  let most = gaps.length;
  while (least < most) {
    const middle = (least + most) >> 1;
    if ((gaps[middle]?.to ?? 0) <= position) least = middle + 1;
    else most = middle;
  }
  return { gap: least - 1, after: position - (gaps[least - 1]?.to ?? 0) };
}
