/**
 * Numbers as people and programs write them in text: `21.5 °C`, `1 013,2 hPa`, `1,013.25`, `45 %`. A text that could be
 * two numbers is none: `1,013` may be one and a bit, or more than a thousand, until the map says what a comma is.
 */

/** What is before the decimals; null: the map does not say. */
export type DecimalMark = "." | ",";

export const PLAIN_NUMBER = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

/** A number, what may be its digits, and the name of a unit behind it. */
const WITH_UNIT =
  /^\s*([+\-−]?)([\d.,]+(?:[ \u00a0\u2007\u2009\u202f'’]\d[\d.,]*)*)((?:[eE][+-]?\d+)?)\s*((?:[^\d\s.,:;+\-−'’][^\s]*(?: \S+){0,3})?)\s*$/u;
/** Longer names are not units, and longer texts are not numbers with one. */
const UNIT_LENGTH = 24;
const TEXT_LENGTH = 80;

/** `unit`: "" where there is none. */
export type NumberInText = { readonly number: number; readonly unit: string };

/** Null where the text is not one number, or it is not clear which. */
export function numberInText(text: string, mark: DecimalMark | null): NumberInText | null {
  if (mark !== "," && PLAIN_NUMBER.test(text)) return { number: Number(text), unit: "" };
  if (text.length > TEXT_LENGTH) return null;
  const [, sign = "", written = "", exponent = "", unit = ""] = WITH_UNIT.exec(text) ?? [];
  if (written === "" || unit.length > UNIT_LENGTH) return null;
  const digits = plainDigits(written, mark);
  if (digits === null) return null;
  return { number: Number(`${sign === "" || sign === "+" ? "" : "-"}${digits}${exponent}`), unit };
}

/** No writer separates the thousands of a number that begins with 0. */
const GROUPS = "[1-9]\\d{0,2}(?:S\\d{3})+";
const BLANKS = "([ \\u00a0\\u2007\\u2009\\u202f'’])";
const BLANK_GROUPS = new RegExp(`^([1-9]\\d{0,2}${BLANKS}\\d{3}(?:\\2\\d{3})*)((?:[.,]\\d*)?)$`, "u");
const groups = (separator: string) => GROUPS.replace("S", separator);
const COMMA_GROUPS = new RegExp(`^${groups(",")}$`);
const COMMA_GROUPS_POINT = new RegExp(`^${groups(",")}\\.\\d*$`);
const POINT_GROUPS = new RegExp(`^${groups("\\.")}$`);
const POINT_GROUPS_COMMA = new RegExp(`^${groups("\\.")},\\d*$`);

/** The digits as JavaScript reads them, without what separates thousands. */
function plainDigits(written: string, mark: DecimalMark | null): string | null {
  const [, whole, , rest = ""] = BLANK_GROUPS.exec(written) ?? [];
  // Where a blank separates thousands, what follows them can only be decimals.
  if (whole !== undefined)
    return withPoint(`${whole.replace(/\D/g, "")}${rest}`, mark ?? (rest.startsWith(",") ? "," : "."));
  if (mark !== "," && COMMA_GROUPS_POINT.test(written)) return written.replaceAll(",", "");
  if (mark !== "." && POINT_GROUPS_COMMA.test(written)) return written.replaceAll(".", "").replace(",", ".");
  // One comma may be that of a decimal number: only the map knows.
  if (COMMA_GROUPS.test(written) && (mark === "." || (mark === null && isRepeated(written, ","))))
    return written.replaceAll(",", "");
  if (POINT_GROUPS.test(written) && (mark === "," || (mark === null && isRepeated(written, "."))))
    return written.replaceAll(".", "");
  return withPoint(written, mark);
}

function isRepeated(text: string, separator: string): boolean {
  return text.indexOf(separator) !== text.lastIndexOf(separator);
}

/** Digits with at most one decimal mark, which must be the map's: a point where the map says nothing. */
function withPoint(digits: string, mark: DecimalMark | null): string | null {
  const own = mark ?? ".";
  if (!/^(?:\d+[.,]?\d*|[.,]\d+)$/.test(digits)) return null;
  if (digits.includes(own === "." ? "," : ".")) return null;
  return digits.replace(",", ".");
}
