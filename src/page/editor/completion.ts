/** What may be written at a place of a rule file: keys and values of the schema, and the sensors and measures that the agent knows. */
import { type Completion, type CompletionContext, type CompletionResult, snippet } from "@codemirror/autocomplete";
import type { EditorState } from "@codemirror/state";
import { hoverTooltip } from "@codemirror/view";
import { type CodePlace, keysOf, nodeAt, pathOf, placeAt, type TreeNode } from "./code-path.ts";
import {
  aboutOf,
  alternatives,
  type JsonPath,
  kindOf,
  MEASURE_REF,
  nodesAt,
  type SchemaNode,
  writtenAt,
} from "./schema.ts";

/** Of the agent's sensors; `about`: its unit, or how many sensors. */
export type KnownWord = { readonly word: string; readonly about: string };
export type KnownWords = {
  readonly measures: readonly KnownWord[];
  /** By identity column. */
  readonly identities: Readonly<Record<string, readonly KnownWord[]>>;
};
export const NO_WORDS: KnownWords = { measures: [], identities: {} };

export function ruleCompletion(words: () => KnownWords): (context: CompletionContext) => CompletionResult | null {
  return ({ state, pos, explicit }) => {
    const place = placeAt(state, pos);
    if (place === null || (!explicit && place.from === pos && !isFresh(state, pos))) return null;
    const options = place.is === "key" ? keyOptions(state, place, words()) : valueOptions(place, words());
    return options.length === 0 ? null : { from: place.from, to: place.to, options, filter: true };
  };
}

/** Right after what opens something, without a word yet: the list helps and does not disturb. */
function isFresh(state: EditorState, pos: number): boolean {
  return /["{:[,] ?$/.test(state.sliceDoc(Math.max(0, pos - 2), pos));
}

function keyOptions(state: EditorState, { path, object, to }: CodePlace, words: KnownWords): Completion[] {
  const taken = new Set(object === null ? [] : keysOf(state, object));
  const nodes = nodesAt(path);
  const isFollowed = /^\s*:/.test(state.sliceDoc(to, to + 20));
  const option = (key: string, node: SchemaNode, isRequired: boolean): Completion => ({
    label: `"${key}"`,
    detail: isRequired ? "needed" : kindOf(node).slice(0, 40),
    info: aboutOf(node) || kindOf(node),
    boost: isRequired ? 50 : 0,
    apply: isFollowed ? `"${key}"` : snippet(`"${key}": ${templateOf(node)}`),
  });
  const options = nodes.flatMap((node) =>
    Object.entries(node.properties ?? {}).map(([key, child]) =>
      option(key, child, node.required?.includes(key) ?? false),
    ),
  );
  const isReading = nodes.some(({ additionalProperties }) => typeof additionalProperties === "object");
  const measures = isReading ? words.measures : [];
  for (const { word, about } of measures) options.push({ label: `"${word}"`, detail: about, apply: `"${word}": ` });
  return distinct(options).filter(({ label }) => !taken.has(label.slice(1, -1)));
}

function templateOf(node: SchemaNode): string {
  const [one] = alternatives(node);
  if (one === undefined) return "#{}";
  if (one.type === "object" || one.properties !== undefined) return "{ #{} }";
  if (one.type === "array") return "[#{}]";
  if (one.type === "string" || one.enum?.some((value) => typeof value === "string")) return '"#{}"';
  return "#{}";
}

function valueOptions({ path }: CodePlace, words: KnownWords): Completion[] {
  const written = writtenAt(path);
  const nodes = nodesAt(path);
  const options: Completion[] = nodes.flatMap((node) =>
    (node.enum ?? (node.type === "boolean" ? [true, false] : [])).map((value) => ({
      label: JSON.stringify(value),
      type: "enum",
    })),
  );
  for (const { word, about } of wordsAt(path, written, words))
    options.push({ label: JSON.stringify(word), detail: about });
  const fallback = written.find((node) => node.default !== undefined)?.default;
  if (fallback !== undefined) options.push({ label: JSON.stringify(fallback), detail: "default" });
  if (nodes.some((node) => node.properties !== undefined))
    options.push({ label: "{ }", apply: snippet("{ #{} }"), detail: "an object" });
  if (nodes.some(({ type }) => type === "array"))
    options.push({ label: "[ ]", apply: snippet("[#{}]"), detail: "a list" });
  return distinct(options);
}

function wordsAt(path: JsonPath, written: readonly SchemaNode[], words: KnownWords): readonly KnownWord[] {
  if (written.some(({ $ref }) => $ref === MEASURE_REF)) return words.measures;
  const keys = path.filter((step) => step !== null);
  const last = keys.at(-1) ?? "";
  if (keys.at(-2) === "flag" && last === "field") return [...FLAG_FIELDS, ...words.measures];
  return keys.includes("applies_to") ? (words.identities[last] ?? []) : [];
}

const FLAG_FIELDS: readonly KnownWord[] = ["anomaly_flag", "status_code", "anomaly_type"].map((word) => {
  return { word, about: "what the sensor says" };
});

/** The first of each label. */
function distinct(options: readonly Completion[]): Completion[] {
  const seen = new Set<string>();
  return options.filter(({ label }) => !seen.has(label) && seen.add(label));
}

/** The words of the schema about a key, or about the key of the value under the pointer. */
export const ruleHover = hoverTooltip((view, pos) => {
  let node: TreeNode | null = nodeAt(view.state, pos, 1);
  while (node !== null && node.name !== "Property") node = node.parent;
  const name = node?.getChild("PropertyName");
  if (node === null || !name || pos > name.to) return null;
  const [written] = writtenAt(pathOf(view.state, node));
  if (written === undefined) return null;
  return {
    pos: name.from,
    end: name.to,
    above: true,
    create: () => {
      const dom = document.createElement("div");
      dom.className = "cm-about";
      const kind = document.createElement("p");
      kind.textContent = kindOf(written);
      const about = document.createElement("p");
      about.textContent = aboutOf(written);
      dom.append(about, kind);
      return { dom };
    },
  };
});
