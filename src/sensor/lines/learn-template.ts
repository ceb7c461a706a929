/** From a line that JSON.parse has read as good readings to the template that later lines like it match. */
import { LOWER_F, LOWER_T, QUOTE } from "../../core/ascii.ts";
import type { Field } from "../row/fields.ts";
import type { Normalizer, Plan } from "../row/normalize.ts";
import { receivedTimeKey } from "../row/row-problem.ts";
import { extraParts } from "./extra-parts.ts";
import type { FieldSource } from "./provenance.ts";
import { type Gap, LineTemplate, type TemplateRow } from "./template.ts";
import type { ValueNode } from "./tree.ts";

/** One reading that a line became: its fields, in the order in which they were read. */
export type LearntRow = {
  readonly sensor: number;
  readonly plan: Plan;
  readonly fields: ReadonlyMap<string, FieldSource>;
};

/** What a template is learnt from. `line` is kept: it must be a copy. */
export type Learnt = {
  readonly line: Buffer;
  readonly rows: readonly LearntRow[];
  /** Of the values of the line, those that may be others in other lines, in its order. */
  readonly free: readonly ValueNode[];
  /** Whether they may be null there. */
  readonly isNullable: boolean;
};

/** Null where the line cannot be a model for others: it has values that need more than the scan can do. */
export function templateOf(learnt: Learnt, normalizer: Normalizer): LineTemplate | null {
  const { line, rows, free, isNullable } = learnt;
  const found = new Map<ValueNode, GapShape>();
  const fixed = new Set<ValueNode>();
  const mayVary = new Set(free);
  for (const { plan, fields } of rows) {
    if (normalizer.otherNames.isOpenIn(fields)) return null;
    for (const [name, source] of fields) {
      const field = plan.fields.get(name);
      if (field === undefined || field.kind === "drop") continue;
      if (field.kind === "identity") {
        for (const part of source) if (typeof part === "object") fixed.add(part);
        continue;
      }
      const node = onlyValue(source);
      if (node !== null && field.kind === "timestamp" && normalizer.mapping.time.orArrival && isNull(line, node)) {
        // A line with a time there is not like this one.
        fixed.add(node);
        continue;
      }
      const inUnit = inUnitOfRow(field, fields, line);
      for (const part of inUnit?.asked ?? []) if (typeof part === "object") fixed.add(part);
      const gap = node === null ? null : gapOf(inUnit?.field ?? field, { line, ...node }, normalizer);
      if (node === null || gap === null || !mayVary.has(node)) return null;
      const other = found.get(node);
      if (other !== undefined && !isSame(gap, other)) return null;
      found.set(node, { ...gap, nullable: gap.nullable && isNullable });
    }
  }
  for (const node of free) {
    if (fixed.has(node) && found.has(node)) return null;
    if (fixed.has(node) || found.has(node)) continue;
    found.set(node, { ...PLAIN, kind: "skip", from: node.from, to: node.to, nullable: isNullable });
  }
  if (found.size === 0) return null;
  const inOrder = [...found].sort(([a], [b]) => a.from - b.from);
  const gaps = inOrder.map(([, shape], index): Gap => ({ ...shape, index }));
  const indexOf = new Map(inOrder.map(([node], index) => [node, index]));
  const templateRows = rows.map((row) => rowOf(row, { line, gaps, indexOf }));
  return new LineTemplate(line, gaps, templateRows);
}

/** The same field, and what names its unit, where the row has that: it is the same in all rows of the template. */
function inUnitOfRow(
  field: Field,
  fields: LearntRow["fields"],
  line: Buffer,
): { readonly field: Exclude<Field, { kind: "identity" }>; readonly asked: FieldSource } | null {
  if (field.kind !== "measure" || field.adjustIn === null || field.reads.unitFrom === null) return null;
  const asked = fields.get(field.reads.unitFrom) ?? [];
  const texts = asked.map((part) => (typeof part === "string" ? part : line.toString("utf8", part.from, part.to)));
  const unit: unknown = asked.length === 0 ? null : JSON.parse(texts.join(""));
  const adjust = unit === null || typeof unit === "string" ? field.adjustIn(unit) : null;
  return adjust === null ? null : { field: { ...field, adjust, fast: "numbers" }, asked };
}

/** The one value that a field is; null where it is none, or more. */
function onlyValue(source: FieldSource): ValueNode | null {
  const [only] = source;
  return source.length === 1 && typeof only === "object" && only.parts === null ? only : null;
}

function isNull(line: Buffer, { from, to }: ValueNode): boolean {
  return line.toString("latin1", from, to) === "null";
}

type GapShape = Omit<Gap, "index">;
type Gaps = {
  readonly line: Buffer;
  readonly gaps: readonly Gap[];
  readonly indexOf: ReadonlyMap<ValueNode, number>;
};

function rowOf({ sensor, plan, fields }: LearntRow, { line, gaps, indexOf }: Gaps): TemplateRow {
  const at = { timestamp: -1, status: -1, flag: -1, type: -1 };
  const measures: number[] = [];
  const slots: number[] = [];
  const unknown: (string | ValueNode)[] = [];
  for (const [name, source] of fields) {
    const field = plan.fields.get(name);
    if (field === undefined) {
      unknown.push(`${unknown.length === 0 ? "{" : ","}${JSON.stringify(name)}:`, ...source);
      continue;
    }
    const node = onlyValue(source);
    const index = node === null ? -1 : (indexOf.get(node) ?? -1);
    if (field.kind === "measure") {
      measures.push(index);
      slots.push(plan.slots[field.index] ?? -1);
    } else if (field.kind !== "identity" && field.kind !== "drop" && field.kind !== "timePart") at[field.kind] = index;
  }
  const { timestamp: time, ...labels } = at;
  const receivedTime = receivedTimeKey((name) => fields.has(name));
  return {
    sensor,
    time,
    ...labels,
    measures: Int32Array.from(measures),
    slots: Int32Array.from(slots),
    extra: extraParts(line, gaps, unknown),
    receivedTime: unknown.length === 0 ? `{${receivedTime.slice(1)}` : receivedTime,
  };
}

const PLAIN = { nullable: true, adjust: null, isAbsent: null } as const;

/** One value of the line, with its quotes: `line[from, to)`. */
type Span = { readonly line: Buffer; readonly from: number; readonly to: number };

function gapOf(field: Exclude<Field, { kind: "identity" }>, span: Span, normalizer: Normalizer): GapShape | null {
  const { line, from, to } = span;
  const { mapping, timestamps } = normalizer;
  const quoted = line[from] === QUOTE;
  if (field.fast === "none") return null;
  const whole = { ...PLAIN, from, to };
  const inner = { ...PLAIN, from: from + 1, to: to - 1, nullable: false };
  const textual = quoted && (!mapping.textNumbers || !NUMBER.test(line.toString("latin1", from + 1, to - 1)));
  if (!quoted && field.kind !== "flag" && (line[from] === LOWER_T || line[from] === LOWER_F)) return null;
  const { absent } = mapping;
  const isAbsent = absent.size === 0 ? null : (value: number | string) => absent.has(value);
  switch (field.kind) {
    case "measure": {
      const { adjust } = field;
      if (!quoted) return { ...whole, kind: "measure", adjust };
      if (field.fast === "numbers") return null;
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

function isSame(a: GapShape, b: GapShape): boolean {
  return a.kind === b.kind && a.adjust === b.adjust && a.from === b.from;
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
