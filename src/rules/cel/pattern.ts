/**
 * The patterns of `matches`, looked at when the rule is read. CEL's own engine (RE2) needs time in proportion to the text;
 * ours goes back and tries every way, and where a repeated group can take the same text in two ways, as in `(a+)+` and
 * `(a|a)*`, the ways double with each character: seconds for 30 of them, in the loop that takes readings. So a group is
 * repeated only where each turn can be distinguished from the next.
 *
 * Repetitions in a row that can take each other's text (`^.*a.*a.*b$`) cost the text's length once more for each of them:
 * a few are accepted, more are not, and none within a repeated group, where the ways double again (`^(-a*a*)*$`).
 */

/** The problem of a pattern, or undefined. */
export function patternProblem(pattern: string): string | undefined {
  try {
    new RegExp(pattern);
    new PatternReader(pattern).read();
    return undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof PatternProblem) return error.message;
    throw error;
  }
}

class PatternProblem extends Error {}

/** `starts` and `ends`: the one character that each branch begins and ends with for sure, null where there is none. */
type Part = {
  /** The atoms that take a character, as they are written: `a`, `\d`, `[a-z]`. */
  readonly takes: readonly string[];
  readonly starts: readonly (string | null)[];
  readonly ends: readonly (string | null)[];
  /** It holds a repetition: its length is not fixed. */
  readonly varies: boolean;
  /** Repetitions in it that can share their text with what follows them. */
  readonly shared: number;
};

const NOTHING: Part = { takes: [], starts: [], ends: [], varies: false, shared: 0 };
/** Each costs the length of the text once more: with three, a text of 256 characters takes some 15 ms at worst. */
const MOST_SHARED = 3;
const QUANTIFIER = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/;
/** An escape with its digits, a class, or any one character. */
const ATOM = /^(?:\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|c[A-Za-z]|[\s\S])|\[(?:\\[\s\S]|[^\]\\])*\]|[\s\S])/;
const OPENING = /^\((?:\?(?:<[A-Za-z_]\w*>|[a-z-]*:))?/;

class PatternReader {
  #rest: string;

  constructor(pattern: string) {
    this.#rest = pattern;
  }

  read(): void {
    const isAnchored = this.#rest.startsWith("^");
    const { shared } = this.#branches();
    if (shared + (isAnchored || shared === 0 ? 0 : 1) <= MOST_SHARED) return;
    throw new PatternProblem(
      "the pattern has many repetitions in a row that can take the same text, and would take seconds for a reading; begin it with ^, and name the characters that may be repeated, as in [^-]*- instead of .*-",
    );
  }

  #branches(): Part {
    const branches = [this.#branch()];
    while (this.#rest.startsWith("|")) {
      this.#rest = this.#rest.slice(1);
      branches.push(this.#branch());
    }
    return {
      takes: branches.flatMap(({ takes }) => takes),
      starts: branches.map(({ starts }) => starts[0] ?? null),
      ends: branches.map(({ ends }) => ends[0] ?? null),
      varies: branches.some(({ varies }) => varies),
      shared: branches.reduce((sum, { shared }) => sum + shared, 0),
    };
  }

  /** A sequence: it starts like its first part, and ends like its last. */
  #branch(): Part {
    let whole = NOTHING;
    const links: Link[] = [];
    while (this.#rest !== "" && !this.#rest.startsWith("|") && !this.#rest.startsWith(")")) {
      const before = this.#rest;
      const isGroup = before.startsWith("(");
      const part = isGroup ? this.#group() : this.#atom();
      const turns = this.#turns();
      if (isGroup && turns === "many") refuseAmbiguous(part, before.slice(0, before.length - this.#rest.length));
      if (part.takes.length === 0) continue;
      links.push({ first: firstOf(part), isOpen: turns !== "one" });
      const [start, ...others] = part.starts;
      const isSure = turns === "one" && others.length === 0;
      whole = {
        takes: [...whole.takes, ...part.takes],
        starts: whole.takes.length > 0 ? whole.starts : [(isSure ? start : null) ?? null],
        ends: [(isSure ? part.ends[0] : null) ?? null],
        varies: whole.varies || part.varies || turns !== "one",
        shared: whole.shared + part.shared,
      };
    }
    return { ...whole, shared: whole.shared + sharedBy(links) };
  }

  #group(): Part {
    const [opening = ""] = OPENING.exec(this.#rest) ?? [];
    this.#rest = this.#rest.slice(opening.length);
    if (this.#rest.startsWith("?")) throw new PatternProblem("CEL's patterns cannot look ahead or behind");
    const inside = this.#branches();
    this.#rest = this.#rest.slice(1);
    return inside;
  }

  #atom(): Part {
    const [atom = ""] = ATOM.exec(this.#rest) ?? [];
    this.#rest = this.#rest.slice(atom.length);
    if (/^\\[1-9k]/.test(atom)) throw new PatternProblem("CEL's patterns cannot refer back to a group");
    if (/^(?:\^|\$|\\b|\\B)$/.test(atom)) return NOTHING;
    const literal = /^[^.[\\]$/.test(atom) ? atom : /^\\[^A-Za-z0-9]$/.test(atom) ? atom.slice(1) : null;
    return { takes: [atom], starts: [literal], ends: [literal], varies: false, shared: 0 };
  }

  #turns(): "one" | "maybe" | "many" {
    const found = QUANTIFIER.exec(this.#rest);
    if (found === null) return "one";
    const [text, least, comma, most] = found;
    this.#rest = this.#rest.slice(text.length);
    if (least === undefined) return text.startsWith("?") ? "maybe" : "many";
    const atMost = comma === "" ? Number(least) : most === "" ? Number.POSITIVE_INFINITY : Number(most);
    return atMost > 1 ? "many" : "maybe";
  }
}

/** Each turn must be distinguished from the next by its beginning or its end. */
function refuseAmbiguous(group: Part, text: string): void {
  const { takes, starts, ends, varies, shared } = group;
  const differ = !starts.includes(null) && new Set(starts).size === starts.length;
  if (!varies && (starts.length === 1 || differ)) return;
  const mark = (char: string | null) => char !== null && takes.filter((atom) => takesChar(atom, char)).length === 1;
  if (shared === 0 && (starts.every(mark) || ends.every(mark))) return;
  const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  throw new PatternProblem(
    `the pattern repeats ${shown}, which can take the same text in many ways, and would take seconds for a reading; begin or end each turn with a character that is nowhere else in it, as in (-[a-z]+)*`,
  );
}

/** A part of a sequence: the atoms that it can begin with, and whether it may be left out or repeated. */
type Link = { readonly first: readonly string[]; readonly isOpen: boolean };

function firstOf({ takes, starts }: Part): readonly string[] {
  const chars = starts.filter((char) => char !== null);
  if (chars.length < starts.length) return takes;
  return chars.map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** How many open links could as well leave their text to a link behind them, up to the next that must be there. */
function sharedBy(links: readonly Link[]): number {
  return links.filter(({ first, isOpen }, i) => {
    if (!isOpen) return false;
    const behind = links.slice(i + 1);
    const must = behind.findIndex((link) => !link.isOpen);
    const reached = must < 0 ? behind : behind.slice(0, must + 1);
    return reached.some((link) => overlap(first, link.first));
  }).length;
}

const SAMPLES = Array.from({ length: 0x250 }, (_, code) => String.fromCharCode(code));

function overlap(one: readonly string[], other: readonly string[]): boolean {
  return SAMPLES.some(
    (char) => one.some((atom) => takesChar(atom, char)) && other.some((atom) => takesChar(atom, char)),
  );
}

function takesChar(atom: string, char: string): boolean {
  return new RegExp(`^(?:${atom})$`, "s").test(char);
}
