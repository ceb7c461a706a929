/** Whether a request may be taken, decided from its head: before its body is read, and before the sender is asked for it. */
import { createHash, timingSafeEqual } from "node:crypto";
import { isLoopback } from "../../core/settings/address.ts";
import { type HttpReply, refusal } from "./reply.ts";

export type HeadFields = Readonly<Record<string, string | readonly string[] | undefined>>;

export type RequestHead = {
  readonly method: string;
  readonly path: string;
  /** Without its question mark. */
  readonly query: string;
  readonly headers: HeadFields;
};

/** Of an address and its endpoint. */
export type AdmissionRules = {
  readonly token: string | null;
  readonly methods: readonly string[];
  readonly maxBodyBytes: number;
};

/** The one value of a field, or null where it has none or several. */
export function fieldOf(headers: HeadFields, name: string): string | null {
  const value = headers[name];
  return typeof value === "string" ? value : null;
}

/** Null: it may be taken. */
export function refusalOfHead(head: RequestHead, rules: AdmissionRules): HttpReply | null {
  const { token, methods, maxBodyBytes } = rules;
  const { headers, method } = head;
  if (token === null) {
    const page = refusalOfPages(headers);
    if (page !== null) return page;
  } else if (!hasToken(headers, token)) {
    const error = "the token is missing or wrong: send Authorization: Bearer TOKEN, with the TOKEN of AGENT_HTTP_TOKEN";
    return refusal(401, error, { "www-authenticate": 'Bearer realm="agent"' });
  }
  if (!methods.includes(method)) {
    return refusal(405, `${methods.join(" or ")} was expected, not ${method.slice(0, 16)}`, {
      allow: methods.join(", "),
    });
  }
  return refusalOfType(headers) ?? refusalOfLength(headers, maxBodyBytes);
}

/**
 * A page in a browser can make it send to loopback, also under another name (DNS rebinding). A device sends no Origin, and calls the agent
 * by a name of loopback where that is all that it listens on.
 */
function refusalOfPages(headers: HeadFields): HttpReply | null {
  const site = fieldOf(headers, "sec-fetch-site");
  if (headers["origin"] === undefined && (site === null || site === "none")) return null;
  return refusal(403, "pages of a browser may send only with a token: set AGENT_HTTP_TOKEN");
}

/** A loopback listener without a token answers only to names of loopback. */
export function refusalOfHost(headers: HeadFields, host: string, token: string | null): HttpReply | null {
  const named = fieldOf(headers, "host");
  if (token !== null || !isLoopback(host) || named === null || isLoopback(named.replace(/:\d{1,5}$/, ""))) return null;
  return refusal(421, "the Host header names another host: set AGENT_HTTP_TOKEN where a proxy stands before the agent");
}

/** `Bearer TOKEN`; `Token TOKEN` and Basic with the token as password are what clients of InfluxDB send. */
function hasToken(headers: HeadFields, token: string): boolean {
  const [scheme = "", given = ""] = (fieldOf(headers, "authorization") ?? "").split(/ +/, 2);
  if (/^(bearer|token)$/i.test(scheme)) return isSame(given, token);
  if (!/^basic$/i.test(scheme)) return false;
  const pair = Buffer.from(given, "base64").toString("utf8");
  return isSame(pair.slice(pair.indexOf(":") + 1), token);
}

/** In a time that says nothing about where they differ, nor about the length of the token. */
function isSame(given: string, token: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}

const TYPES =
  /^(text\/(?!html|xml|javascript|css)[\w.+-]+|application\/([\w.-]+\+json|(x-)?(ndjson|jsonl|jsonlines|json-seq|gzip|www-form-urlencoded)|json|csv|json-lines|octet-stream))$/;

function refusalOfType(headers: HeadFields): HttpReply | null {
  const encoding = (fieldOf(headers, "content-encoding") ?? "identity").trim().toLowerCase();
  if (!/^(identity|(x-)?gzip)?$/.test(encoding)) {
    return refusal(415, `the Content-Encoding is "${encoding.slice(0, 40)}": gzip or none was expected`, {
      "accept-encoding": "gzip",
    });
  }
  const type = mediaType(headers);
  if (type === "" || TYPES.test(type)) return null;
  const known =
    "application/json, application/x-ndjson, text/csv and text/plain are known, and none lets the agent look";
  return refusal(415, `the Content-Type is "${type.slice(0, 80)}": ${known}`);
}

/** `application/json` of `application/JSON; charset=utf-8`; empty where it is not said. */
export function mediaType(headers: HeadFields): string {
  return (fieldOf(headers, "content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

function refusalOfLength(headers: HeadFields, most: number): HttpReply | null {
  return Number(fieldOf(headers, "content-length") ?? 0) > most ? tooLarge(most) : null;
}

export function tooLarge(most: number): HttpReply {
  return refusal(
    413,
    `the body has more than ${most} bytes, unpacked: send fewer readings at once, or set AGENT_HTTP_MAX_BYTES`,
  );
}
