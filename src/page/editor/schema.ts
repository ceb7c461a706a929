/** The JSON Schema of a rule file, walked by a path: what may be at a place, and what it means. */
import RULE_SCHEMA from "../../../docs/schema/rule.schema.json";

export type SchemaNode = {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
};
type RootSchema = SchemaNode & { readonly $defs: Readonly<Record<string, SchemaNode>> };

const ROOT: RootSchema = RULE_SCHEMA;
export const MEASURE_REF = "#/$defs/measure";

/** Keys of objects, and null for an item of a list. */
export type JsonPath = readonly (string | null)[];

/** All that the value at `path` may be, with what each reference says. */
export function nodesAt(path: JsonPath): readonly SchemaNode[] {
  return path
    .reduce<readonly SchemaNode[]>((nodes, step) => nodes.flatMap((node) => next(node, step)), [ROOT])
    .flatMap(alternatives);
}

/** The node as it is written in its parent: with its reference, and the words beside that. */
export function writtenAt(path: JsonPath): readonly SchemaNode[] {
  return path.reduce<readonly SchemaNode[]>((nodes, step) => nodes.flatMap((node) => next(node, step)), [ROOT]);
}

function next(node: SchemaNode, step: string | null): readonly SchemaNode[] {
  return alternatives(node).flatMap((one) => {
    if (step === null) return one.items === undefined ? [] : [one.items];
    const named = one.properties?.[step];
    if (named !== undefined) return [named];
    return typeof one.additionalProperties === "object" ? [one.additionalProperties] : [];
  });
}

/** References resolved, choices spread out; nodes that only say what is required are none. */
export function alternatives(node: SchemaNode): readonly SchemaNode[] {
  if (node.$ref !== undefined) {
    const target = ROOT.$defs[node.$ref.replace("#/$defs/", "")];
    return target === undefined ? [] : alternatives(target);
  }
  if (node.properties !== undefined) return [node];
  const choices = [...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  return choices.length === 0 ? [node] : choices.flatMap(alternatives);
}

/** The words of a node: its own, else those of what it refers to. */
export function aboutOf(node: SchemaNode): string {
  if (node.description !== undefined) return node.description;
  const target = node.$ref === undefined ? undefined : ROOT.$defs[node.$ref.replace("#/$defs/", "")];
  return target?.description ?? "";
}

/** `a number, 0 to 100; default 3`. */
export function kindOf(node: SchemaNode): string {
  const kinds = alternatives(node).map((one) => {
    if (one.enum !== undefined) return one.enum.map((value) => JSON.stringify(value)).join(" | ");
    const { type = "any value", minimum, maximum } = one;
    const limits =
      minimum !== undefined && maximum !== undefined
        ? `, ${minimum} to ${maximum}`
        : minimum !== undefined
          ? `, from ${minimum}`
          : "";
    return type === "array" ? "a list" : `${type}${limits}`;
  });
  const fallback = node.default === undefined ? "" : `; default ${JSON.stringify(node.default)}`;
  return `${[...new Set(kinds)].join(" or ")}${fallback}`;
}
