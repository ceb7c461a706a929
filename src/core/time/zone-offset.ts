/**
 * How far a place is from UTC, at any moment. The answer is remembered with the two changes of the clocks that it holds
 * between, as the time zone data has them: no assumption on which days, quarters or seconds they change.
 */
import { MS_PER_HOUR, MS_PER_MINUTE } from "./duration.ts";

/** Milliseconds to add to UTC. */
export type ZoneOffset = (utcMs: number) => number;

/** In UTC, how long an offset is in force; `from` is in the span, `until` is not. */
export type OffsetSpan = { readonly from: number; readonly until: number; readonly offsetMs: number };

const FIXED = /^([+-]?)([01]\d|2[0-3]):([0-5]\d)$/;
/** The runtime would also take a whole time stamp for a zone. */
const NAMED = /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/;
const MAX_ZONES = 4_096;
const zones = new Map<string, ZoneOffset | null>();

/** `UTC`, `+01:00`, `-03:30`, `02:00`, or an IANA name (`Europe/Brussels`, `CET`); null where there is no such zone. */
export function zoneOffset(name: string): ZoneOffset | null {
  let known = zones.get(name);
  if (known === undefined) {
    // Names can come from readings.
    if (zones.size >= MAX_ZONES) zones.clear();
    known = makeZone(name);
    zones.set(name, known);
  }
  return known;
}

function makeZone(name: string): ZoneOffset | null {
  const fixed = FIXED.exec(name);
  if (fixed !== null) {
    const ms = Number(fixed[2]) * MS_PER_HOUR + Number(fixed[3]) * MS_PER_MINUTE;
    return fixedOffset(fixed[1] === "-" ? 0 - ms : ms);
  }
  if (!NAMED.test(name)) return null;
  try {
    const first = offsetSpanAt(name, 0);
    if (first.from === Number.NEGATIVE_INFINITY && first.until === Number.POSITIVE_INFINITY) {
      return fixedOffset(first.offsetMs);
    }
    return remembering(name, first);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function fixedOffset(offsetMs: number): ZoneOffset {
  return () => offsetMs;
}

function remembering(name: string, first: OffsetSpan): ZoneOffset {
  /** By time, without overlap; two a year at most. */
  const spans: OffsetSpan[] = [first];
  let last = first;
  return (utcMs) => {
    if (utcMs >= last.from && utcMs < last.until) return last.offsetMs;
    const at = placeOf(spans, utcMs);
    const before = spans[at - 1];
    if (before !== undefined && utcMs < before.until) last = before;
    else {
      last = offsetSpanAt(name, utcMs);
      spans.splice(at, 0, last);
    }
    return last.offsetMs;
  };
}

/** How many spans begin at or before a moment. */
function placeOf(spans: readonly OffsetSpan[], utcMs: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle]?.from ?? 0) <= utcMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The offset at a moment and how long it is in force. Throws a RangeError where there is no such zone, or no such moment. */
export function offsetSpanAt(name: string, utcMs: number): OffsetSpan {
  const here = Temporal.Instant.fromEpochMilliseconds(Math.floor(utcMs)).toZonedDateTimeISO(name);
  const next = here.getTimeZoneTransition("next")?.epochMilliseconds ?? Number.POSITIVE_INFINITY;
  // "previous" is strictly before, so a moment that is itself a change is asked for from just after it.
  const after = here.add({ milliseconds: 1 });
  const previous = after.getTimeZoneTransition("previous")?.epochMilliseconds ?? Number.NEGATIVE_INFINITY;
  return { from: previous, until: next, offsetMs: here.offsetNanoseconds / 1e6 };
}
