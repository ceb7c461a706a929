/** `applies_to`: the sensors that a rule applies to, by their identity. */

import { canonicalJson, type JsonNode } from "../core/outside/located-json.ts";
import { IDENTITY_COLUMNS, type Identity, type IdentityColumn, LIMITS, NUMERIC_IDENTITY } from "../core/sensor.ts";
import type { RuleReader } from "./files/reader.ts";
import { RULE_LIMITS } from "./rule-set.ts";

type FieldTest = {
  readonly name: IdentityColumn;
  readonly accepts: (value: string | number) => boolean;
};

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
    // Unknown keys were reported already.
    if (node.kind === "object" && node.entries.length > 0) return undefined;
    return reader.problem(node.at, '"applies_to" names no field: leave it out for a rule about every sensor');
  }
  const tests: FieldTest[] = [];
  for (const [name, value] of fields) {
    // `fields` holds only identity columns.
    const column = name as IdentityColumn;
    const accepts = readField(column, value, reader);
    if (accepts !== undefined) tests.push({ name: column, accepts });
  }
  if (tests.length < fields.size) return undefined;
  const holds = ({ name, accepts }: FieldTest, identity: Identity): boolean => {
    const value = identity[IDENTITY_COLUMNS.indexOf(name)];
    return value !== null && value !== undefined && accepts(value);
  };
  return {
    key: canonicalJson(node),
    columns: tests.map(({ name }) => name),
    matches: (identity) => tests.every((test) => holds(test, identity)),
    matchesNamed: (identity, named) => tests.every((test) => !named.has(test.name) || holds(test, identity)),
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
  const globs: ((text: string) => boolean)[] = [];
  let wrong = false;
  for (const item of items) {
    const numeric = NUMERIC_IDENTITY.has(name);
    if (numeric && item.kind === "number") exact.add(item.value);
    else if (numeric || item.kind !== "text") {
      wrong = true;
      const wanted = numeric ? "a number" : "a text";
      reader.problem(item.at, `"${name}" must be ${wanted} or a list of such, not ${reader.nameOf(item)}`);
    } else if (item.value.length > LIMITS.textLength) {
      wrong = true;
      reader.problem(item.at, `"${name}" is longer than ${LIMITS.textLength} characters`);
    } else if (/[*?\\]/.test(item.value)) globs.push(globMatcher(item.value));
    else exact.add(item.value);
  }
  if (wrong) return undefined;
  if (globs.length === 0) return (value) => exact.has(value);
  return (value) => exact.has(value) || globs.some((matches) => matches(String(value)));
}

/** `part` is one character, or null for any one; `star` allows any text before it. */
type GlobPart = { readonly part: string | null; readonly star: boolean };

/**
 * `*`: any text, also none; `?`: one character; `\` makes the next character a plain one. Case counts. Not by a regular
 * expression, which a few stars would keep busy for hours on the wrong text.
 */
export function globMatcher(glob: string): (text: string) => boolean {
  const parts: GlobPart[] = [];
  let star = false;
  for (const token of glob.match(/\\[\s\S]|[\s\S]/gu) ?? []) {
    if (token === "*") {
      star = true;
      continue;
    }
    const literal = token.length > 1 && token.startsWith("\\") ? token.slice(1) : token;
    parts.push({ part: token === "?" ? null : literal, star });
    star = false;
  }
  const open = star;
  return (text) => globMatches(parts, open, [...text]);
}

/** Greedy, with one place to go back to: only the last star ever needs to take more. */
function globMatches(parts: readonly GlobPart[], open: boolean, text: readonly string[]): boolean {
  let at = 0;
  let next = 0;
  let starPart = -1;
  let starAt = 0;
  for (;;) {
    const wanted = parts[next];
    if (wanted?.star && starPart !== next) {
      starPart = next;
      starAt = at;
    }
    if (wanted === undefined && (open || at === text.length)) return true;
    if (wanted !== undefined && at < text.length && (wanted.part === null || wanted.part === text[at])) {
      at++;
      next++;
    } else {
      if (starPart < 0 || starAt >= text.length) return false;
      at = ++starAt;
      next = starPart;
    }
  }
}
