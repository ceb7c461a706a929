/** The client against a small hostile server: every way in which an answer can be late, lost, foreign or long. */
import { afterEach, expect, test } from "bun:test";
import { AgentError, DeniedError, TransientError } from "../core/errors.ts";
import { VERSION } from "../core/version.ts";
import { pagesOf } from "./answer.ts";
import { type ClientOptions, Workspace } from "./client.ts";
import { DatabricksError, isAlreadyThere, isMissing } from "./failure.ts";
import { idNumber } from "./json.ts";
import { Securable } from "./shapes/securables.ts";
import type { Call, Pace } from "./wire.ts";

const CATALOGS = pagesOf("catalogs", Securable);
const TOKEN = "dapi-very-secret-0123456789";
const READ: Call = {
  doing: 'read catalog "acme"',
  method: "GET",
  path: ["api", "2.1", "unity-catalog", "catalogs", "acme"],
};
const MAKE: Call = { doing: 'create catalog "acme"', method: "POST", path: ["catalogs"], body: { name: "acme" } };

const open: { stop(force: boolean): unknown }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.stop(true);
});

type ServerAnswer = ReturnType<typeof Response.json>;
type Reply = ServerAnswer | ((request: Request) => ServerAnswer | Promise<ServerAnswer>);

/** Answers in this order; the last one for ever. */
function server(...replies: Reply[]) {
  const requests: { method: string; url: URL; headers: Headers; body: string }[] = [];
  const served = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      const body = await request.clone().text();
      requests.push({ method: request.method, url: new URL(request.url), headers: request.headers, body });
      const reply = replies[Math.min(requests.length, replies.length) - 1]!;
      return typeof reply === "function" ? reply(request) : (reply.clone() as typeof reply);
    },
  });
  open.push(served);
  return { origin: `http://127.0.0.1:${served.port}`, requests };
}

/** Time that runs only while a person waits. */
function pace() {
  let nowMs = 0;
  const waits: number[] = [];
  const told: string[] = [];
  const stop = new AbortController();
  const own: Pace = {
    stop: stop.signal,
    now: () => nowMs,
    tell: (text) => void told.push(text),
    wait: async (ms) => {
      waits.push(ms);
      nowMs += ms;
    },
  };
  return { ...own, waits, told, abort: () => stop.abort(new Error("stopped by a signal")) };
}

function client(origin: string, more: Partial<ClientOptions> = {}) {
  return new Workspace({ origin, login: { kind: "token", token: TOKEN }, random: () => 0, ...more });
}

const json = (body: unknown, status = 200, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
const no = (status: number, error_code: string, message: string, headers: Record<string, string> = {}) =>
  json({ error_code, message, details: [{ "@type": "type.googleapis.com/google.rpc.RequestInfo" }] }, status, headers);

async function failure(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => new Error("it worked"),
    (error: unknown) => error as Error,
  );
}

test("a request carries the token, who we are and its body, PATCH included, and names are escaped", async () => {
  const { origin, requests } = server(json({ name: "x" }));
  const call: Call = {
    doing: "change it",
    method: "PATCH",
    path: ["api", "a b/c?d#%é"],
    query: { force: true, none: undefined, q: "a&b=c" },
    body: { comment: "ö" },
  };
  expect(await client(origin).request(call, pace())).toEqual({ name: "x" });
  const [{ method, url, headers, body }] = requests as [(typeof requests)[0]];
  expect([method, url.pathname, url.search]).toEqual([
    "PATCH",
    "/api/a%20b%2Fc%3Fd%23%25%C3%A9",
    "?force=true&q=a%26b%3Dc",
  ]);
  expect(headers.get("authorization")).toBe(`Bearer ${TOKEN}`);
  expect(headers.get("user-agent")).toBe(`agent/${VERSION}`);
  expect(JSON.parse(body)).toEqual({ comment: "ö" });
  for (const name of ["", ".", ".."]) {
    expect(await failure(client(origin).request({ ...READ, path: ["api", name] }, pace()))).toBeInstanceOf(AgentError);
  }
  expect(requests).toHaveLength(1);
});

test("ids above 2^53 come and go with every digit", async () => {
  const { origin, requests } = server(
    new Response('{"job_id": 9007199254740993, "runs": [{"run_id": 5, "tries": 7}]}'),
  );
  const answer = await client(origin).request({ ...MAKE, body: { job_id: idNumber("9223372036854775807") } }, pace());
  expect(answer).toEqual({ job_id: "9007199254740993", runs: [{ run_id: "5", tries: 7 }] });
  expect(requests[0]!.body).toBe('{"job_id":9223372036854775807}');
  expect(() => idNumber("1; drop")).toThrow(AgentError);
});

test("429 and 503 wait as long as they say, in seconds or until a date, and else longer each time", async () => {
  const wallMs = Date.parse("Wed, 25 Nov 2026 10:00:00 GMT");
  const { origin, requests } = server(
    no(429, "REQUEST_LIMIT_EXCEEDED", "slow down", { "retry-after": "7" }),
    no(503, "TEMPORARILY_UNAVAILABLE", "not now", { "retry-after": "Wed, 25 Nov 2026 10:00:03 GMT" }),
    no(429, "REQUEST_LIMIT_EXCEEDED", "slow down", { "retry-after": "soon" }),
    new Response("upstream", { status: 503 }),
    json({ name: "acme" }),
  );
  const time = pace();
  expect(await client(origin, { wallNow: () => wallMs }).request(MAKE, time)).toEqual({ name: "acme" });
  expect(time.waits).toEqual([7_000, 3_000, 3_000, 4_000]);
  expect(time.told[0]).toBe('create catalog "acme": slow down; again in 7 s');
  expect(requests).toHaveLength(5);
});

test("a server that is busy for ever is given up after two minutes, and one that asks for an hour at once", async () => {
  const busy = server(no(429, "REQUEST_LIMIT_EXCEEDED", "slow down"));
  const time = pace();
  const error = await failure(client(busy.origin).request(MAKE, time));
  expect(error).toBeInstanceOf(TransientError);
  expect(error.message).toBe('Cannot create catalog "acme": slow down');
  expect(time.now()).toBeLessThanOrEqual(120_000);
  expect(time.now()).toBeGreaterThan(100_000);
  const hour = server(no(503, "", "later", { "retry-after": "3600" }));
  expect(await failure(client(hour.origin).request(READ, pace()))).toBeInstanceOf(TransientError);
  expect(hour.requests).toHaveLength(1);
});

test("what must not be there twice is sent again only after 429", async () => {
  const refused = server(no(429, "REQUEST_LIMIT_EXCEEDED", "slow down"), no(503, "", "not now"));
  const error = await failure(client(refused.origin).request({ ...MAKE, again: "never" }, pace()));
  expect([error.name, refused.requests.length]).toEqual(["TransientError", 2]);
});

test("sentences that mean 'later' are understood under any code", async () => {
  const { origin } = server(no(500, "INTERNAL_ERROR", "RPC token bucket limit has been exceeded"), json({}));
  expect(await client(origin).request(MAKE, pace())).toEqual({});
});

test("a read is asked again when no one answers; a write is not, as it may have been done", async () => {
  let connections = 0;
  const raw = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        connections++;
        if (connections % 3 !== 0) socket.terminate();
        else socket.end('HTTP/1.1 200 OK\r\ncontent-length: 13\r\nconnection: close\r\n\r\n{"name":"ok"}');
      },
    },
  });
  open.push(raw);
  const workspace = client(`http://127.0.0.1:${raw.port}`);
  const time = pace();
  expect(await workspace.request(READ, time)).toEqual({ name: "ok" });
  expect(time.waits).toHaveLength(2);
  const error = await failure(workspace.request(MAKE, pace()));
  expect(error).toBeInstanceOf(TransientError);
  expect(error.message).toMatch(/^Cannot create catalog "acme": .+, from 127\.0\.0\.1:\d+$/);
  expect(connections).toBe(4);
});

test("a read that is never answered is given up four times, then for good", async () => {
  const { origin, requests } = server(() => new Promise<ServerAnswer>(() => undefined));
  const error = await failure(client(origin, { timeoutMs: 100 }).request(READ, pace()));
  expect(error).toBeInstanceOf(TransientError);
  expect(error.message).toContain("no answer within 0.1 s, from 127.0.0.1");
  expect(error.message).toContain("(4 times)");
  expect(requests).toHaveLength(4);
});

test("a body that stops in the middle is not an answer", async () => {
  const { origin } = server(
    () => new Response(new ReadableStream({ start: (to) => to.enqueue(new TextEncoder().encode('{"na')) })),
    json({ name: "acme" }),
  );
  expect(await client(origin, { timeoutMs: 400 }).request(READ, pace())).toEqual({ name: "acme" });
});

test("a signal ends a wait at once", async () => {
  const { origin, requests } = server(no(429, "", "slow down"));
  const time = pace();
  const stopping: Pace = { ...time, wait: async () => time.abort() };
  expect((await failure(client(origin).request(READ, stopping))).message).toBe("stopped by a signal");
  expect(requests).toHaveLength(1);
});

test("web pages, redirects and nonsense are named in a sentence, and never taken for an answer", async () => {
  const page = { headers: { "content-type": "text/html" } };
  const said = async (reply: Reply) => (await failure(client(server(reply).origin).request(MAKE, pace()))).message;
  const start = 'Cannot create catalog "acme": ';
  const login = "<html><head><title>Sign in\n to Corp</title>";
  expect(await said(new Response(login, page))).toBe(
    `${start}the answer (status 200) is a web page "Sign in to Corp", not of the workspace's API: a proxy, a login page or the wrong host`,
  );
  expect(await said(new Response("<html>", { status: 502, ...page }))).toContain("(status 502) is a web page, not of");
  expect(await said(Response.redirect("https://login.example/sso?token=abc"))).toBe(
    `${start}the answer is a redirect (status 302) to "https://login.example/sso", not an answer of the workspace`,
  );
  const link = "https://x.example/login.html?error=private-link-validation-error:1&o=2";
  expect(await said(Response.redirect(link))).toContain("private link only");
  expect(await said(new Response("Missing url", { status: 400 }))).toBe(
    `${start}the answer (status 400) is not JSON: "Missing url"`,
  );
  expect(await said(new Response('{"name": "ac'))).toBe(`${start}the answer (status 200) is not JSON: "{"name": "ac"`);
  expect(await said(new Response("", { status: 404 }))).toBe(`${start}the answer (status 404) is empty`);
  expect(await said(json({ error: "old form" }, 400))).toBe(`${start}old form`);
  expect(await said(json({ detail: "scim form", status: "400" }, 400))).toBe(`${start}scim form`);
});

test("an answer longer than any of Databricks' is not read to its end", async () => {
  const { readBody } = await import("./read-body.ts");
  expect(await readBody(new Response("12345678"), 8)).toBe("12345678");
  expect((await failure(readBody(new Response("123456789"), 8))).message).toContain("longer than 8 bytes");
});

test("errors are distinguished by their code, whatever the status is", async () => {
  const error = async (reply: Reply) => failure(client(server(reply).origin).request(MAKE, pace()));
  const there = await error(
    no(400, "CATALOG_ALREADY_EXISTS", "Catalog 'acme' already exists", { "x-request-id": "r-1" }),
  );
  expect(there).toBeInstanceOf(DatabricksError);
  expect(there).toMatchObject({ status: 400, errorCode: "CATALOG_ALREADY_EXISTS", requestId: "r-1" });
  expect(there.message).toBe("Cannot create catalog \"acme\": Catalog 'acme' already exists (CATALOG_ALREADY_EXISTS)");
  expect([isAlreadyThere(there), isMissing(there)]).toEqual([true, false]);
  expect(isAlreadyThere(await error(no(409, "RESOURCE_ALREADY_EXISTS", "x")))).toBe(true);
  expect(isMissing(await error(no(404, "CATALOG_DOES_NOT_EXIST", "x")))).toBe(true);
  expect(isMissing(await error(no(400, "INVALID_PARAMETER_VALUE", "Job 7 does not exist.")))).toBe(true);
  expect(isMissing(await error(no(404, "PRINCIPAL_DOES_NOT_EXIST", "x")))).toBe(false);
  expect(isMissing(await error(no(404, "ENDPOINT_NOT_FOUND", "No API found")))).toBe(false);
  expect(isMissing(await error(no(400, "INVALID_PARAMETER_VALUE", "url overlaps")))).toBe(false);
});

test("what is denied names the permission, in Databricks' words or else in ours", async () => {
  const error = async (reply: Reply, call: Call = MAKE) => failure(client(server(reply).origin).request(call, pace()));
  const needs = { ...MAKE, needs: "CREATE_CATALOG on the metastore" };
  const said = "User does not have CREATE CATALOG on Metastore 'aws-west'.";
  const told = await error(no(403, "PERMISSION_DENIED", said), needs);
  expect(told).toBeInstanceOf(DeniedError);
  expect((told as DeniedError).missing).toBe("CREATE CATALOG on Metastore 'aws-west'");
  expect(((await error(no(403, "PERMISSION_DENIED", "no"), needs)) as DeniedError).missing).toBe(needs.needs);
  const bad = (await error(no(403, "403", "Invalid access token."))) as DeniedError;
  expect(bad.missing).toBe("a valid token of the workspace");
  expect(bad.advice).toContain("DATABRICKS_TOKEN");
});

test("a list continues over empty pages, and ends where a server repeats itself", async () => {
  const { origin, requests } = server(
    json({ catalogs: [{ name: "a" }], next_page_token: "1" }),
    json({ next_page_token: "2" }),
    json({ catalogs: [], next_page_token: "3" }),
    json({ catalogs: [{ name: "b" }], next_page_token: "" }),
  );
  const call: Call = { ...READ, query: { max_results: 0 } };
  const names = (await client(origin).list(CATALOGS, call, pace())).map(({ name }) => name);
  expect(names).toEqual(["a", "b"]);
  expect(requests.map(({ url }) => url.search)).toEqual(
    ["", "&page_token=1", "&page_token=2", "&page_token=3"].map((more) => `?max_results=0${more}`),
  );
  const endless = server(json({ next_page_token: "same" }));
  expect((await failure(client(endless.origin).list(CATALOGS, call, pace()))).message).toContain("does not end");
});

test("no secret is in an error or a progress line, also where a server repeats it", async () => {
  const echo = (status: number) => (request: Request) =>
    no(status, "INTERNAL", `you sent ${request.headers.get("authorization")}`);
  const { origin } = server(echo(429), echo(400));
  const time = pace();
  const error = await failure(client(origin).request(MAKE, time));
  expect(time.told[0]).toContain("you sent Bearer ***");
  expect(error.message).toContain("you sent Bearer ***");
  expect(Bun.inspect(error)).not.toContain(TOKEN);
});

test("only what is asked too fast waits for its turn", async () => {
  const { origin } = server(json({}));
  const time = pace();
  const workspace = client(origin);
  for (let asked = 0; asked < 30; asked++) await workspace.request(READ, time);
  expect(time.waits).toEqual([]);
  for (let asked = 0; asked < 15; asked++) await workspace.request(READ, time);
  expect(Math.round(time.now())).toBe(1_000);
});
