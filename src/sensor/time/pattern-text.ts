/**
 * The text of a pattern for timestamps, as strptime has it (`%d/%m/%Y %H.%M.%S`), into steps. A pattern says a whole date, each part
 * of it once; what it cannot mean is refused here, in words for the author of a map.
 */
/** The parts of a time that a pattern reads, by their place among the values. */
export const PART = {
  year: 0,
  shortYear: 1,
  month: 2,
  day: 3,
  dayOfYear: 4,
  isoYear: 5,
  isoWeek: 6,
  weekday: 7,
  hour: 8,
  hour12: 9,
  half: 10,
  minute: 11,
  second: 12,
  fraction: 13,
  epoch: 14,
  zone: 15,
  zoneName: 16,
} as const;
export type Part = keyof typeof PART;
export const PARTS = Object.keys(PART).length;

export type Step =
  | { readonly kind: "literal"; readonly bytes: Uint8Array }
  | { readonly kind: "blanks" }
  /** `padded`: blanks may be before it. */
  | {
      readonly kind: "number";
      readonly to: number;
      readonly least: number;
      readonly most: number;
      readonly padded: boolean;
    }
  | { readonly kind: "month" | "dayName" | "half" | "fraction" | "offset" | "zoneName" };

type Directive = { readonly part: Part | "dayName"; readonly kind: Step["kind"]; readonly digits: number };

function digits(part: Part, most: number): Directive {
  return { part, kind: "number", digits: most };
}

const DIRECTIVES: Readonly<Record<string, Directive>> = {
  Y: digits("year", 4),
  y: digits("shortYear", 2),
  m: digits("month", 2),
  b: { part: "month", kind: "month", digits: 0 },
  B: { part: "month", kind: "month", digits: 0 },
  d: digits("day", 2),
  e: digits("day", 2),
  j: digits("dayOfYear", 3),
  G: digits("isoYear", 4),
  V: digits("isoWeek", 2),
  u: digits("weekday", 1),
  a: { part: "dayName", kind: "dayName", digits: 0 },
  A: { part: "dayName", kind: "dayName", digits: 0 },
  H: digits("hour", 2),
  k: digits("hour", 2),
  I: digits("hour12", 2),
  l: digits("hour12", 2),
  p: { part: "half", kind: "half", digits: 0 },
  M: digits("minute", 2),
  S: digits("second", 2),
  f: { part: "fraction", kind: "fraction", digits: 0 },
  s: digits("epoch", 11),
  z: { part: "zone", kind: "offset", digits: 0 },
  Z: { part: "zoneName", kind: "zoneName", digits: 0 },
};
const SHORT_FOR: Readonly<Record<string, string>> = {
  F: "%Y-%m-%d",
  D: "%m/%d/%y",
  T: "%H:%M:%S",
  R: "%H:%M",
  h: "%b",
};
const PADDED = new Set(["e", "k", "l"]);
const KNOWN = [...Object.keys(DIRECTIVES), ...Object.keys(SHORT_FOR), "%"].map((letter) => `%${letter}`);
const PATTERN_MOST = 100;

export type ParsedPattern = {
  readonly steps: readonly Step[];
  readonly has: ReadonlySet<Part | "dayName">;
  /** Its bytes are those of JSON text as well: no escapes. */
  readonly isPlain: boolean;
};

/** The steps of a pattern, or why it is none. */
export function parsePattern(text: string): ParsedPattern | string {
  if (text.length > PATTERN_MOST) return `has more than ${PATTERN_MOST} characters`;
  if (/[\u0000-\u001f\u007f]/.test(text)) return "has a control character";
  const tokens = tokensOf(text.trim());
  if (typeof tokens === "string") return tokens;
  const has = new Set<Part | "dayName">();
  const steps: Step[] = [];
  for (const [at, token] of tokens.entries()) {
    if (!token.startsWith("%") || token === "%%") {
      steps.push(...literalSteps(token === "%%" ? "%" : token));
      continue;
    }
    const letter = token.slice(1);
    const { part, kind, digits: most } = DIRECTIVES[letter]!;
    if (has.has(part)) return twice(token, part);
    has.add(part);
    if (kind !== "number") {
      steps.push({ kind } as Step);
      continue;
    }
    // Of numbers side by side only full width says where one ends.
    const isTight = isDigits(tokens[at + 1]) || (isDigits(tokens[at - 1]) && tokens[at - 1]?.startsWith("%") === true);
    const least = part === "epoch" ? 1 : part === "year" || part === "isoYear" || isTight ? most : 1;
    steps.push({ kind, to: PART[part as Part], least, most, padded: PADDED.has(letter) });
  }
  return incomplete(has) ?? { steps, has, isPlain: !/["\\]/.test(text) };
}

function tokensOf(text: string): string[] | string {
  const spelt = text.replace(/%(.)/gs, (whole, letter: string) => SHORT_FOR[letter] ?? whole);
  const tokens = spelt.match(/%.?| +|[^% ]+/gsu) ?? [];
  for (const token of tokens) {
    if (!token.startsWith("%") || token === "%%") continue;
    if (token === "%") return "ends with a % without a letter; %% is a percent sign";
    if (!Object.hasOwn(DIRECTIVES, token.slice(1))) {
      const near = token === "%L" || token === "%N" ? "; a fraction of a second is %f" : "";
      return `"${token}" is not known here${near}; known are ${KNOWN.join(" ")}`;
    }
  }
  return tokens;
}

function literalSteps(token: string): Step[] {
  return token.startsWith(" ") ? [{ kind: "blanks" }] : [{ kind: "literal", bytes: new TextEncoder().encode(token) }];
}

function isDigits(token: string | undefined): boolean {
  if (token === undefined || token === "%%") return false;
  if (!token.startsWith("%")) return /^\d/.test(token);
  const kind = DIRECTIVES[token.slice(1)]?.kind;
  return kind === "number" || kind === "fraction";
}

function twice(token: string, part: Part | "dayName"): string {
  const hint = part === "month" ? "; minutes are %M" : part === "minute" ? "; a month is %m" : "";
  return `says the same part twice, with "${token}"${hint}`;
}

/** Why these parts are not one whole moment, or null. */
function incomplete(has: ReadonlySet<Part | "dayName">): string | null {
  const any = (...parts: Part[]) => parts.some((part) => has.has(part));
  if (has.has("epoch")) return any("year", "shortYear", "month", "day", "hour", "hour12") ? "has %s and a date" : null;
  if (any("isoYear", "isoWeek")) {
    if (!has.has("isoYear") || !has.has("isoWeek")) return "has half of a week: %G and %V belong together";
    if (any("year", "shortYear", "month", "day", "dayOfYear")) return "has a date, and a week with %G and %V";
  } else {
    const day = any("dayOfYear") || (has.has("month") && has.has("day"));
    if (!any("year", "shortYear") || !day) return missingOf(has);
    if (has.has("dayOfYear") && any("month", "day")) return "has %j, and a month or a day of it";
    if (has.has("year") && has.has("shortYear")) return "has two years, %Y and %y";
  }
  if (has.has("hour") && any("hour12", "half")) return "has the hour of a day with %H, and of half a day with %I or %p";
  if (has.has("hour12") !== has.has("half")) return "has half of a time: %I and %p belong together";
  const hour = any("hour", "hour12");
  if ((any("minute") && !hour) || (any("second") && !any("minute")) || (any("fraction") && !any("second")))
    return "has a part of a time without the larger part: hours are %H, minutes %M, seconds %S";
  return null;
}

function missingOf(has: ReadonlySet<Part | "dayName">): string {
  const missing = [
    has.has("year") || has.has("shortYear") ? "" : "%Y",
    has.has("month") || has.has("dayOfYear") ? "" : "%m",
    has.has("day") || has.has("dayOfYear") ? "" : "%d",
  ].filter((each) => each !== "");
  const other = missing.length === 3 ? '; where the date is in another field, "from" names both' : "";
  return `has no whole date: ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} missing${other}`;
}
