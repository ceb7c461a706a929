/**
 * Unknown fields of a reading, as parts of the line that they came from: a run of neighbours is one part, which is cut out of a
 * later line as it is, whatever changed in it.
 */
import { COMMA } from "../../core/ascii.ts";
import type { ExtraPart, Gap, Place } from "./template.ts";
import type { ValueNode } from "./tree.ts";

/** A part of the learnt line, or text. */
type Piece = string | { readonly from: number; to: number };

/** JSON text of an object, without its closing brace; empty where no field is unknown. */
export function extraParts(
  line: Buffer,
  gaps: readonly Gap[],
  unknown: readonly (readonly [name: string, node: ValueNode])[],
): ExtraPart[] {
  const pieces: Piece[] = [];
  for (const [name, { from, to }] of unknown) {
    const key = `${JSON.stringify(name)}:`;
    const comma = pieces.length === 0 ? "{" : ",";
    const last = pieces.at(-1);
    const keyFrom = from - Buffer.byteLength(key);
    // What is just before a value in a line can only be its key: no gap is there.
    if (keyFrom < 0 || line.toString("utf8", keyFrom, from) !== key) pieces.push(comma + key, { from, to });
    else if (typeof last === "object" && last.to === keyFrom - 1 && line[last.to] === COMMA) last.to = to;
    else pieces.push(comma, { from: keyFrom, to });
  }
  const parts: ExtraPart[] = [];
  for (const piece of pieces) {
    const part = typeof piece === "string" ? piece : partOf(piece, gaps, line);
    const last = parts.at(-1);
    if (typeof part === "string" && typeof last === "string") parts[parts.length - 1] = last + part;
    else parts.push(part);
  }
  return parts;
}

/** As text where nothing in it can change. */
function partOf({ from, to }: Exclude<Piece, string>, gaps: readonly Gap[], line: Buffer): ExtraPart {
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
