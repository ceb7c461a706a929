/**
 * Other texts of one meaning each, in the usual shape: blanks around, blanks before the zone, `UTC` and `GMT`, a day alone (its
 * midnight), 24:00 (the midnight that a day ends with), ISO 8601 without separators (`20161231T235960Z`), and what Go prints: the name of the zone behind its offset, and
 * the reading of another clock (`+0100 CET m=+0.01`). And a leap second, which is read as the second before it.
 */

import { MS_PER_DAY } from "../../core/time/duration.ts";

export type UsualShape = { readonly text: string; readonly isLeapSecond: boolean };

const GO = String.raw`(?: +(?:[A-Z]{2,5}|[+-]\d\d(?:\d\d)?)(?: +m=[+-]\d+\.\d+)?)?`;
const ZONE = String.raw` *(?:(Z|UTC|GMT)|([+-]\d\d(?::?\d\d)?)${GO})?`;
const EXTENDED = new RegExp(String.raw`^(\d{4}-\d\d-\d\d)(?:[T ] *(\d\d:\d\d)(?::(\d\d)([.,]\d+)?)?)?${ZONE}$`, "i");
const BASIC = new RegExp(String.raw`^(\d{8})(?:[T ](\d{4})(?:(\d\d)([.,]\d+)?)?${ZONE})?$`, "i");

/** The same moment as `YYYY-MM-DDTHH:MM:SS`, perhaps with a fraction and a zone; null where the text has another shape. */
export function usualShape(text: string): UsualShape | null {
  // Only blanks: a tab within quotes is not JSON, and the fast path of lines relies on that.
  const trimmed = text.replace(/^ +| +$/g, "");
  const found = EXTENDED.exec(trimmed) ?? BASIC.exec(trimmed);
  if (found === null) return null;
  const [, day = "", minutes = "00:00", seconds = "00", fraction = "", utc, zone = ""] = found;
  const date = day.includes("-") ? day : `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`;
  const time = minutes.includes(":") ? minutes : `${minutes.slice(0, 2)}:${minutes.slice(2)}`;
  const offset = utc === undefined ? zone : "Z";
  const isLeapSecond = seconds === "60";
  const tail = `:${isLeapSecond ? "59" : seconds}${fraction}`;
  const endsDay = time === "24:00" && /^:00(?:[.,]0+)?$/.test(tail);
  return { text: `${endsDay ? `${dayAfter(date)}T00:00` : `${date}T${time}`}${tail}${offset}`, isLeapSecond };
}

/** `date` itself where there is no such day. */
function dayAfter(date: string): string {
  const ms = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== date) return date;
  return new Date(ms + MS_PER_DAY).toISOString().slice(0, 10);
}

/** UTC may have a 61st second in the last minute of a month only. */
export function endsMonth(ms: number): boolean {
  const next = new Date(ms - (ms % 1_000) + 1_000);
  return next.getUTCDate() === 1 && next.toISOString().slice(11, 19) === "00:00:00";
}
