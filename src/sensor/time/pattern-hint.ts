/** A pattern that is written as Java, moment.js or Go write one: what it is with `%`. */

const TOKENS: readonly (readonly [RegExp, string])[] = [
  [/yyyy|YYYY|2006/, "%Y"],
  [/MMMM|January/, "%B"],
  [/MMM|Jan/, "%b"],
  [/EEEE?|ddd?d|Mon(?:day)?/, "%a"],
  [/MM|01/, "%m"],
  [/dd|DD|02/, "%d"],
  [/HH|15/, "%H"],
  [/hh|03/, "%I"],
  [/mm|04/, "%M"],
  [/ss|05/, "%S"],
  [/S{3,9}|0{3,9}|9{3,9}/, "%f"],
  [/yy|YY|06/, "%y"],
  [/XXX?|ZZ|-0700|-07:00|Z07:00/, "%z"],
  [/PM|AM|a(?=$)|A(?=$)/, "%p"],
];
const ANY = new RegExp(TOKENS.map(([token]) => `(${token.source})`).join("|"), "g");

/** The same with `%`; null where the text has no year of those kinds. */
export function withPercents(text: string): string | null {
  if (text.includes("%")) return null;
  let count = 0;
  const written = text.replace(/'([^']*)'/g, "$1").replace(ANY, (...found: unknown[]) => {
    count++;
    const at = found.slice(1, 1 + TOKENS.length).findIndex((group) => group !== undefined);
    return TOKENS[at]?.[1] ?? "";
  });
  return count >= 3 && /%[Yy]/.test(written) ? written : null;
}
