/**
 * A bad line in front of an S3 server: a proxy that fails requests by chance, with a seed. The cruel one is included:
 * the object was stored, but the answer was lost. The client's Host header goes through unchanged, so signatures hold.
 *
 *   bun src/testing/faulty-proxy.ts --port 0 --upstream http://127.0.0.1:7070 --seed 1 --faults '{"unavailable":0.2}'
 *
 * prints its URL and runs until it is ended, or until stdin closes where that is a pipe. `GET /-/faults` shows the counts, `PUT /-/faults` sets the faults.
 */
import { fstatSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { seededRandom } from "../core/random.ts";

export const FAULTS = ["unavailable", "retryAfter", "reset", "timeout", "lostAnswer", "slow"] as const;
/**
 * unavailable: 503 SlowDown, not forwarded. retryAfter: the same, asking for a second. reset: the connection ends before
 * anything is forwarded. timeout: never answered. lostAnswer: forwarded and done, then the connection ends. slow: done, and
 * answered late.
 */
export type Fault = (typeof FAULTS)[number];
/** The probability of each; what is left of 1 is let through. */
export type Faults = Readonly<Partial<Record<Fault, number>>>;
export type Outcome = Fault | "passed" | "upstreamDown";

export type FaultyProxy = {
  readonly url: string;
  /** Requests so far, by what was done to them. */
  readonly counts: () => Readonly<Record<Outcome, number>>;
  /** What the upstream answered so far, by status, also where the answer was then lost. */
  readonly statuses: () => ReadonlyMap<number, number>;
  /** Called at each request, before anything is done to it, and when it was answered. */
  onRequest: () => void;
  /** What a request is answered, not forwarded: a status without S3's words, or S3's code of a 400; null: as the faults say. */
  refusing: (method: string, path: string, body: Buffer) => number | string | null;
  readonly setFaults: (faults: Faults) => void;
  readonly stop: () => Promise<void>;
};

/** An answer that is slow comes up to this much later. */
const SLOW_MS = 300;
/** Requests that are never answered hold a connection each; beyond this number the oldest is dropped. */
const HELD_AT_ONCE = 256;
/** Larger bodies are refused: this is a test's proxy, which holds them in memory. */
const BODY_BYTES = 64 * 1024 * 1024;
/** Between client and proxy only: never handed on (RFC 9110 §7.6.1); `expect` has been answered by the server here. */
const HOP_BY_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "content-length", "expect", "upgrade"]);
const CONTROL_PATH = "/-/faults";

export async function startFaultyProxy(options: {
  readonly upstream: string;
  readonly seed: number;
  readonly faults: Faults;
  readonly port?: number;
}): Promise<FaultyProxy> {
  const line = new BadLine(options.upstream, options.seed, options.faults);
  const server = createServer((request, response) => void line.handle(request, response));
  // A client that dies in the middle of a request is what this is for.
  server.on("clientError", (_error, socket) => socket.destroy());
  server.requestTimeout = 0;
  server.timeout = 0;
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${port}`,
    counts: () => ({ ...line.counts }),
    statuses: () => line.statuses,
    onRequest: () => undefined,
    refusing: () => null,
    setFaults: (faults) => line.setFaults(faults),
    stop: () => closeServer(server),
  };
  line.onRequest = () => proxy.onRequest();
  line.refusing = (method, path, body) => proxy.refusing(method, path, body);
  return proxy;
}

class BadLine {
  readonly counts: Record<Outcome, number> = {
    unavailable: 0,
    retryAfter: 0,
    reset: 0,
    timeout: 0,
    lostAnswer: 0,
    slow: 0,
    passed: 0,
    upstreamDown: 0,
  };
  readonly statuses = new Map<number, number>();
  onRequest: () => void = () => undefined;
  refusing: FaultyProxy["refusing"] = () => null;
  readonly #upstream: string;
  readonly #random: () => number;
  readonly #held: ServerResponse[] = [];
  #faults: Faults;

  constructor(upstream: string, seed: number, faults: Faults) {
    this.#upstream = upstream.replace(/\/$/, "");
    this.#random = seededRandom(seed);
    this.#faults = checkedFaults(faults);
  }

  setFaults(faults: Faults): void {
    this.#faults = checkedFaults(faults);
  }

  /** Never throws: a failure ends the connection of its request and nothing else. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => undefined);
    request.on("error", () => undefined);
    try {
      const body = await bodyOf(request);
      if (request.url === CONTROL_PATH) return this.#control(request, body, response);
      this.onRequest();
      await this.#answer(request, body, response);
      this.onRequest();
    } catch {
      drop(response);
    }
  }

  async #answer(request: IncomingMessage, body: Buffer, response: ServerResponse): Promise<void> {
    const refused = this.refusing(request.method ?? "GET", request.url ?? "/", body);
    if (typeof refused === "number") {
      response.writeHead(refused).end();
      return;
    }
    if (refused !== null) {
      const said = `<Error><Code>${refused}</Code><Message>as the store says, request ${this.#random()}</Message></Error>`;
      response.writeHead(400, { "content-type": "application/xml" }).end(said);
      return;
    }
    const fault = this.#choose();
    switch (fault) {
      case "unavailable":
      case "retryAfter":
        this.counts[fault]++;
        refuse(response, fault === "retryAfter" ? { "retry-after": "1" } : {});
        return;
      case "reset":
        this.counts.reset++;
        drop(response);
        return;
      case "timeout":
        this.counts.timeout++;
        this.#held.push(response);
        if (this.#held.length > HELD_AT_ONCE) drop(this.#held.shift());
        return;
      case "lostAnswer":
      case "slow":
      case "passed":
        await this.#forward(fault, request, body, response);
    }
  }

  async #forward(
    fault: "lostAnswer" | "slow" | "passed",
    request: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    const answer = await send(this.#upstream, request, body).catch(() => null);
    if (answer === null) {
      this.counts.upstreamDown++;
      drop(response);
      return;
    }
    this.statuses.set(answer.status, (this.statuses.get(answer.status) ?? 0) + 1);
    // Counted when it is done upstream: a count of lost answers is a count of objects that were stored without a word.
    this.counts[fault]++;
    if (fault === "lostAnswer") return drop(response);
    if (fault === "slow") await Bun.sleep(this.#random() * SLOW_MS);
    response.writeHead(answer.status, answer.headers);
    response.end(answer.body);
  }

  #choose(): Fault | "passed" {
    let rest = this.#random();
    for (const fault of FAULTS) {
      rest -= this.#faults[fault] ?? 0;
      if (rest < 0) return fault;
    }
    return "passed";
  }

  #control(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    response.setHeader("content-type", "application/json");
    if (request.method === "PUT") {
      try {
        this.setFaults(JSON.parse(body.toString()));
      } catch (error) {
        response.statusCode = 400;
        response.end(JSON.stringify({ error: String(error) }));
        return;
      }
    }
    response.end(JSON.stringify({ faults: this.#faults, counts: this.counts }));
  }
}

function checkedFaults(faults: Faults): Faults {
  let sum = 0;
  for (const [name, probability] of Object.entries(faults)) {
    const isKnown = (FAULTS as readonly string[]).includes(name);
    if (!isKnown || typeof probability !== "number" || !(probability >= 0)) {
      throw new Error(`Cannot set fault "${name}" to ${probability}: faults are ${FAULTS.join(", ")}, each 0 to 1`);
    }
    sum += probability;
  }
  if (sum > 1 + 1e-9) throw new Error(`Cannot set faults: their probabilities add up to ${sum}`);
  return faults;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > BODY_BYTES) throw new Error("the body is too large");
    parts.push(part);
  }
  // A client that died sent less than it said; half an object must not be sent on.
  const promised = request.headers["content-length"];
  if (!request.complete || (promised !== undefined && Number(promised) !== length)) throw new Error("the client left");
  return Buffer.concat(parts);
}

type UpstreamAnswer = { readonly status: number; readonly headers: Record<string, string>; readonly body: Uint8Array };

async function send(upstream: string, request: IncomingMessage, body: Buffer): Promise<UpstreamAnswer> {
  const headers: [string, string][] = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!;
    if (!HOP_BY_HOP.has(name.toLowerCase())) headers.push([name, request.rawHeaders[i + 1]!]);
  }
  const method = request.method ?? "GET";
  const answer = await fetch(upstream + request.url, {
    method,
    headers,
    body: method === "GET" || method === "HEAD" ? null : new Uint8Array(body),
    redirect: "manual",
    decompress: false,
  });
  // The length of an answer to HEAD is that of a body that it does not have.
  const isKept = (name: string) => !HOP_BY_HOP.has(name) || (method === "HEAD" && name === "content-length");
  const kept = [...answer.headers].filter(([name]) => isKept(name));
  return { status: answer.status, headers: Object.fromEntries(kept), body: new Uint8Array(await answer.arrayBuffer()) };
}

function refuse(response: ServerResponse, headers: Record<string, string>): void {
  response.writeHead(503, { "content-type": "application/xml", ...headers });
  response.end("<Error><Code>SlowDown</Code><Message>Please reduce your request rate</Message></Error>");
}

function drop(response: ServerResponse | undefined): void {
  response?.socket?.destroy();
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "0" },
      upstream: { type: "string" },
      seed: { type: "string", default: "1" },
      faults: { type: "string", default: "{}" },
    },
  });
  if (values.upstream === undefined) throw new Error("Cannot start the proxy: --upstream URL is missing");
  const proxy = await startFaultyProxy({
    upstream: values.upstream,
    port: Number(values.port),
    seed: Number(values.seed),
    faults: JSON.parse(values.faults),
  });
  console.log(proxy.url);
  // A pipe on stdin is a leash: closed when the process that started this ends, however that ends. Without one it runs until it is ended.
  const stdin = fstatSync(0);
  if (stdin.isFIFO() || stdin.isSocket()) {
    for await (const _ of Bun.stdin.stream());
    process.exit(0);
  }
}
