/** From a line that JSON.parse has read as good readings to the template that later lines like it match. */
import { LOWER_F, LOWER_T, OPEN_BRACE, OPEN_BRACKET, QUOTE } from "../../core/ascii.ts";
import type { Field } from "../row/fields.ts";
import { type Normalizer, type Plan, receivedTimeKey } from "../row/normalize.ts";
import { extraParts } from "./extra-parts.ts";
import { plainEnd } from "./scan.ts";
import { type Gap, LineTemplate, type TemplateRow } from "./template.ts";
import type { ValueNode } from "./tree.ts";

/** One reading that a line became: in the order in which they were read, its fields, each with its value's place in the line. */
export type LearntRow = {
  readonly sensor: number;
  readonly plan: Plan;
  readonly fields: ReadonlyMap<string, ValueNode>;
};

/** What a template is learnt from. `line` is kept: it must be a copy. */
export type Learnt = {
  readonly line: Buffer;
  readonly root: ValueNode;
  readonly rows: readonly LearntRow[];
  /** Values on which more depends than the field that they are: they stay as they are in this line. */
  readonly fixed: ReadonlySet<ValueNode>;
};

/** Null where the line cannot be a model for others: it has values that need more than the scan can do. */
export function templateOf(learnt: Learnt, normalizer: Normalizer): LineTemplate | null {
  const { line, root, rows } = learnt;
  const found = new Map<ValueNode, GapShape>();
  const fixed = new Set(learnt.fixed);
  for (const { plan, fields } of rows) {
    if (normalizer.otherNames.isOpenIn(fields)) return null;
    for (const [name, node] of fields) {
      const field = plan.fields.get(name);
      if (field === undefined || field.kind === "drop") continue;
      if (field.kind === "identity") {
        fixed.add(node);
        continue;
      }
      const gap = gapOf(field, { line, ...node }, normalizer);
      const other = found.get(node);
      if (gap === null || fixed.has(node) || (other !== undefined && !isSame(gap, other))) return null;
      found.set(node, gap);
    }
  }
  for (const node of leavesOf(root)) {
    if (fixed.has(node) && found.has(node)) return null;
    if (fixed.has(node) || found.has(node) || !varies({ line, ...node }, true)) continue;
    found.set(node, { ...PLAIN, kind: "skip", from: node.from, to: node.to });
  }
  if (found.size === 0) return null;
  const inOrder = [...found].sort(([a], [b]) => a.from - b.from);
  const gaps = inOrder.map(([, shape], index): Gap => ({ ...shape, index }));
  const indexOf = new Map(inOrder.map(([node], index) => [node, index]));
  const templateRows = rows.map((row) => rowOf(row, { line, gaps, indexOf }));
  return new LineTemplate(line, gaps, templateRows);
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
  const unknown: [name: string, node: ValueNode][] = [];
  for (const [name, node] of fields) {
    const field = plan.fields.get(name);
    if (field === undefined) {
      unknown.push([name, node]);
      continue;
    }
    const index = indexOf.get(node) ?? -1;
    if (field.kind === "measure") {
      measures.push(index);
      slots.push(plan.slots[field.index] ?? -1);
    } else if (field.kind !== "identity" && field.kind !== "drop") at[field.kind] = index;
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
  if (!varies(span, field.kind === "flag")) return null;
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
    case "drop":
      return null;
  }
}

function isSame(a: GapShape, b: GapShape): boolean {
  return a.kind === b.kind && a.adjust === b.adjust && a.from === b.from;
}

function* leavesOf(node: ValueNode): Generator<ValueNode> {
  if (node.parts === null) yield node;
  else for (const part of node.parts.values()) yield* leavesOf(part);
}

/** A number, null, plain text, or a boolean where one is read: the scan can read it where lines differ. */
function varies({ line, from, to }: Span, orBoolean: boolean): boolean {
  const code = line[from];
  if (code === QUOTE) return plainEnd(line, from) === to;
  return code !== OPEN_BRACE && code !== OPEN_BRACKET && (orBoolean || (code !== LOWER_T && code !== LOWER_F));
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
