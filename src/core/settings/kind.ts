/**
 * The kinds of value that a setting can have: how its text is read, which texts are refused, and how a value is written so that
 * it reads back as itself.
 */

import { GZIP_LEVELS, type GzipLevel } from "../bytes/gzip.ts";
import { NODE_ID } from "../node-id.ts";
import { isStage, STAGES, type Stage } from "../stage.ts";
import {
  formatBytes,
  formatDuration,
  parseBytes,
  parseDuration,
  parseMilliseconds,
  unitMeant,
} from "../time/duration.ts";

export type Parsed<T> = { readonly value: T } | { readonly problem: string };

export type Kind<T> = {
  /** The form of a value, behind the word "expected": `a duration from 10ms to 1m`. */
  readonly expects: string;
  /** The value's place in a help line: `DIR`, `30s`. */
  readonly hint: string;
  /** Text that is neither empty nor padded becomes a value; `parts` holds more than one where a flag was repeated. */
  parse(parts: readonly string[]): Parsed<T>;
  /** Reads back as the same value. */
  format(value: T): string;
};

/** A kind that takes one text: a repeated flag is refused rather than the last one winning in silence. */
export function one<T>(kind: {
  expects: string;
  hint: string;
  read: (text: string) => T | undefined;
  format: (value: T) => string;
  /** Why a text was not read, where that says more than the expected form; else empty. */
  why?: (text: string) => string;
}): Kind<T> {
  const { expects, hint, format } = kind;
  const parse = (parts: readonly string[]): Parsed<T> => {
    if (parts.length !== 1) return { problem: `given ${parts.length} times, expected once` };
    const value = kind.read(parts[0]!);
    if (value !== undefined) return { value };
    const why = kind.why?.(parts[0]!) ?? "";
    return { problem: why === "" ? `expected ${expects}` : why };
  };
  return { expects, hint, parse, format };
}

export function text(expects: string, hint: string, pattern = /^[^\0\r\n]{1,4096}$/): Kind<string> {
  return one({ expects, hint, read: (value) => (pattern.test(value) ? value : undefined), format: (value) => value });
}

export const path = (hint: string): Kind<string> => text("a path", hint);

/**
 * Without dots, which break TLS names and Databricks. 31: the longest name, {prefix}-schematized-data-{region}, is then at
 * most 63 characters in every region. https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 */
export const bucketPrefix: Kind<string> = text(
  "1 to 31 of a-z, 0-9 and hyphens, with no hyphen at its ends, and not beginning with xn--, sthree- or amzn-s3-demo-",
  "PREFIX",
  /^(?!xn--|sthree-|amzn-s3-demo-)[a-z0-9](?:[a-z0-9-]{0,29}[a-z0-9])?$/,
);

/** `*`, or node ids separated by commas, each once. */
export const nodes: Kind<"*" | readonly string[]> = one({
  expects: "* or node ids separated by commas",
  hint: "NODE,…",
  read: (value): "*" | readonly string[] | undefined => {
    if (value === "*") return "*";
    const names = value.split(",").map((name) => name.trim());
    return names.every((name) => NODE_ID.test(name)) && new Set(names).size === names.length ? names : undefined;
  },
  format: (value) => (value === "*" ? "*" : value.join(",")),
});

/** At most ten: S3 and IAM keep fifty, and the owner has some of their own. */
const TAG = /^(?!aws:)[A-Za-z0-9 _.:/+@-]{1,128}=[A-Za-z0-9 _.:/+@-]{0,256}$/;
const TAGS_AT_MOST = 10;

/** `team=ops,cost-center=42`; empty: none. */
export const tags: Kind<Readonly<Record<string, string>>> = one({
  expects: `up to ${TAGS_AT_MOST} tags such as team=ops,cost-center=42`,
  hint: "KEY=VALUE,…",
  read: (value) => {
    const pairs = value === "" ? [] : value.split(",").map((pair) => pair.trim());
    if (pairs.length > TAGS_AT_MOST || !pairs.every((pair) => TAG.test(pair))) return undefined;
    const entries = pairs.map((pair): [string, string] => [
      pair.slice(0, pair.indexOf("=")),
      pair.slice(pair.indexOf("=") + 1),
    ]);
    return new Set(entries.map(([key]) => key)).size === entries.length ? Object.fromEntries(entries) : undefined;
  },
  format: (value: Readonly<Record<string, string>>) =>
    Object.entries(value)
      .map(([key, text]) => `${key}=${text}`)
      .join(","),
});

/** Names of users, groups and service principals separated by commas, each once; an empty text: no one. */
export const principals: Kind<readonly string[]> = one({
  expects: "names of users, groups or service principals, separated by commas",
  hint: "NAME,…",
  read: (value) => {
    if (value.trim() === "") return [];
    const names = value.split(",").map((part) => part.trim());
    const isName = (part: string) => /^[^\0\r\n]{1,256}$/.test(part);
    return names.every(isName) && new Set(names).size === names.length && names.length <= 32 ? names : undefined;
  },
  format: (value: readonly string[]) => value.join(","),
});

export function integer(min: number, max: number): Kind<number> {
  return one({
    expects: `a whole number from ${min} to ${max}`,
    hint: "N",
    read: (value) => within(/^-?\d{1,15}$/.test(value) ? Number(value) : undefined, min, max),
    format: String,
  });
}

/** Milliseconds since 1970, UTC. */
export const moment: Kind<number> = one({
  expects: "a day or a moment in UTC, such as 2000-01-01 or 2024-06-30T12:00:00Z",
  hint: "TIME",
  read: (value) => {
    if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$/.test(value)) return undefined;
    const ms = Date.parse(value);
    // The 30th of February would be the 1st of March.
    return Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(value.slice(0, 19).replace("Z", ""))
      ? undefined
      : ms;
  },
  format: (ms: number) => new Date(ms).toISOString().replace("T00:00:00.000Z", "").replace(".000Z", "Z"),
});

/** A share from 0 to 1. */
export const percent: Kind<number> = one({
  expects: "a percentage from 0% to 100%, such as 5%",
  hint: "PERCENT",
  read: (value) => within(/^\d{1,3}(\.\d{1,4})?%$/.test(value) ? Number(value.slice(0, -1)) / 100 : undefined, 0, 1),
  format: (value: number) => `${Number((value * 100).toFixed(4))}%`,
  why: (value) => (/^\d+(\.\d+)?$/.test(value) ? `expected a percentage; did you mean ${value}%?` : ""),
});

/** `auto` leaves it to the agent. */
export const gzipLevel: Kind<GzipLevel | "auto"> = one({
  expects: `auto, or a whole number from ${GZIP_LEVELS[0]} to ${GZIP_LEVELS.length}`,
  hint: "auto|N",
  read: (value) => (value === "auto" ? value : GZIP_LEVELS.find((level) => String(level) === value)),
  format: String,
});

export function duration(min: string, max: string): Kind<number> {
  return durationReadBy(parseDuration, min, max);
}

/** For a setting whose name ends in `_MS`: a bare number is milliseconds. */
export function milliseconds(min: string, max: string): Kind<number> {
  return durationReadBy(parseMilliseconds, min, max);
}

function durationReadBy(parse: (text: string) => number | undefined, min: string, max: string): Kind<number> {
  const [minMs, maxMs] = [parseDuration(min)!, parseDuration(max)!];
  return one({
    expects: `a duration from ${min} to ${max}, such as 250ms, 30s, 5m, 24h or 7d`,
    hint: "DURATION",
    read: (value) => within(parse(value), minMs, maxMs),
    format: formatDuration,
    why: (value) => (parse(value) === undefined ? unitMeant(value) : ""),
  });
}

/** A wait that may have no end: `forever` is Infinity. */
export function durationOrForever(max: string): Kind<number> {
  const maxMs = parseDuration(max)!;
  return one({
    expects: `a duration from 0 to ${max}, or forever`,
    hint: "DURATION|forever",
    read: (value) => (value === "forever" ? Number.POSITIVE_INFINITY : within(parseDuration(value), 0, maxMs)),
    format: (value) => (value === Number.POSITIVE_INFINITY ? "forever" : formatDuration(value)),
    why: unitMeant,
  });
}

export function durationOrOff(min: string, max: string): Kind<number | null> {
  const limits = [parseDuration(min)!, parseDuration(max)!] as const;
  return one({
    expects: `a duration from ${min} to ${max}, or off`,
    hint: "DURATION|off",
    read: (value): number | null | undefined => (value === "off" ? null : within(parseDuration(value), ...limits)),
    format: (value: number | null) => (value === null ? "off" : formatDuration(value)),
    why: unitMeant,
  });
}

export function bytes(min: string, max: string): Kind<number> {
  const [least, most] = [parseBytes(min)!, parseBytes(max)!];
  return one({
    expects: `a size from ${min} to ${max}, such as 512MiB or 2GiB`,
    hint: "SIZE",
    read: (value) => within(parseBytes(value), least, most),
    format: formatBytes,
  });
}

export function choice<const T extends string>(options: readonly T[]): Kind<T> {
  return one({
    expects: options.length === 1 ? options[0]! : `${options.slice(0, -1).join(", ")} or ${options.at(-1)}`,
    hint: options.join("|"),
    read: (value) => options.find((option) => option === value),
    format: (value) => value,
  });
}

/** Stages separated by commas, each once; the value is in the order of the pipeline. */
export const stages: Kind<readonly Stage[]> = one({
  expects: `some of ${STAGES.join(",")}`,
  hint: "STAGE,…",
  read: (value) => {
    const names = value.split(",").map((name) => name.trim());
    if (!names.every(isStage) || new Set(names).size !== names.length) return undefined;
    return STAGES.filter((stage) => names.includes(stage));
  },
  format: (value: readonly Stage[]) => value.join(","),
});

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}
