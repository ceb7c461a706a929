/** The pattern that a text is probably written by, for a message: `; as %d.%m.%Y %H:%M:%S it is 2024-02-01`. */
import { TimePattern } from "./pattern.ts";

const DAYS = [
  "%d.%m.%Y",
  "%d/%m/%Y",
  "%m/%d/%Y",
  "%d-%m-%Y",
  "%Y/%m/%d",
  "%Y-%m-%d",
  "%Y.%m.%d",
  "%d %b %Y",
  "%d.%m.%y",
];
const TIMES = [" %H:%M:%S", " %H:%M", "", " %I:%M:%S %p", " %I:%M %p", " %H:%M:%S.%f", " %H.%M.%S"];
const WHOLE = [
  "%a, %d %b %Y %H:%M:%S %z",
  "%a %b %d %H:%M:%S %Y",
  "%a %b %d %H:%M:%S %Z %Y",
  "%d/%b/%Y:%H:%M:%S %z",
  "%d-%b-%Y %H:%M:%S",
  "%Y%m%d%H%M%S",
  "%y%m%d%H%M%S",
];
const USUAL = { from: Date.UTC(1990, 0, 1), until: Date.UTC(2100, 0, 1) };
/** The longest text of these. */
const TEXT_MOST = 40;

let patterns: readonly TimePattern[] | null = null;

/** Empty where no usual pattern reads the text. Day and month may be told apart by none: then both are named. */
export function guessedPattern(text: string): string {
  if (text.length > TEXT_MOST) return "";
  patterns ??= [...DAYS.flatMap((day) => TIMES.map((time) => day + time)), ...WHOLE].map(
    (each) => new TimePattern(each),
  );
  const bytes = new TextEncoder().encode(text.trim());
  const read = patterns.flatMap((pattern) => {
    const ms = pattern.read(bytes, 0, bytes.length);
    return ms >= USUAL.from && ms < USUAL.until ? [`as ${pattern.text} it is ${dayOf(ms)}`] : [];
  });
  return read.length === 0 ? "" : `; ${read.slice(0, 2).join(", ")}`;
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
