/**
 * One line of InfluxDB's line protocol: `weather,station=a temperature=21.5,ok=t 1700000000000000000`. A point becomes a flat record:
 * `measurement`, the tags as text, the fields with their types, and `timestamp` in ISO 8601. Two of one name are distinguished as InfluxDB
 * does it: the tag is `host_1`.
 * https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
 */
import { PointScan } from "./point-scan.ts";

/** What a number behind the fields counts. */
const PRECISIONS = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
} as const;
export type Precision = keyof typeof PRECISIONS;

const ALL = ["ns", "us", "ms", "s", "m", "h"] as const satisfies readonly Precision[];

/** By the name that a client gives it; nanoseconds where it gives none. */
export function precisionOf(name: string | null): Precision | null {
  const known = { n: "ns", u: "us", µ: "us", "": "ns" }[name ?? ""] ?? name;
  return ALL.find((precision) => precision === known) ?? null;
}

export type InfluxPoint = {
  readonly record: Readonly<Record<string, unknown>>;
  /** The value of each field as JSON text, with every digit. */
  readonly texts: ReadonlyMap<string, string>;
};

/** Throws a LineProtocolError that says what was expected where. */
export function readPoint(line: string, precision: Precision): InfluxPoint {
  const scan = new PointScan(line);
  const tags: [name: string, value: string][] = [];
  const measurement = scan.name(", ");
  while (scan.takes(",")) {
    const tag = scan.name(",= ");
    scan.expect("=", "a = behind the tag");
    tags.push([tag, scan.name(", ")]);
  }
  scan.blanks("the fields");
  const record: Record<string, unknown> = Object.create(null);
  const texts = new Map<string, string>();
  const set = (name: string, value: unknown, text: string): void => {
    let free = name;
    for (let n = 1; Object.hasOwn(record, free); n++) free = `${name}_${n}`;
    record[free] = value;
    texts.set(free, text);
  };
  // What a map names first are fields: they keep their names.
  const time: { iso: string | null } = { iso: null };
  const fields: [name: string, value: unknown, text: string][] = [];
  do {
    const name = scan.name(",= ");
    scan.expect("=", "a = behind the field");
    const { value, text } = scan.value();
    fields.push([name, value, text]);
  } while (scan.takes(","));
  const digits = scan.timestamp();
  if (digits !== null) time.iso = isoOf(digits, precision);
  for (const [name, value, text] of fields) set(name, value, text);
  set("measurement", measurement, JSON.stringify(measurement));
  if (time.iso !== null) set("timestamp", time.iso, JSON.stringify(time.iso));
  for (const [name, value] of tags) set(name, value, JSON.stringify(value));
  return { record, texts };
}

/** Within what a date can be; a number beyond that stays one, and is refused as a time. */
const MOST_MS = 8_640_000_000_000_000n;

function isoOf(digits: string, precision: Precision): string {
  const ns = BigInt(digits) * PRECISIONS[precision];
  const rest = ((ns % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const ms = (ns - rest) / 1_000_000n;
  if (ms > MOST_MS || ms < -MOST_MS) return digits;
  const iso = new Date(Number(ms)).toISOString();
  return rest === 0n ? iso : `${iso.slice(0, -1)}${String(rest).padStart(6, "0").replace(/0+$/, "")}Z`;
}
