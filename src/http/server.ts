/**
 * The HTTP server of a running agent: pages that are kept for a moment, so that clients cost the agent next to nothing however
 * often they ask, and routes, each with who may ask. Where the port is taken the agent runs without it, reports a problem, and
 * tries again.
 */
import { codeOf, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import type { HostPort } from "../core/settings/address.ts";
import { tooLarge } from "./body.ts";
import type { Admission, AdmittedRequest } from "./connection.ts";
import { denies, deniesHost, type Guard } from "./guard.ts";
import type { HeadProblem, RequestHead } from "./head.ts";
import { RefusalCounts } from "./limits.ts";
import { HttpListener } from "./listener.ts";
import type { PageContent, PageKeeper } from "./pages.ts";
import type { Reply } from "./reply.ts";
import type { HttpReply, HttpRequest, Route } from "./route.ts";

export type HttpServerParts = {
  readonly at: HostPort;
  /** Where the port is taken, any free one does. */
  readonly orFreePort: boolean;
  readonly pages: PageKeeper;
  /** The one for `/` is for browsers; other clients get the page of that path. */
  readonly routes: readonly Route[];
  readonly guard: Guard;
  readonly log: Log;
  /** What the log says when it listens. */
  readonly listening: (url: string) => string;
};

const RETRY_MS = 5_000;
const JSON_TYPE = "application/json; charset=utf-8";
const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer" };

/** The engine only says that it failed. */
const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken",
  EADDRNOTAVAIL: "this machine has no such address now",
  EACCES: "this user may not listen on that port",
};

export class HttpServer {
  readonly #parts: HttpServerParts;
  readonly #refusals = new RefusalCounts();
  readonly #routes: ReadonlyMap<string, readonly Route[]>;
  #at: HostPort;
  #listener: HttpListener | null = null;
  #retry: Timer | null = null;
  #refused: string | null = null;

  constructor(parts: HttpServerParts) {
    this.#parts = parts;
    this.#at = parts.at;
    this.#routes = Map.groupBy(parts.routes, ({ path }) => path);
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

  /** How many requests and connections were refused, by reason. */
  refusals(): ReturnType<RefusalCounts["all"]> {
    return this.#refusals.all();
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
    const { log } = this.#parts;
    const at = this.#at;
    this.#retry = null;
    try {
      this.#listener = new HttpListener(at, {
        admit: (head) => this.#admit(head),
        refuseBody: (status, problem) => {
          this.#refusals.add(status === 413 ? "body" : "malformed");
          return plain(status, `${problem}\n`);
        },
        refused: this.#refusals.add,
        failed: (error) => log.warn("answer_failed", `Cannot finish an answer over HTTP: ${messageOf(error)}`),
        busy: () => problemReply(503, "Too many open views of this agent: close one of them", { "retry-after": "5" }),
      });
      this.#refused = null;
      log.info("listening", this.#parts.listening(this.url ?? ""));
    } catch (error) {
      if (this.#parts.orFreePort && codeOf(error) === "EADDRINUSE" && at.port !== 0) {
        this.#at = { host: at.host, port: 0 };
        this.#listen();
        return;
      }
      const message = `Cannot listen on ${at.host}:${at.port}: ${WHY[codeOf(error) ?? ""] ?? messageOf(error)}`;
      if (this.#refused === null) log.warn("not_listening", `${message}. The agent continues, and tries again`);
      this.#refused = message;
      // An agent that has ended does not wait for it.
      this.#retry = setTimeout(() => this.#listen(), RETRY_MS);
      this.#retry.unref();
    }
  }

  #admit(head: RequestHead | HeadProblem): Admission {
    const { guard, pages } = this.#parts;
    if ("problem" in head) {
      this.#refusals.add("malformed");
      return { reply: plain(head.status, `${head.problem}\n`) };
    }
    const denial = deniesHost(guard, head);
    if (denial !== null) {
      this.#refusals.add(denial.why);
      return { reply: plain(denial.status, `${denial.message}\n`) };
    }
    const routes = this.#routes.get(head.path);
    const isPage = pages.has(head.path);
    if (routes !== undefined && !(isPage && !acceptsHtml(head))) return this.#route(head, routes);
    if (!isPage) {
      this.#refusals.add("path");
      return { reply: plain(404, `not found; pages: ${pages.paths.join(", ")}\n`) };
    }
    if (!isRead(head)) return this.#wrongMethod("GET, HEAD");
    if (head.body === "chunked" || head.body > 0) return this.#tooLarge(0);
    return { maxBodyBytes: 0, answer: async () => this.#page(head.path) };
  }

  #route(head: RequestHead, routes: readonly Route[]): Admission {
    const { guard } = this.#parts;
    const method = head.method === "HEAD" ? "GET" : head.method;
    const route = routes.find((one) => one.method === method);
    if (route === undefined) {
      return this.#wrongMethod(routes.map((one) => (one.method === "GET" ? "GET, HEAD" : one.method)).join(", "));
    }
    const denial = denies(guard, head, route.access);
    if (denial !== null) {
      this.#refusals.add(denial.why);
      const headers = denial.status === 401 ? { "www-authenticate": "Bearer" } : {};
      return { reply: problemReply(denial.status, denial.message, headers, denial.try) };
    }
    const isTooLarge = head.body === "chunked" ? route.maxBodyBytes === 0 : head.body > route.maxBodyBytes;
    if (isTooLarge) return this.#tooLarge(route.maxBodyBytes);
    return { maxBodyBytes: route.maxBodyBytes, answer: this.#answerOf(route, head) };
  }

  #wrongMethod(allow: string): Admission {
    this.#refusals.add("method");
    return { reply: plain(405, `${allow.replace(", ", " or ")} only\n`, { allow }) };
  }

  #tooLarge(maxBytes: number): Admission {
    this.#refusals.add("body");
    return { reply: problemReply(413, sentence(tooLarge(maxBytes).problem)) };
  }

  #answerOf(route: Route, { method, path, query, headers }: RequestHead): AdmittedRequest["answer"] {
    return async (body, gone, client) => {
      const request: HttpRequest = { method, path, query: new URLSearchParams(query), headers, body, gone, client };
      try {
        return withHeaders(await route.answer(request));
      } catch (error) {
        if (!gone.aborted)
          this.#parts.log.warn("answer_failed", `Cannot answer ${path} over HTTP: ${messageOf(error)}`);
        return problemReply(500, "This cannot be answered now; the agent's log says why");
      }
    };
  }

  async #page(path: string): Promise<Reply> {
    try {
      const { status, type, body }: PageContent = await this.#parts.pages.fresh(path);
      return { status, body, headers: { ...HEADERS, "content-type": type } };
    } catch (error) {
      this.#parts.log.warn("answer_failed", `Cannot answer over HTTP: ${messageOf(error)}`);
      return plain(500, "this page cannot be made now; the agent's log says why\n");
    }
  }
}

const isRead = ({ method }: RequestHead) => method === "GET" || method === "HEAD";

/** A browser that shows a page; not a script, which gets the plain text. */
function acceptsHtml(head: RequestHead): boolean {
  return /\btext\/html\b/i.test(head.headers.get("accept") ?? "");
}

function withHeaders(reply: HttpReply): Reply {
  const headers = { ...HEADERS, "content-type": reply.type, ...reply.headers };
  if (!("stream" in reply)) return { status: reply.status, headers, body: reply.body };
  const { type: _, ...streamed } = reply;
  return { ...streamed, headers };
}

function plain(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, body, headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8", ...headers } };
}

function problemReply(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
  hint: string | null = null,
): Reply {
  const body = `${JSON.stringify({ message, try: hint })}\n`;
  return { status, body, headers: { ...HEADERS, "content-type": JSON_TYPE, ...headers } };
}

const sentence = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
