/** What a map says about the values of one foreign field: `{"to": "temperature", "unit_from": "TempUnit", "absent": ["err"]}`. */
import { either, nullable, textOr } from "../../core/outside/composed-shapes.ts";
import { number, oneOf, text } from "../../core/outside/scalar-shapes.ts";
import { type Complain, list, object, optional, type Partly, record, type ValueOf } from "../../core/outside/shape.ts";
import type { Profile } from "../../core/profile.ts";
import { IDENTITY_COLUMNS, LIMITS, NUMERIC_IDENTITY } from "../../core/sensor.ts";
import { folded } from "../row/absent.ts";
import { AS_IT_IS, IDENTITY_UNITS, type MappedField, unitProblem } from "../row/fields.ts";

/** Names in one list or table of a map file. */
export const NAMES_MOST = 10_000;
export const ANY_TEXT = text(/^/, "text");
/** Any number that JSON can say: placeholders such as 9.96921e36 are numbers like others. */
export const ANY_NUMBER = number({ min: -Number.MAX_VALUE, max: Number.MAX_VALUE });

export const ABSENT = list(
  textOr(
    text(/^/, "text", (value) =>
      value.trim() !== "" && Number.isFinite(Number(value))
        ? `must be the number ${Number(value)}, without quotes: it then means the text as well`
        : null,
    ),
    ANY_NUMBER,
    { isOther: (value) => typeof value === "number", expects: "text or a number" },
  ),
  { least: 0, most: NAMES_MOST },
);
export const DECIMAL_MARK = oneOf([".", ","]);

const WORD = text(/^[^\0]*$/, "text, without a NUL character", (value) =>
  value.length > LIMITS.textLength ? `has more than ${LIMITS.textLength} characters` : null,
);

/** The object behind a foreign name. */
export const CONVERSION = object(
  {
    to: ANY_TEXT,
    unit: optional(ANY_TEXT),
    unit_from: optional(ANY_TEXT),
    scale: optional(ANY_NUMBER),
    offset: optional(ANY_NUMBER),
    words: optional(
      record(nullable(either<string | number, string>((value) => typeof value === "number", ANY_NUMBER, WORD)), {
        most: NAMES_MOST,
      }),
    ),
    absent: optional(ABSENT),
    decimal: optional(DECIMAL_MARK),
  },
  ({ unit, unit_from, scale, offset, words }, complain) => {
    const isScaled = scale !== undefined || offset !== undefined;
    if (isScaled && unit !== undefined) complain("", "has a unit, and scale or offset: one of them is enough");
    else if (isScaled && unit_from !== undefined)
      complain("", "has unit_from, and scale or offset: one of them is enough");
    const seen = new Map<string, string>();
    for (const word of words?.keys() ?? []) {
      const earlier = seen.get(folded(word));
      if (earlier !== undefined) complain(`words.${word}`, `is the same word as "${earlier}": case does not matter`);
      seen.set(folded(word), word);
    }
  },
);

export type Conversion = ValueOf<typeof CONVERSION>;

export const TEXT_COLUMNS: ReadonlySet<string> = new Set([
  ...IDENTITY_COLUMNS.filter((column) => !NUMERIC_IDENTITY.has(column)),
  "anomaly_type",
]);
/** Numbers that are not measures, and what unit they have. */
export const OTHER_NUMBERS: ReadonlyMap<string, string | null> = new Map([
  ...IDENTITY_COLUMNS.flatMap((column, i): [string, string | null][] =>
    NUMERIC_IDENTITY.has(column) ? [[column, IDENTITY_UNITS[i] ?? null]] : [],
  ),
  ["status_code", null],
]);

/** `profiles`: none where they are not known. */
export function checkConversion(
  said: Partly<Conversion> & Pick<Conversion, "to">,
  profiles: readonly Profile[],
  complain: Complain,
): void {
  const { to, unit, unit_from, scale, offset, decimal } = said;
  if (profiles.length === 0) return;
  const measures = profiles.flatMap((profile) => profile.measures).filter(({ name }) => name === to);
  const isNumber = measures.length > 0 || OTHER_NUMBERS.has(to);
  if ((scale !== undefined || offset !== undefined) && !isNumber)
    complain("", `scale and offset are for numbers, and "${to}" is not one`);
  if (decimal !== undefined && !isNumber && to !== "timestamp")
    complain(".decimal", `is for numbers, and "${to}" is not one`);
  checkWords(said, isNumber, complain);
  if (unit === undefined && unit_from === undefined) return;
  const ofColumn = OTHER_NUMBERS.get(to) ?? null;
  if (measures.length === 0 && ofColumn === null)
    complain("", `unit and unit_from are for measures, and "${to}" is not one`);
  if (unit === undefined) return;
  const targets = ofColumn === null ? measures : [{ name: to, unit: ofColumn }];
  // Several profiles may have the measure, in the same unit.
  for (const why of new Set(targets.map((target) => unitProblem(unit, target))))
    if (why !== null) complain(".unit", why);
}

function checkWords({ to, words }: Partly<Conversion>, isNumber: boolean, complain: Complain): void {
  if (words === undefined) return;
  const isText = TEXT_COLUMNS.has(to ?? "");
  if (!isNumber && !isText && to !== "anomaly_flag") {
    complain(".words", `has no meaning for "${to}"`);
    return;
  }
  for (const [word, meaning] of words) {
    if (meaning === undefined || meaning === null) continue;
    if (isText ? typeof meaning !== "string" : typeof meaning !== "number")
      complain(`.words.${word}`, isText ? `"${to}" is text: it must be text` : `"${to}" is a number: it must be one`);
    else if (to === "anomaly_flag" && meaning !== 0 && meaning !== 1) complain(`.words.${word}`, "must be 0 or 1");
  }
}

/** `"x": "y"` is short for `"x": {"to": "y"}`. */
export function mappedFieldOf(said: string | Conversion): MappedField {
  if (typeof said === "string") return { ...AS_IT_IS, to: said };
  const { to, unit, unit_from, scale, offset, words, absent, decimal } = said;
  const meanings = [...(words ?? [])].map(([word, meaning]) => [folded(word), meaning] as const);
  return {
    to,
    unit: unit ?? null,
    unitFrom: unit_from ?? null,
    linear: scale === undefined && offset === undefined ? null : { scale: scale ?? 1, offset: offset ?? 0 },
    words: words === undefined ? null : new Map(meanings),
    absent: absent ?? [],
    decimal: decimal ?? null,
  };
}
