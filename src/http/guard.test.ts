/** Who may ask for what. */
import { expect, test } from "bun:test";
import { denies, deniesHost, type Guard } from "./guard.ts";
import { type RequestHead, readHead } from "./head.ts";
import type { Access } from "./route.ts";

const TOKEN = "a-token-of-this-node";
const guard = (host: string, token: string | null = TOKEN): Guard => ({
  host,
  token: () => token,
  tokenHint: "cat agent-data/dashboard.token",
});
const LOCAL = guard("127.0.0.1");
const REACHED = guard("0.0.0.0");

function head(...lines: readonly string[]): RequestHead {
  const read = readHead(Buffer.from(`GET /api HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`, "latin1"));
  if (read === null || "problem" in read) throw new Error("not a head");
  return read;
}
const status = (of: Guard, access: Access, ...lines: readonly string[]) =>
  denies(of, head("Host: 127.0.0.1:8844", ...lines), access)?.status ?? 200;

test("on loopback only a loopback name is answered; elsewhere any, since there it takes a token", () => {
  for (const host of ["localhost", "127.0.0.1:1", "[::1]:8844", "LOCALHOST:80"])
    expect([host, deniesHost(LOCAL, head(`Host: ${host}`))]).toEqual([host, null]);
  for (const host of ["evil.example", "localhost.evil.example:8844", "127.0.0.1.nip.example", "10.0.0.1", ""])
    expect([host, deniesHost(LOCAL, head(`Host: ${host}`))?.status]).toEqual([host, 421]);
  expect(deniesHost(REACHED, head("Host: node-7.example"))).toBe(null);
});

test("who may do what, with and without the token, here and from elsewhere", () => {
  const right = `Authorization: Bearer ${TOKEN}`;
  const wrong = [
    "Authorization: Bearer a-token-of-that-node",
    `Authorization: Bearer ${TOKEN}x`,
    `Authorization: ${TOKEN}`,
  ];
  for (const [of, access, without] of [
    [LOCAL, "open", 200],
    [LOCAL, "read", 200],
    [LOCAL, "write", 401],
    [REACHED, "open", 200],
    [REACHED, "read", 401],
    [REACHED, "write", 401],
  ] as const) {
    expect([of.host, access, status(of, access)]).toEqual([of.host, access, without]);
    expect(status(of, access, right)).toBe(200);
    for (const line of [...wrong, `Authorization: Basic ${TOKEN}`, "Authorization: Bearer ", `Cookie: token=${TOKEN}`])
      expect([line, status(of, access, line)]).toEqual([line, without]);
  }
});

test("without a token yet nothing passes that needs one, an empty one neither", () => {
  expect(status(guard("127.0.0.1", null), "write", "Authorization: Bearer null")).toBe(503);
  expect(status(guard("127.0.0.1", null), "read")).toBe(200);
  expect(status(guard("0.0.0.0", null), "read")).toBe(503);
});

test("a page of another site is refused, with the token too; our own under any of its names is not", () => {
  const right = `Authorization: Bearer ${TOKEN}`;
  for (const line of [
    "Origin: http://evil.example",
    "Origin: null",
    "Origin: http://127.0.0.1:3000",
    "Origin: http://127.0.0.1:8844.evil.example",
    "Sec-Fetch-Site: cross-site",
    "Sec-Fetch-Site: same-site",
  ])
    for (const access of ["read", "write"] as const)
      expect([line, status(LOCAL, access, right, line)]).toEqual([line, 403]);
  for (const line of ["Origin: http://127.0.0.1:8844", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none"])
    expect([line, status(LOCAL, "write", right, line)]).toEqual([line, 200]);
  // A proxy with TLS that keeps the name.
  const proxied = head("Host: node.example", "Origin: https://node.example", right);
  expect(denies(REACHED, proxied, "write")).toBe(null);
});
