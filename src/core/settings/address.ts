/** The kinds of value that name a place: a source, a store, an address to listen on. */
import { type Kind, one } from "./kind.ts";

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

export type HostPort = { readonly host: string; readonly port: number };

/**
 * Where to listen, or `off`: null. An address, and no name but localhost: which machines may reach it must not depend on the answer of a
 * name server.
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
  if (/^[^:?]+\.(csv|tsv|ndjson|jsonl|json|log)(\.gz)?$/.test(bad)) return `; did you mean file:${bad}?`;
  return /^[^:?]+\.(db|sqlite3?)$/.test(bad) ? `; did you mean sqlite:${bad}?` : "";
}

/** A space begins a new URI only where a scheme follows it, so that a path may hold spaces. */
function splitUris(value: string): string[] {
  return value.trim().split(/\s+(?=[a-z][a-z0-9+.-]*:)/);
}
