/** `applies_to`: which sensors a rule is about, by their identity. */
import { IDENTITY_COLUMNS, type Identity, type IdentityColumn, NUMERIC_IDENTITY } from "../core/sensor.ts";
import { canonicalJson, type JsonNode } from "./located-json.ts";
import type { RuleReader } from "./rule-reader.ts";
import { RULE_LIMITS } from "./rule-set.ts";

type FieldTest = { readonly column: number; readonly accepts: (value: string | number) => boolean };

/** Every field must match; a sensor that has no value there does not. */
export type Selector = {
  /** The same for selectors of the same meaning as written. */
  readonly key: string;
  readonly columns: readonly IdentityColumn[];
  readonly matches: (identity: Identity) => boolean;
  /** The same, but a field whose column is not in `named` counts as a match: for a rule's own tests. */
  readonly matchesNamed: (identity: Identity, named: ReadonlySet<string>) => boolean;
};

export const EVERY_SENSOR: Selector = { key: "", columns: [], matches: () => true, matchesNamed: () => true };

export function readSelector(node: JsonNode, reader: RuleReader): Selector | undefined {
  const fields = reader.fields(node, '"applies_to"', IDENTITY_COLUMNS);
  if (fields === undefined) return undefined;
  if (fields.size === 0) {
    return reader.problem(node.at, '"applies_to" names no field: leave it out for a rule about every sensor');
  }
  const tests: FieldTest[] = [];
  for (const [name, value] of fields) {
    // `fields` let only identity columns through.
    const accepts = readField(name as IdentityColumn, value, reader);
    if (accepts !== undefined) tests.push({ column: IDENTITY_COLUMNS.indexOf(name as IdentityColumn), accepts });
  }
  if (tests.length < fields.size) return undefined;
  const holds = (test: FieldTest, identity: Identity): boolean => {
    const value = identity[test.column];
    return value !== null && value !== undefined && test.accepts(value);
  };
  return {
    key: canonicalJson(node),
    columns: tests.map((test) => IDENTITY_COLUMNS[test.column]!),
    matches: (identity) => tests.every((test) => holds(test, identity)),
    matchesNamed: (identity, named) =>
      tests.every((test) => !named.has(IDENTITY_COLUMNS[test.column]!) || holds(test, identity)),
  };
}

function readField(
  name: IdentityColumn,
  node: JsonNode,
  reader: RuleReader,
): ((value: string | number) => boolean) | undefined {
  const items = node.kind === "array" ? node.items : [node];
  if (items.length === 0) return reader.problem(node.at, `"${name}" lists no value: the rule would apply to no sensor`);
  if (items.length > RULE_LIMITS.alternatives) {
    return reader.problem(node.at, `"${name}" lists more than ${RULE_LIMITS.alternatives} values`);
  }
  const exact = new Set<string | number>();
  const globs: RegExp[] = [];
  let wrong = false;
  for (const item of items) {
    const numeric = NUMERIC_IDENTITY.has(name);
    if (numeric && item.kind === "number") exact.add(item.value);
    else if (numeric || item.kind !== "text") {
      wrong = true;
      const wanted = numeric ? "a number" : "a text";
      reader.problem(item.at, `"${name}" must be ${wanted} or a list of such, not ${reader.nameOf(item)}`);
    } else if (/[*?\\]/.test(item.value)) globs.push(globPattern(item.value));
    else exact.add(item.value);
  }
  if (wrong) return undefined;
  if (globs.length === 0) return (value) => exact.has(value);
  return (value) => exact.has(value) || globs.some((glob) => glob.test(String(value)));
}

/** `*`: any text, also none; `?`: one character; `\` takes the meaning from the next. Case counts. */
export function globPattern(glob: string): RegExp {
  const parts = glob.match(/\\[\s\S]|\*+|[\s\S]/gu) ?? [];
  const pattern = parts.map((part) => {
    if (part.startsWith("*")) return "[^]*";
    if (part === "?") return "[^]";
    return (part.length > 1 && part.startsWith("\\") ? part.slice(1) : part).replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  });
  return new RegExp(`^${pattern.join("")}$`, "u");
}
