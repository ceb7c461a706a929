/** Where the cursor is in a text of JSON, half written as it may be. */
import { ensureSyntaxTree, syntaxTree } from "@codemirror/language";
import type { EditorState } from "@codemirror/state";
import type { JsonPath } from "./schema.ts";

export type TreeNode = ReturnType<ReturnType<typeof syntaxTree>["resolveInner"]>;

/** The parser works in the background; a person who asks waits for it a moment. */
const PARSE_MS = 200;

export function nodeAt(state: EditorState, pos: number, side: -1 | 1): TreeNode {
  return (ensureSyntaxTree(state, state.doc.length, PARSE_MS) ?? syntaxTree(state)).resolveInner(pos, side);
}

/**
 * `key`: a key of the object at `path` is being written. `value`: the value at `path`. `from` and `to`: what a completion replaces,
 * quotes included.
 */
export type CodePlace = {
  readonly is: "key" | "value";
  readonly path: JsonPath;
  readonly from: number;
  readonly to: number;
  /** The object around a key. */
  readonly object: TreeNode | null;
};

export function placeAt(state: EditorState, pos: number): CodePlace | null {
  const node = nodeAt(state, pos, -1);
  const isInside =
    node.from < pos &&
    (pos < node.to || !state.sliceDoc(node.from, node.to).endsWith('"') || node.to - node.from === 1);
  if (node.name === "PropertyName" && isInside) {
    const object = node.parent?.parent ?? null;
    return { is: "key", path: object === null ? [] : pathOf(state, object), from: node.from, to: node.to, object };
  }
  if (node.name === "String" && isInside) {
    return { is: "value", path: pathOf(state, node), from: node.from, to: node.to, object: null };
  }
  return betweenTokens(state, pos);
}

/** After `{`, `[`, `,` or `:`, where nothing is yet but perhaps the begin of a word. */
function betweenTokens(state: EditorState, pos: number): CodePlace | null {
  const before = state.sliceDoc(Math.max(0, pos - 2_000), pos);
  const word = /"?[\w$-]*$/.exec(before)?.[0] ?? "";
  const from = pos - word.length;
  const last = before
    .slice(0, before.length - word.length)
    .trimEnd()
    .at(-1);
  const around = containerAt(state, from);
  if (around === null) return null;
  if (last === ":") {
    const property = propertyBefore(state, from);
    return property === null ? null : { is: "value", path: pathOf(state, property), from, to: pos, object: null };
  }
  if (last !== "{" && last !== "[" && last !== ",") return null;
  if (around.name === "Array")
    return { is: "value", path: [...pathOf(state, around), null], from, to: pos, object: null };
  return { is: "key", path: pathOf(state, around), from, to: pos, object: around };
}

function containerAt(state: EditorState, pos: number): TreeNode | null {
  let node: TreeNode | null = nodeAt(state, pos, -1);
  while (node !== null && !((node.name === "Object" || node.name === "Array") && node.from < pos)) node = node.parent;
  return node;
}

function propertyBefore(state: EditorState, pos: number): TreeNode | null {
  const colon = state.sliceDoc(0, pos).lastIndexOf(":");
  let node: TreeNode | null = nodeAt(state, colon, 1);
  while (node !== null && node.name !== "Property") node = node.parent;
  return node;
}

/** The path of the value that a node is, or of the property's value. */
export function pathOf(state: EditorState, node: TreeNode): JsonPath {
  const path: (string | null)[] = [];
  for (let at: TreeNode | null = node; at !== null; at = at.parent) {
    if (at.name === "Property") path.unshift(keyOf(state, at));
    else if (at.name === "Array" && at !== node) path.unshift(null);
  }
  return path;
}

function keyOf(state: EditorState, property: TreeNode): string {
  const name = property.getChild("PropertyName");
  return name === null ? "" : state.sliceDoc(name.from, name.to).replace(/^"|"$/g, "");
}

export function keysOf(state: EditorState, object: TreeNode): readonly string[] {
  return object.getChildren("Property").map((property) => keyOf(state, property));
}
