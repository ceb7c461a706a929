/** How the page's own files are served, and that nothing of them is loaded by an agent that serves none. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { gunzipSync } from "bun";
import type { HttpReply, Route } from "../http/route.ts";
import { pageRoutes } from "./page-routes.ts";

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const routes = await pageRoutes({ log });

async function get(route: Route, encoding: string): Promise<HttpReply & { readonly body: Uint8Array }> {
  const reply = await route.answer({
    method: "GET",
    path: route.path,
    query: new URLSearchParams(),
    headers: new Map([["accept-encoding", encoding]]),
    body: new Uint8Array(0),
    gone: new AbortController().signal,
    client: "127.0.0.1",
  });
  if (!("body" in reply) || typeof reply.body === "string") throw new Error("not the bytes of a file");
  return { ...reply, body: reply.body };
}

test("each file has its type, is packed for those who take it, and is the same unpacked", async () => {
  expect(routes.length).toBeGreaterThan(2);
  for (const route of routes) {
    const packed = await get(route, "br, gzip");
    const plain = await get(route, "");
    expect([route.path, packed.headers?.["content-encoding"], plain.headers?.["content-encoding"]]).toEqual([
      route.path,
      "gzip",
      undefined,
    ]);
    expect(gunzipSync(Uint8Array.from(packed.body))).toEqual(Uint8Array.from(plain.body));
    expect([route.path, route.access, route.method]).toEqual([route.path, "open", "GET"]);
    expect(packed.type).toMatch(/^(text\/(html|javascript|css); charset=utf-8|application\/wasm)$/);
  }
});

test("a file is kept for ever by its name, the page is asked for again, and both may load only what is here", async () => {
  for (const route of routes) {
    const { headers } = await get(route, "gzip");
    const isPage = route.path === "/";
    expect([route.path, headers?.["cache-control"]]).toEqual([
      route.path,
      isPage ? "no-cache" : "public, max-age=31536000, immutable",
    ]);
    if (!isPage) expect(route.path).toMatch(/^\/[\w-]+-[a-z0-9]{8}\.(js|css|wasm)$/);
    const policy = headers?.["content-security-policy"] ?? "";
    expect(policy).toStartWith("default-src 'none'; ");
    expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'|https?:|\*/);
  }
});

test("the page names files that are served, and none of elsewhere", async () => {
  const page = routes.find(({ path }) => path === "/");
  if (page === undefined) throw new Error("there is no page");
  const text = Buffer.from((await get(page, "")).body).toString();
  const named = [...text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(1);
  const paths = routes.map(({ path }) => `.${path}`);
  expect(named.filter((name) => !paths.includes(name))).toEqual([]);
});

/** Files that are loaded with `path`, those of a lazy import and of types apart. */
function loadedWith(path: string, loaded = new Set<string>()): ReadonlySet<string> {
  if (loaded.has(path)) return loaded;
  loaded.add(path);
  const code = readFileSync(path, "utf8");
  for (const [, name = ""] of code.matchAll(/^(?:import|export) (?!type\b)(?:[^;"]*? from )?"(\.[^"]+\.ts)"/gm))
    loadedWith(normalize(join(dirname(path), name)), loaded);
  return loaded;
}

test("run and demo load the page, and the server, only where they are asked to serve", () => {
  const source = join(import.meta.dir, "..");
  for (const command of ["run", "demo"]) {
    const loaded = [...loadedWith(join(source, `cli/${command}.ts`))].map((path) => path.slice(source.length + 1));
    expect(loaded.length).toBeGreaterThan(50);
    expect(loaded.filter((path) => /^(dashboard|page|http)\//.test(path))).toEqual([]);
  }
});
