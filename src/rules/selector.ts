/** `applies_to`: the sensors that a rule applies to, by their identity. */
import { about, made, named, oneOrList } from "../core/outside/composed-shapes.ts";
import { canonicalJson } from "../core/outside/located-json.ts";
import { NO_LIMIT, number, shortText } from "../core/outside/scalar-shapes.ts";
import { join, object, optional, type Shape } from "../core/outside/shape.ts";
import { IDENTITY_COLUMNS, type Identity, type IdentityColumn, LIMITS, NUMERIC_IDENTITY } from "../core/sensor.ts";
import { type Doubt, RULE_LIMITS } from "./rule-set.ts";

type FieldTest = {
  readonly name: IdentityColumn;
  readonly accepts: (value: string | number) => boolean;
};

/** Every field must match; a sensor that has no value there does not. */
export type Selector = {
  /** The same for selectors of the same meaning as written. */
  readonly key: string;
  readonly columns: readonly IdentityColumn[];
  /** Texts that were probably meant as regular expressions. */
  readonly doubts: readonly Doubt[];
  readonly matches: (identity: Identity) => boolean;
  /** The same, but a field whose column is not in `named` counts as a match: for a rule's own tests. */
  readonly matchesNamed: (identity: Identity, named: ReadonlySet<string>) => boolean;
};

export const EVERY_SENSOR: Selector = {
  key: "",
  columns: [],
  doubts: [],
  matches: () => true,
  matchesNamed: () => true,
};

type Wanted = readonly (string | number)[];

const SOME = { least: 1, most: RULE_LIMITS.alternatives };
const TEXTS: Shape<Wanted> = named("texts", oneOrList(shortText(LIMITS.textLength), SOME));
const NUMBERS: Shape<Wanted> = named("numbers", oneOrList(number({ min: -NO_LIMIT, max: NO_LIMIT }), SOME));

const FIELDS = Object.fromEntries(
  IDENTITY_COLUMNS.map((column) => [column, optional(NUMERIC_IDENTITY.has(column) ? NUMBERS : TEXTS)]),
);

export const APPLIES_TO: Shape<Selector> = named(
  "applies_to",
  about(
    made(
      object(FIELDS, undefined, {
        of: IDENTITY_COLUMNS,
        what: "names no field: leave it out for a rule about every sensor",
      }),
      (wanted, { raw, path }) => selectorOf(wanted, canonicalJson(raw), path),
    ),
    "Which sensors the rule is about; every field must match. A text may be a glob: * any text, ? one character, \\ before a character that is meant as it is",
  ),
);

function selectorOf(wanted: Readonly<Record<string, Wanted | undefined>>, key: string, path: string): Selector {
  const tests = IDENTITY_COLUMNS.flatMap((name): FieldTest[] => {
    const values = wanted[name];
    return values === undefined ? [] : [{ name, accepts: acceptorOf(values) }];
  });
  const holds = ({ name, accepts }: FieldTest, identity: Identity): boolean => {
    const value = identity[IDENTITY_COLUMNS.indexOf(name)];
    return value !== null && value !== undefined && accepts(value);
  };
  return {
    key,
    columns: tests.map(({ name }) => name),
    doubts: IDENTITY_COLUMNS.flatMap((name) =>
      (wanted[name] ?? []).flatMap((value, i) =>
        // Where one value is not in a list, the place is that of the value.
        regexDoubt(value).map((message) => ({ path: `${join(path, name)}[${i}]`, message })),
      ),
    ),
    matches: (identity) => tests.every((test) => holds(test, identity)),
    matchesNamed: (identity, named) => tests.every((test) => !named.has(test.name) || holds(test, identity)),
  };
}

/** What only a regular expression has: an anchor, `.*`, `\\d`, `[0-9]`, `(a|b)`, `x+`. */
const REGEX = /^\^|\$$|\.[*+]|\\[dwsb]|\[[^\]]*\]|\([^)]*\)[*+?]|\([^)]*\|[^)]*\)|\{\d+,?\d*\}/;

function regexDoubt(value: string | number): readonly string[] {
  if (typeof value === "number" || !REGEX.test(value)) return [];
  const meant = globMeant(value);
  const write = meant === null ? "" : `; write ${JSON.stringify(meant)}`;
  return [
    `${JSON.stringify(value)} looks like a regular expression, and is a glob: * is any text, ? one character${write}`,
  ];
}

/** The glob of a simple regular expression; null where there is none. */
function globMeant(regex: string): string | null {
  const bare = regex.replace(/^\^/, "").replace(/\$$/, "");
  const glob = bare.replace(/\\\.|\.\*|\.\+|\./g, (found) => ({ "\\.": ".", ".*": "*", ".+": "?*" })[found] ?? "?");
  return REGEX.test(glob) || /[\\+|()[\]{}]/.test(glob) ? null : glob;
}

function acceptorOf(values: Wanted): (value: string | number) => boolean {
  const isGlob = (value: string | number): value is string => typeof value === "string" && /[*?\\]/.test(value);
  const exact = new Set<string | number>(values.filter((value) => !isGlob(value)));
  const globs = values.filter(isGlob).map(globMatcher);
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
