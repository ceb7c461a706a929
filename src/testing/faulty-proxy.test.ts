import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { type Fault, type FaultyProxy, startFaultyProxy } from "./faulty-proxy.ts";

/** What the upstream saw, in order. */
const seen: { method: string; url: string; host: string | null; length: number }[] = [];
const upstream = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: async (request) => {
    const { pathname, search } = new URL(request.url);
    const length = (await request.arrayBuffer()).byteLength;
    seen.push({ method: request.method, url: pathname + search, host: request.headers.get("host"), length });
    return new Response("stored", { status: 200, headers: { etag: '"x"' } });
  },
});
let proxy: FaultyProxy;
beforeAll(async () => {
  proxy = await startFaultyProxy({ upstream: upstream.url.href, seed: 1, faults: {} });
});
afterAll(async () => {
  await proxy.stop();
  await upstream.stop(true);
});

const put = (path = "/bucket/key", signal?: AbortSignal) =>
  fetch(proxy.url + path, { method: "PUT", body: "the body", ...(signal === undefined ? {} : { signal }) });
async function seenDuring(run: () => Promise<unknown>): Promise<typeof seen> {
  const before = seen.length;
  await run();
  return seen.slice(before);
}
const only = (fault: Fault) => proxy.setFaults({ [fault]: 1 });

describe("a bad line", () => {
  test("forwards everything where there are no faults, the client's Host header unchanged", async () => {
    proxy.setFaults({});
    const path = "/bucket/date%3D2026-11-23/hour%3D08/a%20b?list-type=2&prefix=a%2Fb";
    const arrived = await seenDuring(async () => {
      const answer = await put(path);
      expect(answer.status).toBe(200);
      expect(answer.headers.get("etag")).toBe('"x"');
      expect(await answer.text()).toBe("stored");
    });
    expect(arrived).toEqual([{ method: "PUT", url: path, host: new URL(proxy.url).host, length: 8 }]);
  });

  test("answers 503 without forwarding, with a Retry-After or without", async () => {
    const arrived = await seenDuring(async () => {
      only("unavailable");
      const plain = await put();
      expect([plain.status, plain.headers.get("retry-after")]).toEqual([503, null]);
      only("retryAfter");
      expect((await put()).headers.get("retry-after")).toBe("1");
    });
    expect(arrived).toEqual([]);
  });

  test("ends the connection before forwarding", async () => {
    only("reset");
    expect(await seenDuring(() => put().catch(() => "reset"))).toEqual([]);
  });

  test("loses the answer to a request that was carried out", async () => {
    only("lostAnswer");
    const before = proxy.counts().lostAnswer;
    const arrived = await seenDuring(async () => {
      expect(await put().catch(() => "lost")).toBe("lost");
    });
    // A client may repeat by itself on a connection that ends; each time the object was stored.
    expect(arrived.length).toBeGreaterThanOrEqual(1);
    expect(proxy.counts().lostAnswer - before).toBe(arrived.length);
  });

  test("never answers, until the client gives up", async () => {
    only("timeout");
    const giveUp = new AbortController();
    const before = proxy.counts().timeout;
    const arrived = await seenDuring(async () => {
      const waiting = put("/bucket/key", giveUp.signal).catch(() => "gave up");
      while (proxy.counts().timeout === before) await new Promise((resolve) => setImmediate(resolve));
      giveUp.abort();
      expect(await waiting).toBe("gave up");
    });
    expect(arrived).toEqual([]);
  });

  test("survives a client that dies in the middle of its body, and forwards no half body", async () => {
    proxy.setFaults({});
    const { port } = new URL(proxy.url);
    const arrived = await seenDuring(async () => {
      for (let i = 0; i < 20; i++) {
        await new Promise<void>((resolve) => {
          const socket = connect(Number(port), "127.0.0.1", () => {
            socket.write("PUT /bucket/half HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly this", () => {
              socket.resetAndDestroy();
              resolve();
            });
          });
        });
      }
      expect((await put()).status).toBe(200);
    });
    expect(arrived.map((request) => request.url)).toEqual(["/bucket/key"]);
  });

  test("the same seed makes the same faults", async () => {
    const statuses = async (seed: number) => {
      const line = await startFaultyProxy({ upstream: upstream.url.href, seed, faults: { unavailable: 0.5 } });
      const got: number[] = [];
      for (let i = 0; i < 20; i++) got.push((await fetch(line.url)).status);
      await line.stop();
      return got;
    };
    const first = await statuses(7);
    expect(await statuses(7)).toEqual(first);
    expect(new Set(first)).toEqual(new Set([200, 503]));
  });

  test("faults that add up to more than one, or that do not exist, are refused", () => {
    expect(() => proxy.setFaults({ reset: 0.6, slow: 0.6 })).toThrow("add up");
    expect(() => proxy.setFaults({ nonsense: 1 } as object)).toThrow("nonsense");
  });

  test("runs as a process of its own, is configured over HTTP, and ends with the process that started it", async () => {
    const program = new URL("./faulty-proxy.ts", import.meta.url).pathname;
    const args = ["--port", "0", "--upstream", upstream.url.href, "--seed", "3", "--faults", '{"unavailable":1}'];
    const child = Bun.spawn([process.execPath, program, ...args], { stdin: "pipe", stdout: "pipe" });
    const { value } = await child.stdout.getReader().read();
    const url = new TextDecoder().decode(value).trim();
    expect((await fetch(`${url}/bucket/key`)).status).toBe(503);
    await fetch(`${url}/-/faults`, { method: "PUT", body: "{}" });
    expect((await fetch(`${url}/bucket/key`)).status).toBe(200);
    const shown: unknown = await (await fetch(`${url}/-/faults`)).json();
    expect(shown).toMatchObject({ faults: {}, counts: { unavailable: 1, passed: 1 } });
    child.stdin.end();
    expect(await child.exited).toBe(0);
  });
});
