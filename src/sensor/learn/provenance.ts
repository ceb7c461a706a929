/**
 * Where in a line each field of its readings came from. Instead of asking every step of a map, the line is shaped once more with a mark
 * in place of each value: a field whose text is a mark is that value, and one whose text has marks in it is made of these values.
 * This is right where shaping does not look at the values themselves; those that a map asks for (`asked`) are not marked.
 */
import { LOWER_N, QUOTE } from "../../core/ascii.ts";
import { keyOf } from "../lines/line-object.ts";
import { canVary } from "../lines/scan.ts";
import type { Segment } from "../map/path.ts";
import type { ForeignRow } from "../row/foreign-row.ts";
import type { AskedValues } from "./asked.ts";
import { type ValueNode, valueTree } from "./tree.ts";

/** A row that a record became, before it is read. */
export type MadeRow = {
  readonly row: ForeignRow;
  readonly textOf: (name: string) => string;
  readonly unitOf: (name: string) => string | undefined;
};
export type MadeRows = { readonly rows: readonly MadeRow[]; readonly filtered: number };
/** The rows of the record that a JSON text is; null where it is not a good record. */
export type Shape = (text: string) => MadeRows | null;

/** What a field is made of: JSON text, and values of the line as they are there. */
export type FieldSource = readonly (string | ValueNode)[];

export type Provenance = {
  readonly rows: readonly (MadeRow & { readonly fields: ReadonlyMap<string, FieldSource> })[];
  readonly filtered: number;
  /** Of the values of the line, those that may be others in other lines, in its order. */
  readonly free: readonly ValueNode[];
  /** Of these, those that must not be null there. */
  readonly present: ReadonlySet<ValueNode>;
  /** The one time of a pack of SenML: a number that is no time relative to now. */
  readonly packTime: ValueNode | null;
};

/** So many digits are in no line by chance. With the number of a value behind it, it is an integer that a double holds. */
const MARK = "8046527190";
const MARKS_MOST = 99_999;
const MARKED = new RegExp(`"?${MARK}(\\d{5})"?`, "g");

/** Null where it cannot be known. */
export function provenanceOf(line: Buffer, asked: AskedValues, shape: Shape): Provenance | null {
  const marked = asked.isKnown ? MarkedLine.of(line, asked) : null;
  if (marked === null) return null;
  const made = shape(line.toString("utf8"));
  const other = shape(marked.text);
  if (made === null || other === null || made.rows.length !== other.rows.length || made.filtered !== other.filtered) {
    return null;
  }
  const rows: Provenance["rows"][number][] = [];
  for (const [i, row] of made.rows.entries()) {
    const fields = fieldsOf(marked, row, other.rows[i]);
    if (fields === null) return null;
    rows.push({ ...row, fields });
  }
  return { rows, filtered: made.filtered, ...marked.varying };
}

/** The same where the line is a flat row: every field is a value of it. */
export function flatProvenance(line: Buffer, asked: AskedValues, row: ForeignRow): Provenance | null {
  const root = treeOf(line);
  if (root === null) return null;
  const fields = new Map<string, FieldSource>();
  for (const name of Object.keys(row)) {
    const node = root.parts?.get(name);
    if (node === undefined) return null;
    fields.set(name, [node]);
  }
  const made = { row, fields, textOf: () => "null", unitOf: () => undefined };
  return { rows: [made], filtered: 0, ...freeOf(line, root, asked) };
}

function treeOf(line: Buffer): ValueNode | null {
  return valueTree(line.toString("latin1"), (from, to) => keyOf(line.toString("utf8", from, to)));
}

type Varying = Pick<Provenance, "free" | "present" | "packTime">;

function freeOf(line: Buffer, root: ValueNode, asked: AskedValues): Varying {
  const free: ValueNode[] = [];
  const present = new Set<ValueNode>();
  let packTime: ValueNode | null = null;
  const times = asked.isSenml ? timesOf(root) : 0;
  const walk = (node: ValueNode, path: readonly string[]): void => {
    // An item of an array that is neither an object nor an array has the name `value`.
    const names = node.parts === null ? [path, [...path, "value"]] : [path];
    const isAmong = (all: AskedValues["values"]): boolean =>
      all.some((segments) => names.some((each) => endsWith(each, segments)));
    if (isAmong(asked.values)) return;
    const packKey = asked.isSenml && path.length === 2 ? (path[1] ?? "") : "";
    if (isAskedBySenml(packKey, times)) return;
    if (packKey === "bt" || packKey === "t") packTime = node;
    for (const [key, part] of node.parts ?? []) walk(part, [...path, key]);
    if (node.parts !== null || !canVary(line, node)) return;
    const isPresence = isAmong(asked.presences);
    if (isPresence && line[node.from] === LOWER_N) return;
    if (isPresence) present.add(node);
    free.push(node);
  };
  walk(root, []);
  return { free, present, packTime };
}

function fieldsOf(
  marked: MarkedLine,
  { row, textOf }: MadeRow,
  other: MadeRow | undefined,
): ReadonlyMap<string, FieldSource> | null {
  const names = Object.keys(row);
  if (other === undefined || !isSameList(names, Object.keys(other.row))) return null;
  const fields = new Map<string, FieldSource>();
  for (const name of names) {
    const source = marked.sourceOf(other.textOf(name), textOf(name));
    if (source === null) return null;
    // A value that was converted is not the one in the line.
    const [only] = source;
    if (source.length === 1 && typeof only === "object" && only.parts === null) {
      if (other.row[name] !== JSON.parse(other.textOf(name))) return null;
    }
    fields.set(name, source);
  }
  return fields;
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}

/** A line, and the same one with marks. */
class MarkedLine {
  readonly text: string;
  /** `free` has marks. */
  readonly varying: Varying;
  readonly #line: Buffer;
  readonly #marks: ReadonlyMap<ValueNode, string>;
  readonly #parents = new Map<ValueNode, ValueNode>();

  static of(line: Buffer, asked: AskedValues): MarkedLine | null {
    if (line.includes(MARK)) return null;
    const root = treeOf(line);
    if (root === null) return null;
    const marked = new MarkedLine(line, root, asked);
    return marked.varying.free.length > MARKS_MOST ? null : marked;
  }

  private constructor(line: Buffer, root: ValueNode, asked: AskedValues) {
    this.varying = freeOf(line, root, asked);
    const { free } = this.varying;
    this.#line = line;
    this.#addParents(root);
    this.#marks = new Map(free.map((leaf, i) => [leaf, markOf(line, leaf, i)]));
    this.text = this.#between(root, (leaf) => this.#marks.get(leaf) ?? "");
  }

  #addParents(node: ValueNode): void {
    for (const part of node.parts?.values() ?? []) {
      this.#parents.set(part, node);
      this.#addParents(part);
    }
  }

  /** Of a field that is `marked` in the marked line and `real` in the other. Null where the one does not follow from the other. */
  sourceOf(marked: string, real: string): FieldSource | null {
    const source: (string | ValueNode)[] = [];
    let at = 0;
    for (const { 0: mark, 1: number, index } of marked.matchAll(MARKED)) {
      const leaf = this.varying.free[Number(number)];
      // Only a part of a text was taken.
      if (leaf === undefined || this.#marks.get(leaf) !== mark) return null;
      if (index > at) source.push(marked.slice(at, index));
      source.push(leaf);
      at = index + mark.length;
    }
    if (at < marked.length) source.push(marked.slice(at));
    const line = this.#line;
    const again = source.map((part) => (typeof part === "string" ? part : line.toString("utf8", part.from, part.to)));
    if (again.join("") !== real) return null;
    const whole = this.#wholeOf(source, marked);
    return whole === null ? source : [whole];
  }

  /** The object or array of the line that the text is. */
  #wholeOf(source: FieldSource, marked: string): ValueNode | null {
    const { free } = this.varying;
    const leaves = source.filter((part) => typeof part === "object");
    let [node] = leaves;
    while (node !== undefined) {
      const count = firstFrom(free, node.to) - firstFrom(free, node.from);
      if (count > leaves.length) return null;
      if (count === leaves.length && this.#between(node, (leaf) => this.#marks.get(leaf) ?? "") === marked) return node;
      node = this.#parents.get(node);
    }
    return null;
  }

  /** The text of a value with others in place of the leaves. */
  #between({ from, to }: ValueNode, textOf: (leaf: ValueNode) => string): string {
    const line = this.#line;
    let text = "";
    let at = from;
    const { free } = this.varying;
    for (let i = firstFrom(free, from); i < free.length; i++) {
      const leaf = free[i];
      if (leaf === undefined || leaf.to > to) break;
      text += line.toString("utf8", at, leaf.from) + textOf(leaf);
      at = leaf.to;
    }
    return text + line.toString("utf8", at, to);
  }
}

/** The first leaf that does not begin before this position. */
function firstFrom(leaves: readonly ValueNode[], position: number): number {
  let least = 0;
  let most = leaves.length;
  while (least < most) {
    const middle = (least + most) >> 1;
    if ((leaves[middle]?.from ?? 0) < position) least = middle + 1;
    else most = middle;
  }
  return least;
}

function endsWith(path: readonly string[], segments: readonly Segment[]): boolean {
  const before = path.length - segments.length;
  return segments.length > 0 && before >= 0 && segments.every((segment, i) => path[before + i] === String(segment));
}

/** In a pack of SenML, all but values: what an entry says of them, and of others, is not theirs alone. */
function isAskedBySenml(key: string, times: number): boolean {
  const isTime = key === "bt" || key === "t";
  return isTime ? times !== 1 : /^(?:bn|bu|bv|bs|bver|n|u|s|ut|.*_)$/.test(key);
}

/** How many times a pack of SenML has: of several, it matters whether they are the same. */
function timesOf(pack: ValueNode): number {
  const entries = pack.parts?.values().toArray() ?? [];
  return entries.reduce(
    (sum, { parts }) => sum + Number(parts?.has("bt") === true) + Number(parts?.has("t") === true),
    0,
  );
}

function markOf(line: Buffer, { from }: ValueNode, index: number): string {
  const mark = MARK + String(index).padStart(5, "0");
  return line[from] === QUOTE ? `"${mark}"` : mark;
}
