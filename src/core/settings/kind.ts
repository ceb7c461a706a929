/**
 * The kinds of value that a setting can have: how its text is read, what is refused, and how a value is written so that
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
  /** What a value looks like, behind the word "expected": `a duration from 10ms to 1m`. */
  readonly expects: string;
  /** The value's place in a help line: `DIR`, `30s`. */
  readonly hint: string;
  /** Text that is neither empty nor padded becomes a value; `parts` holds more than one where a flag was repeated. */
  parse(parts: readonly string[]): Parsed<T>;
  /** Reads back as the same value. */
  format(value: T): string;
};

/** A kind that takes one text: a repeated flag is refused rather than the last one winning in silence. */
function one<T>(kind: {
  expects: string;
  hint: string;
  read: (text: string) => T | undefined;
  format: (value: T) => string;
  /** Why a text was not read, where there is more to say than what was expected; else empty. */
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

/** `dir:PATH` or `s3:`. */
export const store: Kind<string> = one({
  expects: "dir:PATH or s3:",
  hint: "URI",
  read: (value) => (/^(dir:[^\0\r\n]{1,4096}|s3:)$/.test(value) ? value : undefined),
  format: (value) => value,
  why: (value) => {
    if (/^s3(:|$)/.test(value)) return "expected s3: alone, the buckets are named by S3_BUCKET_PREFIX and AWS_REGION";
    return value.includes(":") ? "" : `expected dir:PATH or s3:; did you mean dir:${value}?`;
  },
});

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

/** Names of users, groups and service principals separated by commas, each once; an empty text: nobody. */
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

export type HostPort = { readonly host: string; readonly port: number };

/**
 * Where to listen, or `off`: null. An address and no name but localhost: who may reach it must not depend on what a name
 * server says today.
 */
export const hostPortOrOff: Kind<HostPort | null> = one({
  expects: "HOST:PORT, such as 127.0.0.1:8080, or off",
  hint: "HOST:PORT|off",
  read: (value) => {
    if (value === "off") return null;
    const found = HOST_PORT.exec(value);
    const [, host = "", port = ""] = found ?? [];
    if (!isAddress(host) || Number(port) > 65_535) return undefined;
    return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
  },
  format: (value: HostPort | null) => {
    if (value === null) return "off";
    return `${value.host.includes(":") ? `[${value.host}]` : value.host}:${value.port}`;
  },
  why: whyNoHostPort,
});

const HOST_PORT = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):(\d{1,5})$/;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

/** Reached from this machine alone. With or without the brackets of an IPv6 address. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

function isAddress(host: string): boolean {
  if (host.startsWith("[")) return URL.canParse(`http://${host}/`);
  const bytes = host.split(".");
  return (
    host === "localhost" ||
    (bytes.length === 4 && bytes.every((byte) => /^(0|[1-9]\d{0,2})$/.test(byte) && +byte < 256))
  );
}

function whyNoHostPort(value: string): string {
  const only = /^:?(\d{1,5})$/.exec(value)?.[1];
  const expected = "expected HOST:PORT, such as 127.0.0.1:8080, or off";
  if (only !== undefined) return `${expected}; did you mean 127.0.0.1:${only}?`;
  const url = /^https?:\/\/([^/]+)\/?$/.exec(value)?.[1];
  if (url !== undefined) return `${expected}; did you mean ${url}?`;
  const [, host, port] = HOST_PORT.exec(value) ?? [];
  if (host === undefined) return "";
  if (Number(port) > 65_535) return "a port is at most 65535";
  return `expected an address of this machine or localhost, not "${host}"`;
}

/** One URI or several: separated by spaces in text, or the flag repeated (and then a path may hold spaces). */
export const uris: Kind<readonly string[]> = {
  expects: "URIs such as simulator: or sqlite:field.db",
  hint: "URI",
  parse: (parts) => {
    const all = parts.length === 1 ? splitUris(parts[0]!) : parts;
    const bad = all.find((uri) => !/^[a-z][a-z0-9+.-]*:[^\0\r\n]{0,4096}$/.test(uri));
    if (bad !== undefined) return { problem: `expected URIs such as simulator: or sqlite:field.db${uriMeant(bad)}` };
    return new Set(all).size === all.length ? { value: all } : { problem: "the same URI is given twice" };
  },
  format: (value) => value.join(" "),
};

/** A source without its colon, or a file without its kind. */
function uriMeant(bad: string): string {
  if (/^(simulator|stdin)$/.test(bad)) return `; did you mean ${bad}:?`;
  return /^[^:?]+\.(db|sqlite3?)$/.test(bad) ? `; did you mean sqlite:${bad}?` : "";
}

/** A space begins a new URI only where a scheme follows it, so that a path may hold spaces. */
function splitUris(value: string): string[] {
  return value.trim().split(/\s+(?=[a-z][a-z0-9+.-]*:)/);
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}
