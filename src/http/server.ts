/**
 * The HTTP server of a running agent. It answers a few fixed paths from pages that are kept for a moment, so that clients
 * cost the agent next to nothing, however often they ask. Where the port is taken the agent runs without it, reports a
 * problem, and tries again.
 */
import { codeOf, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import { type HostPort, isLoopback } from "../core/settings/address.ts";
import type { HeadProblem, RequestHead } from "./head.ts";
import { HttpListener, type Reply } from "./listener.ts";

export type PageContent = { readonly status: number; readonly type: string; readonly body: string };
/** Makes the page of a path; called on request, a few times a second at most. */
export type Page = () => PageContent | Promise<PageContent>;

export type HttpServerParts = {
  readonly at: HostPort;
  readonly pages: ReadonlyMap<string, Page>;
  /** A page that was made before this changed is made again: for facts that must be shown at once, and change seldom. */
  readonly stamp: () => unknown;
  readonly log: Log;
  /** Milliseconds that only run. */
  readonly running: () => number;
};

/** A page is kept 20 times as long as it took to make (a twentieth of the agent's time at most), within these limits. */
const FRESH_MS = { least: 200, most: 1_000, times: 20 };
const RETRY_MS = 5_000;

/** The engine only says that it failed. */
const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken",
  EADDRNOTAVAIL: "this machine has no such address now",
  EACCES: "this user may not listen on that port",
};

type CachedPage = { freshUntilMs: number; readonly stamp: unknown; readonly content: Promise<PageContent> };

export class HttpServer {
  readonly #parts: HttpServerParts;
  readonly #made = new Map<string, CachedPage>();
  #listener: HttpListener | null = null;
  #retry: Timer | null = null;
  #refused: string | null = null;

  constructor(parts: HttpServerParts) {
    this.#parts = parts;
    this.#listen();
  }

  /** Where it listens, or null while it does not. */
  get url(): string | null {
    const { host } = this.#parts.at;
    if (this.#listener === null) return null;
    return `http://${host.includes(":") ? `[${host}]` : host}:${this.#listener.port}/`;
  }

  /** Why it does not listen, or null. */
  get refused(): string | null {
    return this.#refused;
  }

  /** Does not wait for the next try: the process that had the port may just have ended. */
  tryNow(): void {
    if (this.#retry === null) return;
    clearTimeout(this.#retry);
    this.#listen();
  }

  close(): void {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#listener?.close();
    this.#listener = null;
  }

  #listen(): void {
    const { at, log } = this.#parts;
    this.#retry = null;
    try {
      this.#listener = new HttpListener(at, (head) => this.#answer(head));
      this.#refused = null;
      const warning = isLoopback(at.host) ? "" : "; anyone who reaches it may read them, without a password";
      log.info("listening", `Health and metrics: ${this.url}healthz and /metrics${warning}`);
    } catch (error) {
      const message = `Cannot listen on ${at.host}:${at.port}: ${WHY[codeOf(error) ?? ""] ?? messageOf(error)}`;
      if (this.#refused === null) log.warn("not_listening", `${message}. The agent continues, and tries again`);
      this.#refused = message;
      // An agent that has ended does not wait for it.
      this.#retry = setTimeout(() => this.#listen(), RETRY_MS);
      this.#retry.unref();
    }
  }

  async #answer(head: RequestHead | HeadProblem): Promise<Reply> {
    const { pages, at, log } = this.#parts;
    if ("problem" in head) return plain(head.status, `${head.problem}\n`);
    // A page of another site may make a browser ask us under its own name (DNS rebinding): it is not answered.
    if (isLoopback(at.host) && !isLocal(head.host)) return plain(421, "the Host header names another host\n");
    if (head.method !== "GET" && head.method !== "HEAD")
      return plain(405, "GET or HEAD only\n", { allow: "GET, HEAD" });
    const page = pages.get(head.path);
    if (page === undefined) return plain(404, `not found; pages: ${[...pages.keys()].join(", ")}\n`);
    try {
      const { status, type, body } = await this.#fresh(head.path, page);
      return { status, body, headers: { ...HEADERS, "content-type": type } };
    } catch (error) {
      log.warn("answer_failed", `Cannot answer over HTTP: ${messageOf(error)}`);
      return plain(500, "this page cannot be made now; the agent's log says why\n");
    }
  }

  #fresh(path: string, page: Page): Promise<PageContent> {
    const { running } = this.#parts;
    const nowMs = running();
    const stamp = this.#parts.stamp();
    const last = this.#made.get(path);
    if (last !== undefined && nowMs < last.freshUntilMs && last.stamp === stamp) return last.content;
    // A request that comes while the page is being made waits for the same one.
    const made: CachedPage = { freshUntilMs: Number.POSITIVE_INFINITY, stamp, content: (async () => await page())() };
    this.#made.set(path, made);
    const done = () => {
      const tookMs = running() - nowMs;
      made.freshUntilMs = running() + Math.min(FRESH_MS.most, Math.max(FRESH_MS.least, FRESH_MS.times * tookMs));
    };
    made.content.then(done, done);
    return made.content;
  }
}

const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

function plain(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, body, headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8", ...headers } };
}

function isLocal(host: string | null): boolean {
  return host === null || isLoopback(host.replace(/:\d{1,5}$/, ""));
}
