/** Replies that are sent bit by bit, and bodies of requests, with real connections. */
import { afterEach, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import type { Admission } from "./connection.ts";
import { HTTP_LIMITS, type HttpLimits, RefusalCounts } from "./limits.ts";
import { HttpListener } from "./listener.ts";
import type { Reply } from "./reply.ts";
import type { StreamClient } from "./route.ts";

let listener: HttpListener | null = null;
let refusals = new RefusalCounts();
const errors: unknown[] = [];
afterEach(() => listener?.close());

function listen(admit: () => Admission, limits: Partial<HttpLimits> = {}): void {
  refusals = new RefusalCounts();
  errors.length = 0;
  const requests = {
    admit,
    refuseBody: (status: 400 | 413, body: string) => ({ status, headers: {}, body }),
    refused: refusals.add,
    failed: (error: unknown) => errors.push(error),
    busy: () => ({ status: 503, headers: {}, body: "busy" }),
  };
  listener = new HttpListener({ host: "127.0.0.1", port: 0 }, requests, { ...HTTP_LIMITS, ...limits });
}

const streaming =
  (stream: (client: StreamClient) => Promise<void>, length?: number): (() => Admission) =>
  () => ({
    maxBodyBytes: 0,
    answer: async (): Promise<Reply> =>
      length === undefined ? { status: 200, headers: {}, stream } : { status: 200, headers: {}, stream, length },
  });

const refused = (why: string) => refusals.all().find(({ reason }) => reason === why)?.count;

type Client = { readonly socket: Socket; readonly ended: Promise<string>; heard: string };

function client(text: string): Client {
  const socket = connect(listener?.port ?? 0, "127.0.0.1");
  const made: Client = {
    socket,
    heard: "",
    ended: new Promise((done) => socket.once("close", () => done(made.heard))),
  };
  socket.on("data", (data) => {
    made.heard += data.toString("latin1");
  });
  socket.on("error", () => undefined);
  if (text !== "") socket.write(text);
  return made;
}

const GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const bodyOf = (text: string) => text.slice(text.indexOf("\r\n\r\n") + 4);

/** Each client's `gone`, when it has begun. */
function holding(): {
  readonly stream: (client: StreamClient) => Promise<void>;
  readonly begun: () => Promise<AbortSignal>;
} {
  const begun: AbortSignal[] = [];
  let tell: () => void = () => undefined;
  return {
    stream: (one) => {
      one.send("first\n");
      begun.push(one.gone);
      tell();
      return new Promise((done) => one.gone.addEventListener("abort", () => done()));
    },
    begun: async () => {
      while (begun.length === 0) await new Promise<void>((done) => (tell = done));
      return begun.shift() as AbortSignal;
    },
  };
}

test("a stream comes in chunks with an end, by its length where that is known, and plainly to HTTP/1.0", async () => {
  listen(
    streaming(async (one) => {
      one.send("one\n");
      one.send("");
      one.send(Buffer.from("and two\n"));
    }),
  );
  const whole = await client(GET).ended;
  expect(whole).toContain("\r\ntransfer-encoding: chunked\r\n");
  expect(bodyOf(whole)).toBe("4\r\none\n\r\n8\r\nand two\n\r\n0\r\n\r\n");
  expect(bodyOf(await client("GET / HTTP/1.0\r\n\r\n").ended)).toBe("one\nand two\n");
  expect(bodyOf(await client(GET.replace("GET", "HEAD")).ended)).toBe("");
  listener?.close();
  listen(streaming(async (one) => void one.send("12345"), 5));
  const sized = await client(GET).ended;
  expect([sized.includes("content-length: 5"), bodyOf(sized)]).toEqual([true, "12345"]);
});

test("a stream that fails, or is shorter than it said, never looks whole", async () => {
  listen(
    streaming(async (one) => {
      one.send("part");
      await one.drained();
      throw new Error("the disk is gone");
    }),
  );
  expect(bodyOf(await client(GET).ended)).not.toContain("0\r\n\r\n");
  expect(errors).toEqual([expect.objectContaining({ message: "the disk is gone" })]);
  listener?.close();
  listen(streaming(async (one) => void one.send("12"), 5));
  expect(bodyOf(await client(GET).ended).length).toBeLessThan(5);
});

test("a client that takes its time gets everything, and no more than a stated amount waits for it", async () => {
  const part = Buffer.alloc(64 * 1024, "x");
  let waits = 0;
  listen(
    streaming(async (one) => {
      for (let i = 0; i < 400; i++) {
        if (one.send(part)) continue;
        waits++;
        await one.drained();
      }
    }, 400 * part.length),
  );
  const slow = client(GET);
  slow.socket.pause();
  slow.socket.once("connect", () => setImmediate(() => slow.socket.resume()));
  expect(bodyOf(await slow.ended).length).toBe(400 * part.length);
  expect(waits).toBeGreaterThan(0);
});

test("a client that takes nothing is cut off in time, one that is sent too much at once, and both are counted", async () => {
  const part = Buffer.alloc(1024 * 1024, "x");
  let most = 0;
  listen(
    streaming(async (one) => {
      while (!one.gone.aborted) {
        if (!one.send(part)) await one.drained();
        most++;
      }
    }),
    { stallMs: 50 },
  );
  const idle = client(GET);
  idle.socket.pause();
  while (refused("slow") !== 1) await new Promise((done) => setImmediate(done));
  // What the system takes for the connection, and what we hold.
  expect(most).toBeLessThan(50);
  idle.socket.destroy();
  listener?.close();
  listen(
    streaming(async (one) => {
      while (!one.gone.aborted) one.send(part);
    }),
  );
  const flooded = client(GET);
  flooded.socket.pause();
  while (refused("slow") !== 1) await new Promise((done) => setImmediate(done));
  flooded.socket.destroy();
});

test("a reply may have less patience with its client than others", async () => {
  const part = Buffer.alloc(1024 * 1024, "x");
  const stream = async (one: StreamClient) => {
    while (!one.gone.aborted) if (!one.send(part)) await one.drained();
  };
  listen(() => ({ maxBodyBytes: 0, answer: async () => ({ status: 200, headers: {}, stream, stallMs: 50 }) }));
  const idle = client(GET);
  idle.socket.pause();
  while (refused("slow") !== 1) await new Promise((done) => setImmediate(done));
  idle.socket.destroy();
});

test("so many streams at once and no more; they never make room for others, and one that leaves does", async () => {
  const { stream, begun } = holding();
  listen(streaming(stream), { streams: 2, connections: 4, streamWaitMs: 30 });
  const first = client(GET);
  const gone = await begun();
  const second = client(GET);
  await begun();
  expect(bodyOf(await client(GET).ended)).toBe("busy");
  expect(refused("streams")).toBe(1);
  const waiting = Array.from({ length: 8 }, () => client("GET / HTTP/1.1\r\n"));
  await Promise.all(waiting.slice(0, 4).map(({ ended }) => ended));
  expect([gone.aborted, first.socket.destroyed, second.socket.destroyed]).toEqual([false, false, false]);
  expect(refused("connections")).toBeGreaterThanOrEqual(6);
  first.socket.destroy();
  await new Promise<void>((done) => (gone.aborted ? done() : gone.addEventListener("abort", () => done())));
  const next = client(GET);
  await begun();
  for (const one of [second, next, ...waiting]) one.socket.destroy();
});

test("one too many waits a moment for the end of another", async () => {
  const ends: (() => void)[] = [];
  let began: () => void = () => undefined;
  listen(
    streaming((one) => {
      one.send("here");
      began();
      return new Promise((done) => ends.push(done));
    }),
    { streams: 1 },
  );
  const isBegun = () => new Promise<void>((done) => (began = done));
  const firstBegins = isBegun();
  const first = client(GET);
  await firstBegins;
  const secondBegins = isBegun();
  const second = client(GET);
  ends[0]?.();
  expect(await first.ended).toEndWith("0\r\n\r\n");
  await secondBegins;
  ends[1]?.();
  expect([bodyOf(await second.ended), refused("streams")]).toEqual(["4\r\nhere\r\n0\r\n\r\n", 0]);
});

test("closing ends the streams, and their senders notice", async () => {
  const { stream, begun } = holding();
  listen(streaming(stream));
  const open = client(GET);
  const gone = await begun();
  listener?.close();
  expect([gone.aborted, await open.ended]).toEqual([true, expect.stringContaining("first")]);
});

const POST = (headers: string, body = "") => `POST / HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n\r\n${body}`;
const echo = (maxBodyBytes = 100): Admission => ({
  maxBodyBytes,
  answer: async (body) => ({ status: 200, headers: {}, body }),
});

test("a body comes by its length or in chunks, with its head or after it, and after leave to send it", async () => {
  listen(() => echo());
  expect(bodyOf(await client(POST("Content-Length: 5", "hello")).ended)).toBe("hello");
  expect(bodyOf(await client(POST("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n")).ended)).toBe("hello");
  expect(bodyOf(await client(POST("Content-Length: 0")).ended)).toBe("");
  const late = client(POST("Content-Length: 5\r\nExpect: 100-continue"));
  await new Promise((done) => late.socket.once("data", done));
  expect(late.heard).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  late.socket.write("hello");
  expect(await late.ended).toEndWith("hello");
});

test("a body that does not come in time ends the connection, and chunks that are no chunks are refused", async () => {
  listen(() => echo(), { bodyMs: 30 });
  expect(await client(POST("Content-Length: 5", "hel")).ended).toBe("");
  expect(refused("late")).toBe(1);
  expect(await client(POST("Transfer-Encoding: chunked", "zz\r\n")).ended).toStartWith("HTTP/1.1 400 ");
  expect(await client(POST("Transfer-Encoding: chunked", "ff\r\n")).ended).toStartWith("HTTP/1.1 413 ");
});

test("a head that comes too late is counted, a connection on which nothing comes is not: browsers open them beforehand", async () => {
  listen(() => echo(), { headMs: 30 });
  await client("").ended;
  expect(refused("late")).toBe(0);
  await client("GET / HTTP/1.1\r\n").ended;
  expect(refused("late")).toBe(1);
});

test("a client that leaves while its reply is being made is noticed", async () => {
  let noticed: () => void = () => undefined;
  const left = new Promise<void>((done) => (noticed = done));
  let asked: () => void = () => undefined;
  const isAsked = new Promise<void>((done) => (asked = done));
  listen(() => ({
    maxBodyBytes: 0,
    answer: (_, gone) => {
      asked();
      return new Promise((done) =>
        gone.addEventListener("abort", () => {
          noticed();
          done({ status: 200, headers: {}, body: "" });
        }),
      );
    },
  }));
  const leaving = client(GET);
  await isAsked;
  leaving.socket.destroy();
  await left;
});
