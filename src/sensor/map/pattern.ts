/** Text with named parts: `tele/{device}/SENSOR`. It takes a text apart, or puts one together. `{{` and `}}` are braces. */

export type Pattern = {
  readonly text: string;
  /** One more than `names`: what precedes each name, and what follows the last. */
  readonly literals: readonly string[];
  /** Empty: any text, which is left out. */
  readonly names: readonly string[];
  /** Which of `names` takes as much as it can, where it is `{name*}`; -1: none, each takes as little as it can. */
  readonly greedy: number;
};

/** The pattern, or why it is not one. */
export function patternOf(text: string): Pattern | string {
  const literals = [""];
  const names: string[] = [];
  let greedy = -1;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    const last = literals.length - 1;
    if ((char === "{" || char === "}") && text.charAt(at + 1) === char) {
      literals[last] += char;
      at++;
    } else if (char === "}") return 'has a "}" without a "{"; write }} for a brace';
    else if (char === "{") {
      const end = text.indexOf("}", at);
      const name = text.slice(at + 1, end);
      if (end < 0 || name.includes("{")) return 'has a "{" without a "}"; write {{ for a brace';
      const isGreedy = name.endsWith("*");
      if (isGreedy && greedy >= 0) return "has a second {name*}: only one may take as much as it can";
      if (isGreedy) greedy = names.length;
      names.push(isGreedy ? name.slice(0, -1) : name);
      literals.push("");
      at = end;
    } else literals[last] += char;
  }
  return { text, literals, names, greedy };
}

/**
 * The named parts of a text, or null where it does not fit. Each part is the shortest text, not empty, up to what follows it in the
 * pattern, the one of `{name*}` the longest; the last one takes all that is left.
 */
export function partsOf(pattern: Pattern, text: string): ReadonlyMap<string, string> | null {
  const { literals, greedy } = pattern;
  const [first = ""] = literals;
  if (!text.startsWith(first)) return null;
  const before = partsFrom(pattern, {
    text,
    at: first.length,
    from: 0,
    until: greedy < 0 ? pattern.names.length : greedy,
  });
  if (before === null || greedy < 0) return before?.parts ?? null;
  // The longest part is the one behind which the rest begins last.
  const next = literals[greedy + 1] ?? "";
  for (let end = text.length - next.length; end > before.at; end--) {
    if (!text.startsWith(next, end)) continue;
    const rest = partsFrom(pattern, { text, at: end + next.length, from: greedy + 1, until: pattern.names.length });
    if (rest === null) continue;
    const name = pattern.names[greedy] ?? "";
    return new Map([
      ...before.parts,
      ...(name === "" ? [] : [[name, text.slice(before.at, end)] as const]),
      ...rest.parts,
    ]);
  }
  return null;
}

type Stretch = { readonly text: string; readonly at: number; readonly from: number; readonly until: number };

/** The parts of the names `[from, until)`, and where what follows them begins. The last name of the pattern takes all that is left. */
function partsFrom({ literals, names }: Pattern, { text, at: start, from, until }: Stretch) {
  const parts = new Map<string, string>();
  let at = start;
  for (let i = from; i < until; i++) {
    const next = literals[i + 1] ?? "";
    const isLast = i === names.length - 1;
    if (isLast && !text.endsWith(next)) return null;
    const end = isLast ? text.length - next.length : text.indexOf(next, at + 1);
    if (end <= at) return null;
    const name = names[i] ?? "";
    if (name !== "") parts.set(name, text.slice(at, end));
    at = end + next.length;
  }
  return until === names.length && at !== text.length ? null : { parts, at };
}

/** The text of a pattern; null where a part has none. */
export function filledIn({ literals, names }: Pattern, textOf: (name: string) => string | null): string | null {
  let filled = literals[0] ?? "";
  for (const [i, name] of names.entries()) {
    const part = textOf(name);
    if (part === null || part === "") return null;
    filled += part + (literals[i + 1] ?? "");
  }
  return filled;
}

/** `*` is any text, `?` one character, and a character behind `\\` is itself, as in the selectors of rules. Case counts. */
export class Glob {
  /** What each character of the text must be; null: any, once. */
  readonly #wanted: (string | null)[] = [];
  /** Before which of these any text may be. */
  readonly #stars = new Set<number>();

  constructor(glob: string) {
    for (let at = 0; at < glob.length; at++) {
      const char = glob.charAt(at);
      if (char === "*") this.#stars.add(this.#wanted.length);
      else if (char === "?") this.#wanted.push(null);
      else this.#wanted.push(char === "\\" && at + 1 < glob.length ? glob.charAt(++at) : char);
    }
  }

  fits(text: string): boolean {
    const wanted = this.#wanted;
    let at = 0;
    let star = -1;
    let resumeAt = 0;
    for (let i = 0; i < text.length || at < wanted.length; ) {
      if (this.#stars.has(at) && star !== at) {
        star = at;
        resumeAt = i;
      }
      const want = wanted[at];
      if (i < text.length && want !== undefined && (want === null || want === text.charAt(i))) {
        at++;
        i++;
        continue;
      }
      // Only the last star that was met may ever have to take more: the time is at most the product of the lengths.
      if (star < 0 || resumeAt >= text.length) return false;
      at = star;
      i = ++resumeAt;
    }
    return true;
  }
}

export function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}
