/**
 * A glob as folders and steps: `*`, `?`, `[a-z]`, `[!a]`, `{a,b}`, and `**` for any number of folders. A `\` takes the meaning of the
 * sign behind it away. Names that begin with a dot match only where the pattern begins with one.
 */

/** One name of a path. `literal`: the only name that matches, where there are no signs in it. */
export type GlobStep =
  | { readonly kind: "folders" }
  | { readonly kind: "name"; readonly literal: string | null; readonly matches: (name: string) => boolean };

export type GlobPath = { readonly isAbsolute: boolean; readonly steps: readonly GlobStep[] };

/** Patterns that braces may stand for. */
const PATTERNS_MOST = 1_000;
const SIGNS = /[*?[{]/;

/** The paths that a glob stands for; a sentence where it cannot be understood. */
export function readGlob(glob: string): readonly GlobPath[] | string {
  const patterns = withoutBraces(glob);
  if (patterns === null) return `its braces stand for more than ${PATTERNS_MOST} patterns`;
  const paths: GlobPath[] = [];
  for (const pattern of patterns) {
    const steps = splitPath(pattern).map(stepOf);
    if (steps.length === 0) return "it names no file";
    if (steps.at(-1)?.kind === "folders") return "it ends in **, which are folders: **/* are the files in them";
    paths.push({ isAbsolute: pattern.startsWith("/"), steps });
  }
  return paths;
}

/** Names, without empty ones and `.`; a backslash stays with the sign behind it. */
function splitPath(pattern: string): string[] {
  return pattern.split("/").filter((name) => name !== "" && name !== ".");
}

function stepOf(name: string): GlobStep {
  if (name === "**") return { kind: "folders" };
  const bare = name.replaceAll(/\\./g, "");
  if (!SIGNS.test(bare)) {
    const literal = name.replaceAll(/\\(.)/g, "$1");
    return { kind: "name", literal, matches: (other) => other === literal };
  }
  const glob = new Bun.Glob(name);
  const showsHidden = name.startsWith(".");
  return {
    kind: "name",
    literal: null,
    matches: (other) => (showsHidden || !other.startsWith(".")) && glob.match(other),
  };
}

/** `{a,b/c}` stands for two patterns. Null where there are too many. */
function withoutBraces(glob: string): string[] | null {
  const whole: string[] = [];
  const left = [glob];
  for (let pattern = left.pop(); pattern !== undefined; pattern = left.pop()) {
    const braces = firstBraces(pattern);
    if (braces === null) whole.push(pattern);
    else {
      const { from, to, parts } = braces;
      for (const part of parts.toReversed()) left.push(pattern.slice(0, from) + part + pattern.slice(to));
    }
    if (whole.length + left.length > PATTERNS_MOST) return null;
  }
  return whole;
}

/** The first pair of braces with a comma between them, not within `[…]`; null where there is none. */
function firstBraces(pattern: string): { from: number; to: number; parts: string[] } | null {
  for (let from = 0; from < pattern.length; from++) {
    const sign = pattern[from];
    if (sign === "\\") from++;
    else if (sign === "[") from = Math.max(from, pattern.indexOf("]", from + 2));
    else if (sign === "{") {
      const found = bracesFrom(pattern, from);
      if (found !== null) return found;
    }
  }
  return null;
}

function bracesFrom(pattern: string, from: number): { from: number; to: number; parts: string[] } | null {
  const parts: string[] = [];
  let depth = 0;
  let begin = from + 1;
  for (let at = from; at < pattern.length; at++) {
    const sign = pattern[at];
    if (sign === "\\") at++;
    else if (sign === "{") depth++;
    else if (sign === "," && depth === 1) {
      parts.push(pattern.slice(begin, at));
      begin = at + 1;
    } else if (sign === "}" && --depth === 0) {
      return parts.length === 0 ? null : { from, to: at + 1, parts: [...parts, pattern.slice(begin, at)] };
    }
  }
  return null;
}
