/** The key `timestamp` of a map file: in which words and numbers a foreign row says its time. */
import { oneOrList } from "../../core/outside/composed-shapes.ts";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { oneOf, text } from "../../core/outside/scalar-shapes.ts";
import {
  type Complain,
  list,
  mustBe,
  type ObjectOf,
  object,
  optional,
  type Partly,
  record,
  type Shape,
} from "../../core/outside/shape.ts";
import { TIMESTAMP_FORMATS } from "../row/timestamp.ts";
import { isNumberFormat } from "./number-times.ts";
import { withPercents } from "./pattern-hint.ts";
import { parsePattern } from "./pattern-text.ts";
import type { TimeRules } from "./time-rules.ts";
import { zoneOf } from "./zone.ts";

const FORMATS_MOST = 20;
const ZONES_MOST = 100;
const FROM_MOST = 8;
const OFFSET = /^[+-](?:[01]\d|2[0-3]):?[0-5]\d$|^UTC$/;
const EXPECTED = `one of ${TIMESTAMP_FORMATS.join(", ")}, or a pattern such as %d/%m/%Y %H:%M:%S`;

const FORMAT = text(/^/, "text", (value) => {
  if (TIMESTAMP_FORMATS.some((known) => known === value)) return null;
  if (value.includes("%")) {
    const parsed = parsePattern(value);
    return typeof parsed === "string" ? parsed : null;
  }
  const pattern = withPercents(value);
  const near = pattern === null ? didYouMean(value, TIMESTAMP_FORMATS) : `; did you mean ${pattern}?`;
  return `${mustBe(EXPECTED, value)}${near}`;
});

const ZONE = text(/^/, "a time zone such as Europe/Brussels or +01:00", (zone) => {
  if (zoneOf(zone) !== null) return null;
  const near = didYouMean(zone, Intl.supportedValuesOf("timeZone"));
  return `${mustBe("a time zone such as Europe/Brussels or +01:00", zone)}${near}`;
});

const ZONES = record(text(OFFSET, "an offset from UTC such as +02:00"), { most: ZONES_MOST });

const KEYS = {
  format: optional(oneOrList(FORMAT, { least: 1, most: FORMATS_MOST }), ["iso"]),
  zone: optional(ZONE),
  zones: optional(ZONES, new Map()),
  from: optional(list(text(/^/, "a field's name"), { least: 1, most: FROM_MOST }), []),
  missing: optional(oneOf(["arrival"])),
};

type TimestampKey = ObjectOf<typeof KEYS>;
const TIMESTAMP: Shape<TimestampKey> = object(KEYS, checkKeys);

const NOTHING_SAID: TimestampKey = { format: ["iso"], zone: undefined, zones: new Map(), from: [], missing: undefined };
export const TIMESTAMP_KEY = optional(TIMESTAMP, NOTHING_SAID);

function checkKeys({ format = [], zones, from = [] }: Partly<TimestampKey>, complain: Complain): void {
  const names = zones === undefined ? [] : [...zones.keys()];
  for (const name of names.filter((each) => !/^[A-Za-z][A-Za-z ._-]{0,31}$/.test(each)))
    complain(`zones.${name}`, "must be a name of letters, as timestamps have it", "key");
  if (names.length > 0 && !format.some((each) => each?.includes("%Z")))
    complain("zones", "has names, and no format reads one: %Z is the name of a zone");
  const twice = from.find((name, at) => from.indexOf(name) !== at);
  if (twice !== undefined) complain("from", `has "${twice}" twice`);
  if (from.length < 2) return;
  const numeric = format.findIndex((each) => each !== undefined && isNumberFormat(each));
  if (numeric >= 0) complain("format", "is of numbers, and the texts of several fields are joined by a blank");
}

export function timeRulesOf({ format, zone, zones, from, missing }: TimestampKey): TimeRules {
  return {
    formats: format,
    zone: zone === undefined ? null : zoneOf(zone),
    zones: new Map(Array.from(zones, ([name, offset]) => [name, offsetMs(offset)])),
    from,
    orArrival: missing === "arrival",
  };
}

function offsetMs(offset: string): number {
  return offset === "UTC" ? 0 : -(zoneOf(offset)?.toUtc(0) ?? 0);
}
