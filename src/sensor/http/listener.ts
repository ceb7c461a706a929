/**
 * One address that sources listen on: several sources may share it, each with paths of its own. The server is that of node:http,
 * which limits connections, heads and the time of a body, and lets a request be refused before its body is sent; Bun.serve does not
 * (docs/decisions.md). It is loaded when the first source listens.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { codeOf, messageOf } from "../../core/errors.ts";
import { fieldOf, type RequestHead, refusalOfHost } from "./admission.ts";
import { BodyBudget, QUEUE_FULL, readBody } from "./body.ts";
import type { HttpLimits } from "./limits.ts";
import { type HttpReply, refusal } from "./reply.ts";

/** A request whose body is complete. Its endpoint answers it once, and says when it no longer needs the bytes. */
export type PostedRequest = {
  readonly head: RequestHead;
  readonly bytes: Buffer;
  /** The first call counts; later ones change nothing. */
  answer(reply: HttpReply): void;
  /** Its memory is free for other requests. */
  release(): void;
  /** The sender has closed the connection, and hears no answer. */
  readonly isGone: boolean;
};

/** A source as its address sees it. */
export interface Endpoint {
  readonly token: string | null;
  readonly maxBodyBytes: number;
  /** Null: this path is not of this endpoint. Exact paths of others come first. */
  serves(path: string): "exactly" | "also" | null;
  /** From the head alone: an answer that needs no body, or null where the body is wanted. */
  answerOf(head: RequestHead): HttpReply | null;
  posted(request: PostedRequest): void;
  /** Called for each answer that is sent. */
  answered(reply: HttpReply): void;
  /** The address listens, or does not, and why. */
  changed(): void;
}

export type ListenAt = { readonly host: string; readonly port: number };

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken",
  EADDRNOTAVAIL: "this machine has no such address now",
  EACCES: "this user may not listen on that port",
};

const open = new Map<string, HttpAddress>();

/** The address of an endpoint, shared with others. `listen` of it begins. */
export function addressFor(at: ListenAt, endpoint: Endpoint, limits: HttpLimits): HttpAddress {
  const key = `${at.host} ${at.port}`;
  // Each that asks for any free port gets its own.
  const address = (at.port === 0 ? undefined : open.get(key)) ?? new HttpAddress(at, limits, () => open.delete(key));
  if (at.port !== 0) open.set(key, address);
  address.endpoints.add(endpoint);
  return address;
}

export class HttpAddress {
  readonly endpoints = new Set<Endpoint>();
  /** Why it does not listen, or null. */
  refused: string | null = null;
  readonly #at: ListenAt;
  readonly #limits: HttpLimits;
  readonly #closed: () => void;
  #server: Server | null = null;
  #state: "closed" | "opening" | "open" = "closed";
  #port = 0;
  #budget = new BodyBudget(0);
  #waiting = 0;

  constructor(at: ListenAt, limits: HttpLimits, closed: () => void) {
    this.#at = at;
    this.#limits = limits;
    this.#closed = closed;
  }

  /** `http://127.0.0.1:8080`, or null while it does not listen. */
  get url(): string | null {
    const { host } = this.#at;
    if (this.#state !== "open") return null;
    return `http://${host.includes(":") ? `[${host}]` : host}:${this.#port}`;
  }

  /** Begins to listen, unless it does. Its endpoints hear of the outcome. */
  listen(): void {
    if (this.#state !== "closed") return;
    this.#state = "opening";
    this.#budget = new BodyBudget(
      this.#limits.waitingBodies * Math.max(...Array.from(this.endpoints, ({ maxBodyBytes }) => maxBodyBytes)),
    );
    void this.#open();
  }

  /** The address is closed with its last endpoint: connections end, unanswered requests too. */
  leave(endpoint: Endpoint): void {
    this.endpoints.delete(endpoint);
    if (this.endpoints.size > 0) return;
    this.#closed();
    this.#state = "closed";
    this.#server?.close();
    this.#server?.closeAllConnections();
    this.#server = null;
  }

  async #open(): Promise<void> {
    const { headMs, bodyMs, idleMs, connections, headBytes } = this.#limits;
    const { createServer } = await import("node:http");
    if (this.#state !== "opening") return;
    const server = createServer({
      headersTimeout: headMs,
      requestTimeout: bodyMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: Math.min(1_000, headMs),
      maxHeaderSize: headBytes,
    });
    server.maxConnections = connections;
    server.on("request", (request, response) => void this.#handle(request, response));
    server.on("checkContinue", (request, response) => void this.#handle(request, response, true));
    server.once("error", (error) => {
      this.#state = "closed";
      this.refused = `Cannot listen on ${this.#at.host}:${this.#at.port}: ${WHY[codeOf(error) ?? ""] ?? messageOf(error)}`;
      this.#tell();
    });
    server.listen(this.#at.port, this.#at.host, () => {
      const address = server.address();
      this.#port = typeof address === "object" && address !== null ? address.port : this.#at.port;
      this.#state = "open";
      this.refused = null;
      this.#tell();
    });
    this.#server = server;
  }

  #tell(): void {
    for (const endpoint of this.endpoints) endpoint.changed();
  }

  /** Never throws. */
  async #handle(request: IncomingMessage, response: ServerResponse, mustContinue = false): Promise<void> {
    const [path = "/", query = ""] = splitTarget(request.url ?? "/");
    const head: RequestHead = { method: request.method ?? "", path, query, headers: request.headers };
    const endpoint = this.#endpointOf(path);
    const answer = (reply: HttpReply): void => {
      if (response.headersSent || response.destroyed) return;
      // `status` shows a device with a wrong path.
      (endpoint ?? this.endpoints.values().next().value)?.answered(reply);
      this.#send(request, response, reply);
    };
    if (endpoint === null)
      return answer(refusal(404, `there is nothing at ${path.slice(0, 80)}: see the path of --source`));
    const reply = refusalOfHost(head.headers, this.#at.host, endpoint.token) ?? endpoint.answerOf(head);
    if (reply !== null) return answer(reply);
    if (mustContinue) response.writeContinue();
    if (this.#waiting >= this.#limits.waitingRequests) return answer(QUEUE_FULL);
    this.#waiting++;
    const { maxBodyBytes } = endpoint;
    const isPacked = /gzip/i.test(
      `${fieldOf(head.headers, "content-encoding")} ${fieldOf(head.headers, "content-type")}`,
    );
    const body = await readBody(request, { maxBodyBytes, budget: this.#budget, isPacked });
    if (body === null || "reply" in body) {
      this.#waiting--;
      if (body !== null) answer(body.reply);
      return;
    }
    let isHeld = true;
    endpoint.posted({
      head,
      bytes: body.bytes,
      answer,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#waiting--;
        this.#budget.release(body.held);
      },
      get isGone() {
        return response.destroyed || socketOf(request)?.destroyed === true;
      },
    });
  }

  #endpointOf(path: string): Endpoint | null {
    let also: Endpoint | null = null;
    for (const endpoint of this.endpoints) {
      const how = endpoint.serves(path);
      if (how === "exactly") return endpoint;
      if (how === "also") also ??= endpoint;
    }
    return also;
  }

  #send(request: IncomingMessage, response: ServerResponse, { status, headers, body }: HttpReply): void {
    // A sender that is still sending reads its answer first, and is then cut off.
    const isUnread = !request.complete;
    const length = status === 204 ? {} : { "content-length": String(Buffer.byteLength(body)) };
    response.writeHead(status, { ...headers, ...length, ...(isUnread && { connection: "close" }) });
    response.end(body);
    if (!isUnread) return;
    request.resume();
    setTimeout(() => socketOf(request)?.destroy(), this.#limits.lingerMs).unref();
  }
}

/** The engine forgets it when the connection has ended. */
function socketOf(request: IncomingMessage): Socket | null {
  return request.socket;
}

function splitTarget(target: string): [path: string, query: string] {
  const at = target.indexOf("?");
  return at < 0 ? [target, ""] : [target.slice(0, at), target.slice(at + 1)];
}
