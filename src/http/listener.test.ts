/** The limits of the HTTP server, with real connections. */
import { afterEach, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import type { Requests } from "./connection.ts";
import { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import { HttpListener } from "./listener.ts";
import type { Reply } from "./reply.ts";

let listener: HttpListener | null = null;
afterEach(() => listener?.close());

const ok = async (): Promise<Reply> => ({ status: 200, headers: {}, body: "here" });

function listen(answer: () => Promise<Reply> = ok, limits: Partial<HttpLimits> = {}): void {
  const requests: Requests = {
    admit: () => ({ maxBodyBytes: 0, answer }),
    refuseBody: (status, body) => ({ status, headers: {}, body }),
    refused: () => undefined,
    failed: () => undefined,
    busy: () => ({ status: 503, headers: {}, body: "busy" }),
  };
  listener = new HttpListener({ host: "127.0.0.1", port: 0 }, requests, { ...HTTP_LIMITS, ...limits });
}

type Client = { readonly socket: Socket; readonly opened: Promise<void>; readonly ended: Promise<string> };

/** A connection, and all that it was sent until it ended, however it ended. */
function client(): Client {
  const socket = connect(listener!.port, "127.0.0.1");
  let heard = "";
  socket.on("data", (data) => {
    heard += data.toString("latin1");
  });
  socket.on("error", () => undefined);
  const opened = new Promise<void>((done) => socket.once("connect", () => done()));
  return { socket, opened, ended: new Promise((done) => socket.once("close", () => done(heard))) };
}

async function ask(text = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"): Promise<string> {
  const { socket, ended } = client();
  socket.write(text);
  return await ended;
}

test("a request is answered and its connection ends; HEAD has the same head and no body", async () => {
  listen();
  const head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\n";
  expect(await ask()).toBe(`${head}here`);
  expect(await ask("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")).toBe(head);
});

test("a reply that is larger than what a connection holds arrives whole", async () => {
  const body = "0123456789".repeat(500_000);
  listen(async () => ({ status: 200, headers: {}, body }));
  expect((await ask()).split("\r\n\r\n")[1]!.length).toBe(body.length);
});

test("the oldest of too many connections makes room, and a client that asks at once is answered", async () => {
  listen();
  const idle = Array.from({ length: HTTP_LIMITS.connections }, client);
  await Promise.all(idle.map(({ opened }) => opened));
  expect(await ask()).toEndWith("here");
  expect(await idle[0]!.ended).toBe("");
  idle[63]!.socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  expect(await idle[63]!.ended).toEndWith("here");
});

test("a connection that is being answered does not make room", async () => {
  let answer: () => void = () => undefined;
  let asked: () => void = () => undefined;
  const isAsked = new Promise<void>((done) => (asked = done));
  const reply = new Promise<Reply>((done) => (answer = () => done({ status: 200, headers: {}, body: "late" })));
  const answered = () => {
    asked();
    return reply;
  };
  listen(answered, { connections: 2 });
  const first = ask();
  await isAsked;
  const others = [client(), client(), client()];
  expect(await others[0]!.ended).toBe("");
  answer();
  expect(await first).toEndWith("late");
});

test("a head that does not come to its end in time ends the connection, however many bytes come", async () => {
  listen(ok, { headMs: 30 });
  const slow = client();
  slow.socket.write("GET / HTTP/1.1\r\n");
  expect(await slow.ended).toBe("");
});

test("a client that keeps sending reads its reply first, and is cut off", async () => {
  listen(ok, { lingerMs: 300 });
  expect(await ask(`POST / HTTP/1.1\r\nHost: localhost\r\n\r\n${"x".repeat(100_000)}`)).toEndWith("here");
  const huge = client();
  huge.socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(10_000_000)}`);
  // What it read of the reply depends on how far it came; that it ends does not.
  expect(await huge.ended).toMatch(/^(HTTP\/1\.1 200 OK[\s\S]*)?$/);
  expect(await ask()).toEndWith("here");
});

test("a client that takes its time has the whole reply, although the system has taken all of it long before", async () => {
  const body = "0123456789".repeat(100_000);
  listen(async () => ({ status: 200, headers: {}, body }), { lingerMs: 20, headMs: 200 });
  const slow = client();
  await slow.opened;
  slow.socket.pause();
  slow.socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  // One that says nothing is a clock.
  await client().ended;
  slow.socket.resume();
  expect((await slow.ended).split("\r\n\r\n")[1]!.length).toBe(body.length);
});

test("closing ends every connection at once", async () => {
  listen(() => new Promise(() => undefined));
  const [waiting, idle] = [client(), client()];
  waiting.socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await Promise.all([waiting.opened, idle.opened]);
  listener!.close();
  expect(await Promise.all([waiting.ended, idle.ended])).toEqual(["", ""]);
});
