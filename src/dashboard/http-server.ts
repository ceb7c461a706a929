/**
 * The HTTP server of a running agent. It answers a few fixed paths from text that is made at most once a second, so that
 * whoever asks, however often, costs the agent next to nothing. A port that is taken is no reason to stop: it is tried
 * again, and told as a problem until then.
 */
import type { Server } from "bun";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { HostPort } from "../core/settings-kind.ts";

export type Answer = { readonly status: number; readonly type: string; readonly body: string };
/** Makes the body of a path; called when somebody asks, at most once a second. */
export type Page = () => Answer | Promise<Answer>;

export type HttpServerParts = {
  readonly at: HostPort;
  readonly pages: ReadonlyMap<string, Page>;
  readonly log: Log;
  /** Milliseconds that only run. */
  readonly running: () => number;
};

/** An answer is good for this long. */
const FRESH_MS = 1_000;
const RETRY_MS = 5_000;
/** A connection that says nothing for this long is closed, in seconds. */
const IDLE_S = 10;
/** Requests that may wait for their answer at once. */
const MOST_PENDING = 256;
/** No path takes a body. */
const MOST_BODY_BYTES = 1_024;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i;

export class HttpServer {
  readonly #parts: HttpServerParts;
  readonly #made = new Map<string, { readonly atMs: number; readonly answer: Promise<Answer> }>();
  #server: Server<undefined> | null = null;
  #retry: Timer | null = null;
  #refused: string | null = null;

  constructor(parts: HttpServerParts) {
    this.#parts = parts;
    this.#listen();
  }

  /** Where it listens, or null while it does not. */
  get url(): string | null {
    return this.#server === null ? null : this.#server.url.href;
  }

  /** Why it does not listen, or null. */
  get refused(): string | null {
    return this.#refused;
  }

  close(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    void this.#server?.stop(true);
    this.#server = null;
  }

  #listen(): void {
    const { at, log } = this.#parts;
    this.#retry = null;
    try {
      this.#server = Bun.serve({
        ...{ hostname: at.host, port: at.port, idleTimeout: IDLE_S, maxRequestBodySize: MOST_BODY_BYTES },
        fetch: (request, server) => this.#answer(request, server),
        error: (error) => this.#failed(error),
      });
      this.#refused = null;
      log.info("listening", `Health and metrics: ${this.#server.url.href}healthz and /metrics`);
    } catch (error) {
      const message = `Cannot listen on ${at.host}:${at.port}: ${messageOf(error)}`;
      if (this.#refused === null) log.warn("not_listening", `${message}. The agent goes on, and tries again`);
      this.#refused = message;
      // Nothing waits for it: an agent that has ended does not live on for its sake.
      this.#retry = setTimeout(() => this.#listen(), RETRY_MS);
      this.#retry.unref();
    }
  }

  async #answer(request: Request, server: Server<undefined>): Promise<Response> {
    const { pages, at } = this.#parts;
    if (server.pendingRequests > MOST_PENDING) return plain(503, "too many requests at once\n", { "retry-after": "1" });
    // A page of another site may make a browser ask us under its own name (DNS rebinding): it is not answered.
    if (LOOPBACK.test(at.host) && !isLocal(request.headers.get("host"))) return plain(421, "not my name\n");
    const page = pages.get(new URL(request.url).pathname);
    if (page === undefined) return plain(404, `there is ${[...pages.keys()].join(", ")}\n`);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return plain(405, "GET or HEAD only\n", { allow: "GET, HEAD" });
    }
    const { status, type, body } = await this.#fresh(new URL(request.url).pathname, page);
    return new Response(request.method === "HEAD" ? null : body, {
      status,
      headers: { ...HEADERS, "content-type": type },
    });
  }

  #fresh(path: string, page: Page): Promise<Answer> {
    const nowMs = this.#parts.running();
    const last = this.#made.get(path);
    if (last !== undefined && nowMs - last.atMs < FRESH_MS) return last.answer;
    const answer = (async () => await page())();
    this.#made.set(path, { atMs: nowMs, answer });
    return answer;
  }

  #failed(error: unknown): Response {
    this.#parts.log.warn("answer_failed", `Cannot answer over HTTP: ${messageOf(error)}`);
    return plain(500, "cannot tell now; the agent's log says why\n");
  }
}

const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

function plain(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(body, {
    status,
    headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8", ...headers },
  });
}

function isLocal(host: string | null): boolean {
  return host === null || LOOPBACK.test(host.replace(/:\d{1,5}$/, ""));
}
