/**
 * How the S3 SDK's requests go out: by `fetch`. The SDK's own handler (node:http) needs twice the CPU for a put, and its
 * fetch handler does not end a request that timed out (docs/decisions.md, "S3 by fetch"). Connections are kept alive
 * and HTTPS_PROXY / NO_PROXY are honoured, both by `fetch` itself.
 */
import type { S3ClientConfig } from "@aws-sdk/client-s3";
import { messageOf, UsageError } from "../../core/errors.ts";
import { askWithin } from "../../core/net/timed-request.ts";
import { readFileText } from "../../core/outside/file-text.ts";
import { type Connections, sentOnce } from "./connections.ts";

export type S3Handler = Extract<S3ClientConfig["requestHandler"], { handle: unknown }>;
type S3Request = Parameters<S3Handler["handle"]>[0];
type S3RequestOptions = Parameters<S3Handler["handle"]>[1];
type HttpAnswer = Awaited<ReturnType<S3Handler["handle"]>>;

/** The slowest uplink that still gets through: each 4 KiB of a body may take a second more. */
const SLOWEST_BYTES_PER_S = 4_096;

/** All public authorities together have 0.2 MiB. */
const BUNDLE_BYTES = 16 * 1024 * 1024;

/** What is trusted instead of the public authorities: the certificates of AWS_CA_BUNDLE. */
export type Trust = { readonly ca: string };

/** As AWS's other tools: certificates in PEM, for every endpoint of AWS. Null: not set. Throws UsageError where there are none. */
export function trustOf(env: Readonly<Record<string, string | undefined>>): Trust | null {
  const path = env["AWS_CA_BUNDLE"];
  if (!path) return null;
  const tryHint = "unset AWS_CA_BUNDLE";
  let ca: string;
  try {
    ca = readFileText(path, BUNDLE_BYTES);
  } catch (error) {
    throw new UsageError(`Cannot read AWS_CA_BUNDLE "${path}": ${messageOf(error)}`, { cause: error, tryHint });
  }
  if (ca.includes("-----BEGIN CERTIFICATE-----")) return { ca };
  throw new UsageError(`Cannot use AWS_CA_BUNDLE "${path}": there is no certificate in PEM in it`, { tryHint });
}

/** `timeoutMs`: from the request's start to its answer's last byte, for an empty body. */
export function fetchHandler(
  timeoutMs: number,
  trust: Trust | null = null,
  connections: Connections | null = null,
): S3Handler {
  const send = sender(trust, connections);
  const handler = {
    metadata: { handlerProtocol: "http/1.1" },
    handle: (request: S3Request, options: S3RequestOptions = {}) => {
      const body = bodyOf(request);
      // The SDK's own, older type knows no addEventListener; what comes here is what `put` was given.
      const stop = options?.abortSignal as AbortSignal | undefined;
      const limitMs = timeoutMs + ((body?.length ?? 0) / SLOWEST_BYTES_PER_S) * 1_000;
      return askWithin({ limitMs, stop }, (signal) => send(request, body, signal));
    },
    destroy: () => {},
    updateHttpClientConfig: () => {},
    httpHandlerConfigs: () => ({}),
  };
  return handler;
}

type Body = Uint8Array<ArrayBuffer> | string | undefined;

type Send = (request: S3Request, body: Body, signal: AbortSignal) => Promise<HttpAnswer>;

function sender(trust: Trust | null, connections: Connections | null): Send {
  const tls = trust === null ? {} : { tls: { ca: trust.ca } };
  return async (request, body, signal) => {
    const isOwn = connections?.next() ?? false;
    const own = isOwn ? { keepalive: false } : {};
    const answer = await answerOf(
      await fetch(urlOf(request), { ...tls, ...own, ...requestOf(request, body, signal) }),
      request,
    );
    connections?.answered();
    return isOwn ? { response: sentOnce(answer.response) } : answer;
  };
}

function requestOf(request: S3Request, body: Body, signal: AbortSignal) {
  return {
    method: request.method,
    headers: request.headers,
    body: body ?? null,
    signal,
    redirect: "manual",
    decompress: false,
    timeout: false,
  } as const;
}

async function answerOf(answer: Response, request: S3Request): Promise<HttpAnswer> {
  const received = new Uint8Array(await answer.arrayBuffer());
  const isStreamed = request.method === "GET" && answer.ok;
  const response = {
    statusCode: answer.status,
    reason: answer.statusText,
    headers: answer.headers.toJSON(),
    // The SDK insists on a stream where the operation's output is one (GetObject), and takes bytes everywhere else.
    body: isStreamed ? new Blob([received]).stream() : received,
  };
  return { response: response as unknown as HttpAnswer["response"] };
}

function bodyOf(request: S3Request): Body {
  const body: unknown = request.body;
  if (body === undefined || body === null || request.method === "GET" || request.method === "HEAD") return undefined;
  if (typeof body === "string") return body;
  if (body instanceof Uint8Array) return body as Uint8Array<ArrayBuffer>;
  throw new TypeError("Cannot send a request: its body is neither bytes nor text");
}

function urlOf(request: S3Request): string {
  const { protocol, hostname, port, path, query } = request;
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      pairs.push(one === null ? escaped(name) : `${escaped(name)}=${escaped(one)}`);
    }
  }
  const search = pairs.length === 0 ? "" : `?${pairs.join("&")}`;
  return `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}${search}`;
}

/** As the signature escapes: RFC 3986, which also takes what encodeURIComponent leaves. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
