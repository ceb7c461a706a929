/** From a line that JSON.parse has read as good readings to the template that later lines like it match. */

import { type Gap, LineTemplate, type TemplateRow } from "../lines/template.ts";
import { ABSOLUTE_SINCE } from "../record/senml.ts";
import type { Field } from "../row/fields.ts";
import type { Normalizer, Plan } from "../row/normalize.ts";
import { receivedTimeKey } from "../row/row-problem.ts";
import { extraParts } from "./extra-parts.ts";
import { type GapShape, gapOf, PLAIN } from "./gap-kinds.ts";
import type { FieldSource, Provenance } from "./provenance.ts";
import type { ValueNode } from "./tree.ts";

/** One reading that a line became: its fields, in the order in which they were read. */
export type LearntRow = Provenance["rows"][number] & {
  readonly sensor: number;
  readonly plan: Plan;
  /** The value of a measure, by its slot. */
  readonly measured: (slot: number) => number;
};

/** What a template is learnt from. `line` is kept: it must be a copy. */
export type Learnt = Omit<Provenance, "rows"> & { readonly line: Buffer; readonly rows: readonly LearntRow[] };

/** Null where the line cannot be a model for others: it has values that need more than the scan can do. */
export function templateOf(learnt: Learnt, normalizer: Normalizer): LineTemplate | null {
  const { line, rows, filtered } = learnt;
  const found = gapsOf(learnt, normalizer);
  if (found === null || found.size === 0) return null;
  const inOrder = [...found].sort(([a], [b]) => a.from - b.from);
  const gaps = inOrder.map(([, shape], index): Gap => ({ ...shape, index }));
  const indexOf = new Map(inOrder.map(([node], index) => [node, index]));
  const templateRows: TemplateRow[] = [];
  for (const row of rows) {
    const made = rowOf(row, { line, gaps, indexOf, normalizer });
    if (made === null) return null;
    templateRows.push(made);
  }
  return new LineTemplate(line, gaps, { rows: templateRows, filtered });
}

/** What may be other in other lines, by the value. */
function gapsOf(learnt: Learnt, normalizer: Normalizer): Map<ValueNode, GapShape> | null {
  const { line, rows, free, present, packTime } = learnt;
  const found = new Map<ValueNode, GapShape>();
  const fixed = new Set<ValueNode>();
  for (const { plan, fields, row, unitOf } of rows) {
    if (normalizer.otherNames.isOpenIn(fields)) return null;
    for (const [name, source] of fields) {
      const field = plan.fields.get(name);
      if (field === undefined || field.kind === "drop") continue;
      if (field.kind === "identity") {
        for (const part of source) if (typeof part === "object") fixed.add(part);
        continue;
      }
      if (isFixed(source)) continue;
      const node = onlyValue(source);
      if (node !== null && isArrivalOf(field, node, { line, normalizer })) {
        // A line with a time there is not like this one.
        fixed.add(node);
        continue;
      }
      const gap = node === null ? null : gapOf(field, { line, ...node }, { name, row, unitOf }, normalizer);
      if (node === null || gap === null) return null;
      const other = found.get(node);
      if (other !== undefined && !(gap.kind === other.kind && gap.adjust === other.adjust)) return null;
      found.set(node, { ...gap, nullable: gap.nullable && !present.has(node) });
    }
  }
  if (packTime !== null) {
    const gap = packTimeGap(found.get(packTime), normalizer);
    if (gap === null) return null;
    found.set(packTime, gap);
  }
  const isFree = new Set(free);
  if ([...found.keys()].some((node) => fixed.has(node) || !isFree.has(node))) return null;
  for (const node of free) {
    const { from, to } = node;
    if (!fixed.has(node) && !found.has(node))
      found.set(node, { ...PLAIN, kind: "skip", from, to, nullable: !present.has(node) });
  }
  return found;
}

/** A pack's time is written again with six decimals, and relative to now where it is small (senml.ts): such ones do not match. */
function packTimeGap(gap: GapShape | undefined, { timestamps }: Normalizer): GapShape | null {
  if (gap?.kind !== "timeNumber") return null;
  const { isAbsent } = gap;
  return {
    ...gap,
    isAbsent: (value) => isAbsent?.(value) === true || Number(value) < ABSOLUTE_SINCE || timestamps.note !== 0,
  };
}

/** Whether a timestamp is null, and the reading has the time of its arrival. */
function isArrivalOf(
  field: Field,
  node: ValueNode | null,
  { line, normalizer }: { readonly line: Buffer; readonly normalizer: Normalizer },
): boolean {
  if (field.kind !== "timestamp" || node === null || !normalizer.mapping.time.orArrival) return false;
  return line.toString("latin1", node.from, node.to) === "null";
}

/** Whether a field is the same in all lines. */
function isFixed(source: FieldSource): boolean {
  return source.every((part) => typeof part === "string");
}

/** The one value that a field is; null where it is none, or more. */
function onlyValue(source: FieldSource): ValueNode | null {
  const [only] = source;
  return source.length === 1 && typeof only === "object" && only.parts === null ? only : null;
}

type Gaps = {
  readonly line: Buffer;
  readonly gaps: readonly Gap[];
  readonly indexOf: ReadonlyMap<ValueNode, number>;
  readonly normalizer: Normalizer;
};

function rowOf(learnt: LearntRow, { line, gaps, indexOf, normalizer }: Gaps): TemplateRow | null {
  const { sensor, plan, fields, measured } = learnt;
  const at = { timestamp: -1, status: -1, flag: -1, type: -1 };
  const measures: (readonly [gap: number, slot: number])[] = [];
  const fixed: (readonly [slot: number, value: number])[] = [];
  const unknown: (string | ValueNode)[] = [];
  for (const [name, source] of fields) {
    const field = plan.fields.get(name);
    if (field === undefined) {
      unknown.push(`${unknown.length === 0 ? "{" : ","}${JSON.stringify(name)}:`, ...source);
      continue;
    }
    if (field.kind === "identity" || field.kind === "drop") continue;
    const node = onlyValue(source);
    const index = node === null ? -1 : (indexOf.get(node) ?? -1);
    const slot = field.kind === "measure" ? (plan.slots[field.index] ?? -1) : -1;
    if (field.kind !== "measure") {
      // The label of a value that the map asks for would have to be known here.
      if (field.kind === "timePart" || (index < 0 && !isArrivalOf(field, node, { line, normalizer }))) return null;
      at[field.kind] = index;
    } else if (index >= 0) measures.push([index, slot]);
    else fixed.push([slot, measured(slot)]);
  }
  if (at.timestamp < 0 && !normalizer.mapping.time.orArrival) return null;
  const receivedTime = receivedTimeKey((name) => fields.has(name));
  return {
    sensor,
    time: at.timestamp,
    status: at.status,
    flag: at.flag,
    type: at.type,
    measures: Int32Array.from(measures, ([gap]) => gap),
    slots: Int32Array.from(measures, ([, slot]) => slot),
    fixed,
    extra: extraParts(line, gaps, unknown),
    receivedTime: unknown.length === 0 ? `{${receivedTime.slice(1)}` : receivedTime,
  };
}
