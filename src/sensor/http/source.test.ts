/** `http:` with real requests: what is taken, and what is answered when. */
import { afterEach, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { HttpRig, type RigOptions } from "./rig.suite.ts";

let rig: HttpRig;
afterEach(() => rig.source.close());

async function started(options: RigOptions = {}): Promise<string> {
  rig = new HttpRig(options);
  return await rig.listen();
}

const line = (n: number) => `{"sensor_id":"s${n}","timestamp":"2026-01-01T00:00:00Z","temperature":${n}}`;
const lines = (count: number) => Array.from({ length: count }, (_, n) => line(n)).join("\n");

async function post(url: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) {
  const response = await fetch(url, { method: "POST", body, headers });
  return { status: response.status, body: await response.text(), headers: response.headers };
}
const counts = (accepted: number, malformed = 0) => `${JSON.stringify({ accepted, malformed, filtered: 0 })}\n`;

test("lines, an array, an object and gzip are readings, whatever the Content-Type says of JSON", async () => {
  const url = await started();
  const pretty = JSON.stringify(JSON.parse(line(1)), null, 2);
  const bodies: [body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string>, accepted: number][] = [
    [lines(3), { "content-type": "application/x-ndjson" }, 3],
    [`${lines(3)}\n`, {}, 3],
    [lines(3), { "content-type": "application/json" }, 3],
    [`[${line(1)}, ${line(2)}\n]`, { "content-type": "application/json; charset=utf-8" }, 2],
    [`\ufeff[${line(1)}]`, {}, 1],
    [pretty, {}, 1],
    [pretty, { "content-type": "application/x-www-form-urlencoded" }, 1],
    [new Uint8Array(gzipSync(lines(5))), { "content-encoding": "gzip" }, 5],
    [new Uint8Array(Buffer.concat([gzipSync(`${line(1)}\n`), gzipSync(line(2))])), {}, 2],
  ];
  for (const [body, headers, accepted] of bodies) {
    expect([headers, await post(url, body, headers)]).toEqual([
      headers,
      expect.objectContaining({ status: 200, body: counts(accepted) }),
    ]);
  }
});

test("a bad record costs no other, and is a row", async () => {
  const url = await started();
  expect((await post(url, `[${line(1)}, {"a":}, 7, ${line(2)}]`)).body).toBe(counts(2, 2));
  expect((await post(url, `${line(1)}\n{"a":\n${line(2)}`)).body).toBe(counts(2, 1));
  expect((await post(url, `[${line(1)}, {"cut": "here`)).body).toBe(counts(1, 1));
});

test("the answer comes after the commit of the last record, and the records of a request are committed together", async () => {
  const url = await started({ capacity: 10 });
  rig.isRunning = false;
  let isAnswered = false;
  const answer = post(url, lines(25)).then((reply) => {
    isAnswered = true;
    return reply;
  });
  while (rig.source.take(rig.block, 0).state !== "idle" || rig.block.count === 0) await new Promise(setImmediate);
  expect([rig.block.count, isAnswered, rig.source.senderWaits]).toEqual([25, false, true]);
  rig.isRunning = true;
  rig.turn();
  expect((await answer).body).toBe(counts(25));
  expect([rig.commits, rig.source.senderWaits]).toEqual([[25], false]);
});

test("a request of more than 10,000 records is committed in parts, and answered after the last", async () => {
  const url = await started({ maxBodyBytes: 8 << 20 });
  expect((await post(url, lines(23_456))).body).toBe(counts(23_456));
  expect(rig.commits.length).toBe(3);
  expect(rig.commits.reduce((sum, count) => sum + count, 0)).toBe(23_456);
});

test("a refused sender that is still sending, or is gone, harms no other", async () => {
  const url = await started({ maxBodyBytes: 1_000, limits: { lingerMs: 5 } });
  const big = "x".repeat(200_000);
  for (let i = 0; i < 20; i++) {
    const reply = await post(url, big, { connection: "close" }).catch(() => null);
    // A client that was cut off while it was sending has no answer.
    if (reply !== null)
      expect([reply.status, reply.body]).toEqual([413, expect.stringContaining("AGENT_HTTP_MAX_BYTES")]);
    expect((await post(url, line(i))).body).toBe(counts(1));
  }
  expect((await fetch(url)).status).toBe(405);
  expect((await post(url, line(1))).body).toBe(counts(1));
});
