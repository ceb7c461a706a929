/** What the source refuses, with which answer, and the limits of what it takes from outside. */
import { afterEach, expect, test } from "bun:test";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { HttpRig, type RigOptions } from "./rig.suite.ts";
import { parseHttpUri } from "./uri.ts";

const rigs: HttpRig[] = [];
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.source.close();
});

async function started(options: RigOptions = {}): Promise<{ rig: HttpRig; url: string }> {
  const rig = new HttpRig(options);
  rigs.push(rig);
  return { rig, url: await rig.listen() };
}

const LINE = '{"sensor_id":"a","timestamp":"2026-01-01T00:00:00Z","temperature":1}';
const TOKEN = "0123456789abcdef0123";

async function ask(url: string, init: RequestInit): Promise<[status: number, error: string | undefined]> {
  const response = await fetch(url, init);
  const text = await response.text();
  return [response.status, text === "" ? undefined : JSON.parse(text).error];
}
const post = (url: string, body: RequestInit["body"], headers: Record<string, string> = {}) =>
  ask(url, { method: "POST", body: body ?? null, headers });

/** All that is heard on a connection until it ends. */
async function heard(url: string, ...sent: readonly string[]): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  let text = "";
  socket.on("data", (data) => (text += data.toString("latin1")));
  socket.on("error", () => undefined);
  for (const part of sent) socket.write(part);
  return await new Promise((done) => socket.once("close", () => done(text)));
}

test("what cannot be a batch of records is refused, with the reason, and nothing is taken", async () => {
  const { rig, url } = await started({ maxBodyBytes: 1_000 });
  const bomb = new Uint8Array(gzipSync(Buffer.alloc(10_000_000)));
  const gzip = { "content-encoding": "gzip" };
  const answers = [
    [await post(url, ""), 400, "the body is empty"],
    [await post(url, " \r\n"), 400, "the body is empty"],
    [await post(url, LINE, gzip), 400, "cannot be unpacked as gzip"],
    [await post(url, new Uint8Array(gzipSync(LINE).subarray(0, 20)), gzip), 400, "cannot be unpacked as gzip"],
    [await post(url, "x".repeat(1_001)), 413, "more than 1000 bytes"],
    [await post(url, bomb.subarray(0, 900), gzip), 413, "more than 1000 bytes"],
    [await post(url, LINE, { "content-type": "image/png" }), 415, "image/png"],
    [await post(url, LINE, { "content-encoding": "br" }), 415, "gzip or none"],
    [await post(url.replace("/in", "/other"), LINE), 404, "nothing at /other"],
    [await ask(url, { method: "DELETE" }), 405, "POST or PUT"],
    [await ask(url, { method: "GET" }), 405, "POST or PUT"],
    [await post(url, LINE, { origin: "http://page.example" }), 403, "a browser"],
    [await post(url, LINE, { host: "page.example" }), 421, "another host"],
    [await post(url, LINE, { "idempotency-key": "x".repeat(256) }), 400, "255"],
  ] as const;
  for (const [[status, error], expected, words] of answers) {
    expect([status, error]).toEqual([expected, expect.stringContaining(words)]);
  }
  expect(rig.readings.length).toBe(0);
  expect(rig.source.notes()[1]).toContain("1 × 404");
});

test("with a token, only its holder may send: as Bearer, or as clients of InfluxDB send it", async () => {
  const { rig, url } = await started({ token: TOKEN });
  const basic = (password: string) => `Basic ${Buffer.from(`user:${password}`).toString("base64")}`;
  for (const wrong of ["", "Bearer", `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`, basic("x"), TOKEN]) {
    expect([wrong, (await post(url, LINE, wrong === "" ? {} : { authorization: wrong }))[0]]).toEqual([wrong, 401]);
  }
  expect(rig.readings.length).toBe(0);
  expect(rig.source.notes()).toEqual([
    `listens on ${url}`,
    "answered 6 × 401",
    "0 readings/s in the last minute",
    expect.stringMatching(/^last refusal at 2026-01-01T00:00:00.000Z: 401, the token is missing or wrong/),
  ]);
  for (const right of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `Token ${TOKEN}`, basic(TOKEN)]) {
    expect((await post(url, LINE, { authorization: right, origin: "http://page.example" }))[0]).toBe(200);
  }
  expect(rig.source.notes().slice(1, 3)).toEqual(["answered 4 × 200, 6 × 401", "0.07 readings/s in the last minute"]);
});

test("a full queue asks the sender to come again; a sender that waits too long too, and nothing of it is taken", async () => {
  const { rig, url } = await started({
    maxBodyBytes: 1_000,
    limits: { waitingRequests: 2, answerMs: 50, stalledMs: 60_000 },
  });
  rig.isRunning = false;
  const answers = await Promise.all(Array.from({ length: 6 }, () => fetch(url, { method: "POST", body: LINE })));
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503, 503]);
  const waits = answers.map(({ headers }) => headers.get("retry-after"));
  expect(new Set(waits)).toEqual(new Set(["1", "10"]));
  rig.isRunning = true;
  rig.turn();
  expect(rig.readings.length).toBe(0);
  expect((await post(url, LINE))[0]).toBe(200);
});

test("bodies that wait hold a stated number of bytes", async () => {
  const { rig, url } = await started({ maxBodyBytes: 1_000, limits: { waitingBodies: 1, answerMs: 50 } });
  rig.isRunning = false;
  const body = LINE.padEnd(600);
  const statuses = await Promise.all([post(url, body), post(url, body), post(url, body)]);
  expect(statuses.map(([status]) => status)).toEqual([503, 503, 503]);
  rig.isRunning = true;
  expect((await post(url, body))[0]).toBe(200);
});

test("when nothing can be kept, a sender hears it soon, and the next ones at once, until readings are taken again", async () => {
  let now = 0;
  const { rig, url } = await started({ limits: { untakenMs: 20, answerMs: 60_000 }, running: () => now });
  rig.isRunning = false;
  now += 5_000;
  const full: [number, string] = [503, expect.stringContaining("its disk or its buffer is full")];
  expect(await post(url, LINE)).toEqual(full);
  expect(await post(url, "")).toEqual(full);
  rig.isRunning = true;
  rig.turn();
  expect(await post(url, LINE)).toEqual([200, undefined]);
  expect(rig.readings.length).toBe(1);
});

test("a head or a body that does not come to its end in time ends the connection", async () => {
  const { url } = await started({ limits: { headMs: 50, bodyMs: 60 } });
  const head = "POST /in HTTP/1.1\r\nHost: localhost\r\n";
  expect(await heard(url, head)).toMatch(/^HTTP\/1.1 408 /);
  expect(await heard(url, `${head}Content-Length: 300\r\n\r\n{`)).toMatch(/^HTTP\/1.1 408 /);
});

test("connections have a number, and senders that go away leave nothing behind", async () => {
  const { rig, url } = await started({ limits: { connections: 3, waitingRequests: 6 } });
  const { port } = new URL(url);
  const head = "POST /in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300\r\n\r\n{";
  for (let round = 0; round < 3; round++) {
    const sockets = Array.from({ length: 6 }, () => connect(Number(port), "127.0.0.1"));
    const closed = sockets.map((socket) => new Promise<void>((done) => socket.once("close", () => done())));
    for (const socket of sockets) socket.on("error", () => undefined).write(head);
    // Those above the number are closed, and no others.
    await Promise.any(closed);
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  }
  let status = 0;
  while (status !== 200) [status] = await post(url, LINE, { connection: "close" }).catch(() => [0, undefined]);
  expect(rig.readings.length).toBe(1);
});

test("a sender that asks first is refused before it sends its body, and else asked for it", async () => {
  const { url } = await started({ maxBodyBytes: 1_000 });
  const ask = (length: number) =>
    `POST /in HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`;
  expect(await heard(url, ask(5_000))).toMatch(/^HTTP\/1.1 413 /);
  expect(await heard(url, ask(LINE.length), LINE)).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 /);
});

test("requests that come at once on one connection are answered in their order", async () => {
  const { rig, url } = await started();
  const one = (body: string, more = "") =>
    `POST /in HTTP/1.1\r\nHost: localhost\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
  const text = await heard(url, one(LINE) + one(`${LINE}\n${LINE}`) + one("7", "Connection: close\r\n"));
  expect(text.match(/\{"accepted.*/g)).toEqual([
    '{"accepted":1,"malformed":0,"filtered":0}',
    '{"accepted":2,"malformed":0,"filtered":0}',
    '{"accepted":0,"malformed":1,"filtered":0}',
  ]);
  expect(rig.readings.length).toBe(4);
});

test("a port that another has is trouble, and over when it is free; two sources share a port by their paths", async () => {
  const { rig, url } = await started();
  const { port } = new URL(url);
  let now = 0;
  const next = [1, 2].map((n) => new HttpRig({ uri: `http://:${port}/${n}`, running: () => now }));
  rigs.push(...next);
  for (const each of next) {
    for (each.turn(); each.trouble === null; each.turn()) await new Promise(setImmediate);
    expect(each.trouble.message).toBe(`Cannot listen on 127.0.0.1:${port}: the port is taken`);
  }
  rig.source.close();
  now += 5_000;
  for (const [i, each] of next.entries()) {
    expect(await each.listen()).toBe(`http://127.0.0.1:${port}/${i + 1}`);
    expect([(await post(each.source.url ?? "", LINE))[0], each.readings.length, each.trouble]).toEqual([200, 1, null]);
  }
});

test("a URI says an address of this machine; what other machines can reach needs a token, or open=true", () => {
  for (const uri of ["http://:8080/in", "http://localhost:8080/in", "http://127.0.0.1:8080/in"]) {
    expect(parseHttpUri(uri, false)).toMatchObject({ host: "127.0.0.1", port: 8080, path: "/in", format: "auto" });
  }
  expect(parseHttpUri("http://[::1]:8080", false)).toMatchObject({ host: "::1", path: "/" });
  expect(() => parseHttpUri("http://0.0.0.0:8080/in", false)).toThrow("other machines can reach 0.0.0.0");
  expect(parseHttpUri("http://0.0.0.0:8080/in", true).host).toBe("0.0.0.0");
  expect(parseHttpUri("http://[::]:8080/in?open=true", false)).toMatchObject({ host: "::", isOpen: true });
  for (const [uri, why] of [
    ["http://localhost/in", "it has no port"],
    ["http://sensors.example:8080/in", "expected an address of this machine"],
    ["http://:99999/in", "a port is at most 65535"],
    ["http://:8080/in?opne=true", "did you mean open?"],
    ["http://:8080/in?format=xml", 'there is no format "xml"'],
    ["http://:8080/in?format=json&delimiter=;", "delimiter"],
    ["http://:8080/in?delimiter=x", "delimiter"],
    ["http:8080", "expected http://HOST:PORT/PATH"],
  ] as const) {
    expect(() => parseHttpUri(uri, false)).toThrow(why);
  }
  expect(() => parseHttpUri("http://me:pa55word@localhost:8080/in", false)).toThrow(
    /^(?!.*pa55word).*AGENT_HTTP_TOKEN/s,
  );
});
