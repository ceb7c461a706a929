/**
 * Numbers that JSON does not have, as programs print them: C (`nan`, `-nan`, `inf`, `nan(ind)`), Python and JavaScript
 * (`NaN`, `Infinity`), Visual C++ (`-1.#IND`).
 */
export const NOT_FINITE = /[+-]?(?:nan(?:\(\w*\))?|inf(?:inity)?|1\.#(?:qnan|snan|ind|inf)\d*)/iy;

/** NaN, Infinity or -Infinity, whatever the spelling, blanks around it included; null for any other text. */
export function notFiniteOf(text: string): number | null {
  const word = text.trim();
  NOT_FINITE.lastIndex = 0;
  if (NOT_FINITE.exec(word)?.[0] !== word) return null;
  if (!/inf(?:inity)?\d*$/i.test(word)) return Number.NaN;
  return word.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
