/**
 * A strict fake of a Databricks workspace, over real HTTP on the loopback: what `agent provision` talks to in tests.
 *
 * Built from the public documentation and SDKs, never from what our own client sends. It is stricter than the real one
 * where that finds faults of a client (unknown fields, missing User-Agent), and as awkward where the real one is known to be.
 * Calls that no correct client makes are refused and kept as `complaints`.
 *
 * `node:http`, not Bun.serve: a connection has to be cut off before its answer.
 *
 *   const workspace = await startWorkspace({ awsEndpoint: moto.endpoint, validationsThatFailFirst: 2 });
 *   workspace.faults.add({ what: "lose-answer", method: "POST", path: "/api/2.1/unity-catalog/catalogs" });
 *   … what is tested, with DATABRICKS_HOST=workspace.url and DATABRICKS_TOKEN=ENGINEER_TOKEN …
 *   expect(workspace.faults.left()).toEqual([]);
 *   expect(workspace.journal.complaints()).toEqual([]);
 *
 * databricks-sdk-py 0.162.0 (every group of calls but validation, by token and OAuth) and databricks-sdk-go 0.175.0 (Unity
 * Catalog, SQL, notebooks and jobs, by OAuth) were run against it: it complained of none of their calls.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerOf, type FaultAnswer, type FaultQueue, newFaultQueue } from "../world/faults.ts";
import { type Journal, newJournal } from "../world/journal.ts";
import { DEFAULT_SETTINGS, type WorkspaceSettings } from "../world/settings.ts";
import type { SqlEngine } from "../world/things.ts";
import { newWorld, type World } from "../world/world.ts";
import { control } from "./control.ts";
import { parseExact, printExact } from "./exact-json.ts";
import type { Workspace } from "./port.ts";
import { absent, Misuse, malformed, misused, Problem } from "./problem.ts";
import { findRoute, type Incoming } from "./route.ts";
import { ROUTES } from "./routes.ts";
import { callerOf, discovery, giveToken, hostMetadata } from "./sign-in.ts";

/** The largest body is a statement of 16 MiB, or a notebook of 10 MB in base64, in JSON. */
const BODY_BYTES = 48 * 1024 * 1024;
const CONTROL = "/-/";

export async function startWorkspace(
  settings: Partial<WorkspaceSettings> = {},
  options: { readonly port?: number; readonly now?: () => number; readonly engine?: SqlEngine } = {},
): Promise<Workspace> {
  const { now = Date.now, engine = null } = options;
  let world = newWorld({ ...DEFAULT_SETTINGS, ...settings }, now, engine);
  const [faults, journal] = [newFaultQueue(), newJournal()];
  const desk = new Desk(() => world, faults, journal);
  const server = createServer((request, response) => void desk.handle(request, response, workspace));
  server.on("clientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const workspace: Workspace = {
    url: `http://127.0.0.1:${port}`,
    world: () => world,
    faults,
    journal,
    set: (changed) => {
      world.settings = { ...world.settings, ...changed };
    },
    reset: () => {
      world = newWorld(world.settings, now, engine);
      faults.clear();
      journal.clear();
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return workspace;
}

class Desk {
  readonly #world: () => World;
  readonly #faults: FaultQueue;
  readonly #journal: Journal;
  #calls: number[] = [];

  constructor(world: () => World, faults: FaultQueue, journal: Journal) {
    this.#world = world;
    this.#faults = faults;
    this.#journal = journal;
  }

  /** Never throws: a client that goes away ends its own connection and nothing else. */
  async handle(request: IncomingMessage, response: ServerResponse, workspace: Workspace): Promise<void> {
    response.on("error", () => undefined);
    request.on("error", () => undefined);
    try {
      const sent = await textOf(request);
      const url = new URL(request.url ?? "/", workspace.url);
      if (url.pathname.startsWith(CONTROL)) return write(response, control(workspace, request.method, url, sent));
      await this.#call(request, response, url, sent);
    } catch {
      response.socket?.destroy();
    }
  }

  async #call(request: IncomingMessage, response: ServerResponse, url: URL, sent: string): Promise<void> {
    const method = request.method ?? "GET";
    const fault = this.#faults.take(method, url.pathname);
    const told = { caller: null as string | null, body: undefined as unknown };
    const undone = fault?.what === "refuse" || fault?.what === "html" || fault?.what === "close";
    const answer = undone ? answerOf(fault, printExact) : await this.#answer(request, url, sent, told);
    // A refused call was sent all the same; a form with a secret is not JSON.
    if (undone) told.body = jsonOrNothing(sent);
    const cut = fault !== null && ["close", "lose-answer", "half-answer"].includes(fault.what);
    this.#journal.add({
      method,
      path: url.pathname + url.search,
      ...told,
      userAgent: request.headers["user-agent"] ?? "",
      status: fault?.what === "close" ? 0 : answer.status,
      errorCode: errorCodeOf(answer),
      fault: fault?.what,
    });
    if (fault?.what === "half-answer") await writeHalf(response, answer);
    if (cut) {
      response.socket?.destroy();
      return;
    }
    const delayMs = this.#world().settings.delayMs + (fault?.what === "slow" ? (fault.delay_ms ?? 1_000) : 0);
    if (delayMs > 0) await Bun.sleep(delayMs);
    write(response, answer);
  }

  async #answer(
    request: IncomingMessage,
    url: URL,
    sent: string,
    told: { caller: string | null; body: unknown },
  ): Promise<FaultAnswer> {
    const [method, path] = [request.method ?? "GET", url.pathname];
    const { authorization } = request.headers;
    try {
      if ((request.headers["user-agent"] ?? "") === "") throw misused("The User-Agent header is missing");
      this.#limit();
      if (path === "/oidc/v1/token" && method === "POST") {
        const form = giveToken(this.#world(), authorization, request.headers["content-type"] ?? "", sent);
        return json(form.status, form.body);
      }
      if (path === "/oidc/.well-known/oauth-authorization-server") return json(200, discovery(url.origin));
      if (path === "/.well-known/databricks-config") return json(200, hostMetadata(this.#world(), url.origin));
      told.caller = callerOf(this.#world(), authorization);
      told.body = bodyOf(sent);
      const incoming: Incoming = { method, path, query: url.searchParams, body: told.body, caller: told.caller };
      const { route, at } = findRoute(ROUTES, method, path);
      return json(200, (await route.run(this.#world(), incoming, at)) ?? {});
    } catch (error) {
      return this.#refusal(error, method, path);
    }
  }

  #refusal(error: unknown, method: string, path: string): FaultAnswer {
    const known = error instanceof URIError ? absent("ENDPOINT_NOT_FOUND", `Cannot decode the path: ${path}`) : error;
    if (!(known instanceof Problem)) {
      this.#journal.complain({ method, path, reason: `The fake itself failed: ${String(error)}` });
      return json(500, { error_code: "INTERNAL_ERROR", message: String(error) });
    }
    const nowhere = known.code === "ENDPOINT_NOT_FOUND";
    if (known instanceof Misuse || nowhere) this.#journal.complain({ method, path, reason: known.message });
    const request_id = this.#world().nextUuid("request");
    // An entry without `metadata`, as a workspace sends it: clients that read the error's code from there find nothing.
    const details = [{ "@type": "type.googleapis.com/google.rpc.RequestInfo", request_id, serving_data: "" }];
    const answer = json(known.status, { error_code: known.code, message: known.message, details });
    return known.status === 429 ? { ...answer, headers: { ...answer.headers, "retry-after": "1" } } : answer;
  }

  #limit(): void {
    const { settings, now } = this.#world();
    const limit = settings.callsPerSecond;
    if (limit === null) return;
    const nowMs = now();
    this.#calls = this.#calls.filter((atMs) => atMs > nowMs - 1_000);
    if (this.#calls.length >= limit) {
      throw new Problem(429, "REQUEST_LIMIT_EXCEEDED", `Current request rate exceeds ${limit} requests per second.`);
    }
    this.#calls.push(nowMs);
  }
}

function bodyOf(sent: string): unknown {
  if (sent === "") return undefined;
  try {
    return parseExact(sent);
  } catch {
    throw malformed("Could not parse request object: the body is not JSON");
  }
}

function jsonOrNothing(sent: string): unknown {
  try {
    return bodyOf(sent);
  } catch {
    return undefined;
  }
}

function errorCodeOf(answer: FaultAnswer): string | number | undefined {
  if (answer.status < 400 || answer.headers["content-type"] !== "application/json") return undefined;
  const body = JSON.parse(answer.text) as { readonly error_code?: string | number; readonly error?: string };
  return body.error_code ?? body.error;
}

const json = (status: number, body: unknown): FaultAnswer => ({
  status,
  headers: { "content-type": "application/json" },
  text: printExact(body),
});

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > BODY_BYTES) throw new Error("the body is too large");
    parts.push(part);
  }
  // A client that died in the middle of a body did not ask for anything.
  if (!request.complete) throw new Error("the client left");
  return Buffer.concat(parts).toString("utf8");
}

async function writeHalf(response: ServerResponse, answer: FaultAnswer): Promise<void> {
  const bytes = Buffer.from(answer.text);
  response.writeHead(answer.status, { ...answer.headers, "content-length": String(bytes.length) });
  const half = bytes.subarray(0, Math.ceil(bytes.length / 2));
  await new Promise<void>((resolve) => response.write(half, () => resolve()));
}

function write(response: ServerResponse, answer: FaultAnswer): void {
  response.writeHead(answer.status, answer.headers);
  response.end(answer.text);
}
