/**
 * Where in a line each field of its readings came from. Instead of asking every step of a map, the line is shaped once more with a mark
 * in place of each value: a field whose text is a mark is that value, and one whose text has marks in it is made of these values.
 * This is right where shaping does not look at the values themselves; those that a map asks for (`asked`) are not marked.
 */
import { QUOTE } from "../../core/ascii.ts";
import type { Segment } from "../map/path.ts";
import type { ForeignRow } from "../row/foreign-row.ts";
import { keyOf } from "./line-object.ts";
import { canVary } from "./scan.ts";
import { type ValueNode, valueTree } from "./tree.ts";

/** A row that a record became, before it is read. */
export type ShapedRow = { readonly row: ForeignRow; readonly textOf: (name: string) => string };
/** The rows of the record that a JSON text is; null where it is not a good record. */
export type Shape = (text: string) => readonly ShapedRow[] | null;

/** What a field is made of: JSON text, and values of the line as they are there. */
export type FieldSource = readonly (string | ValueNode)[];

export type Provenance = {
  readonly rows: readonly (ShapedRow & { readonly fields: ReadonlyMap<string, FieldSource> })[];
  /** Of the values of the line, those that may be others in other lines, in its order. */
  readonly free: readonly ValueNode[];
  /** Whether they may be null there. */
  readonly isNullable: boolean;
};

/** So many digits are in no line by chance. With the number of a value behind it, it is an integer that a double holds. */
const MARK = "8046527190";
const MARKS_MOST = 99_999;
const MARKED = new RegExp(`"?${MARK}(\\d{5})"?`, "g");

/** Null where it cannot be known. `asked`: paths from any object in the line. */
export function provenanceOf(line: Buffer, asked: readonly (readonly Segment[])[], shape: Shape): Provenance | null {
  const marked = MarkedLine.of(line, asked);
  const rows = shape(line.toString("utf8"));
  const markedRows = marked === null ? null : shape(marked.text);
  if (marked === null || rows === null || markedRows === null || rows.length !== markedRows.length) return null;
  const withFields: Provenance["rows"][number][] = [];
  for (const [i, shaped] of rows.entries()) {
    const fields = fieldsOf(marked, shaped, markedRows[i]);
    if (fields === null) return null;
    withFields.push({ ...shaped, fields });
  }
  return { rows: withFields, free: marked.leaves, isNullable: haveSameNames(rows, shape(marked.textOfNulls)) };
}

/** The same where the line is a flat row: every field is a value of it. */
export function flatProvenance(
  line: Buffer,
  row: ForeignRow,
): { readonly fields: ReadonlyMap<string, FieldSource>; readonly free: readonly ValueNode[] } | null {
  const root = treeOf(line);
  if (root === null) return null;
  const fields = new Map<string, FieldSource>();
  for (const name of Object.keys(row)) {
    const node = root.parts?.get(name);
    if (node === undefined) return null;
    fields.set(name, [node]);
  }
  return { fields, free: freeOf(line, root, () => false) };
}

function treeOf(line: Buffer): ValueNode | null {
  return valueTree(line.toString("latin1"), (from, to) => keyOf(line.toString("utf8", from, to)));
}

/** The values that can be others. `isLeftOut`: of a value and of all in it, by its path. */
function freeOf(line: Buffer, root: ValueNode, isLeftOut: (path: readonly string[]) => boolean): ValueNode[] {
  const free: ValueNode[] = [];
  const walk = (node: ValueNode, path: readonly string[]): void => {
    if (isLeftOut(path)) return;
    if (node.parts === null && canVary(line, node)) free.push(node);
    for (const [key, part] of node.parts ?? []) walk(part, [...path, key]);
  };
  walk(root, []);
  return free;
}

function fieldsOf(
  marked: MarkedLine,
  { row, textOf }: ShapedRow,
  other: ShapedRow | undefined,
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

function haveSameNames(rows: readonly ShapedRow[], others: readonly ShapedRow[] | null): boolean {
  if (others === null || others.length !== rows.length) return false;
  return rows.every(({ row }, i) => isSameList(Object.keys(row), Object.keys(others[i]?.row ?? {})));
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}

/** A line, and the same one with marks. */
class MarkedLine {
  readonly text: string;
  /** The values that have marks, in the order of the line. */
  readonly leaves: readonly ValueNode[];
  readonly #line: Buffer;
  readonly #root: ValueNode;
  readonly #marks: ReadonlyMap<ValueNode, string>;
  readonly #parents = new Map<ValueNode, ValueNode>();

  static of(line: Buffer, asked: readonly (readonly Segment[])[]): MarkedLine | null {
    if (line.includes(MARK)) return null;
    const root = treeOf(line);
    if (root === null) return null;
    const marked = new MarkedLine(line, root, asked);
    return marked.leaves.length > MARKS_MOST ? null : marked;
  }

  private constructor(line: Buffer, root: ValueNode, asked: readonly (readonly Segment[])[]) {
    this.#line = line;
    this.#root = root;
    const leaves = freeOf(line, root, (path) => asked.some((segments) => endsWith(path, segments)));
    this.leaves = leaves;
    this.#addParents(root);
    this.#marks = new Map(leaves.map((leaf, i) => [leaf, markOf(line, leaf, i)]));
    this.text = this.#between(root, (leaf) => this.#marks.get(leaf) ?? "");
  }

  #addParents(node: ValueNode): void {
    for (const part of node.parts?.values() ?? []) {
      this.#parents.set(part, node);
      this.#addParents(part);
    }
  }

  get textOfNulls(): string {
    return this.#between(this.#root, () => "null");
  }

  /** Of a field that is `marked` in the marked line and `real` in the other. Null where the one does not follow from the other. */
  sourceOf(marked: string, real: string): FieldSource | null {
    const source: (string | ValueNode)[] = [];
    let at = 0;
    for (const { 0: mark, 1: number, index } of marked.matchAll(MARKED)) {
      const leaf = this.leaves[Number(number)];
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
    let node = source.find((part) => typeof part === "object");
    while (node !== undefined) {
      const text = this.#between(node, (leaf) => this.#marks.get(leaf) ?? "");
      if (text.length > marked.length) return null;
      if (text === marked) return node;
      node = this.#parents.get(node);
    }
    return null;
  }

  /** The text of a value with others in place of the leaves. */
  #between({ from, to }: ValueNode, textOf: (leaf: ValueNode) => string): string {
    const line = this.#line;
    let text = "";
    let at = from;
    for (let i = firstFrom(this.leaves, from); i < this.leaves.length; i++) {
      const leaf = this.leaves[i];
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

function markOf(line: Buffer, { from }: ValueNode, index: number): string {
  const mark = MARK + String(index).padStart(5, "0");
  return line[from] === QUOTE ? `"${mark}"` : mark;
}
