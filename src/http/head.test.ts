/** Which heads are read, and which are refused. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { HEAD_BYTES, readHead } from "./head.ts";

const read = (text: string) => readHead(Buffer.from(text, "latin1"));

test("method, path without query, and host", () => {
  expect(read("GET /healthz?a=b?c HTTP/1.1\r\nHost: localhost:9464\r\nX:\r\n\r\n")).toEqual({
    method: "GET",
    path: "/healthz",
    query: "a=b?c",
    version: "1.1",
    host: "localhost:9464",
    headers: new Map([
      ["host", "localhost:9464"],
      ["x", ""],
    ]),
    body: 0,
  });
  expect(read("GET / HTTP/1.0\r\n\r\n")).toMatchObject({ method: "GET", path: "/", query: "", host: null });
});

test("a head that is not plainly right is refused", () => {
  for (const [text, status] of [
    ["GET /\r\n\r\n", 400],
    ["GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost: localhost\r\nhost: evil.example\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400],
    ["PRI * HTTP/2.0\r\n\r\n", 505],
    ["\r\n\r\n", 400],
  ] as const) {
    expect([text, read(text)]).toEqual([text, expect.objectContaining({ status })]);
  }
});

test("a head has a limit, the bytes behind it have none", () => {
  const begun = "GET / HTTP/1.1\r\nHost: localhost\r\nX: ";
  const filled = (bytes: number) => begun.padEnd(bytes, "x");
  expect(read(filled(HEAD_BYTES - 1))).toBe(null);
  expect(read(filled(HEAD_BYTES))).toMatchObject({ status: 431 });
  expect(read(`${filled(HEAD_BYTES - 4)}\r\n\r\n`)).toMatchObject({ method: "GET" });
  expect(read(`${filled(HEAD_BYTES - 3)}\r\n\r\n`)).toMatchObject({ status: 431 });
  expect(read(`POST / HTTP/1.1\r\nHost: localhost\r\n\r\n${"x".repeat(100_000)}`)).toMatchObject({ method: "POST" });
});

test("any bytes are a head, a refusal, or not whole yet, and in pieces they end the same", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.string().map((text) => Buffer.from(`GET /${text}\r\n\r\n`)),
  );
  fc.assert(
    fc.property(bytes, (given) => {
      const whole = Buffer.from(given);
      const answers = Array.from(whole, (_, i) => readHead(whole.subarray(0, i + 1)));
      const first = answers.find((answer) => answer !== null) ?? null;
      expect(readHead(whole)).toEqual(first);
    }),
  );
});
