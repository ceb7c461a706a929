/** `http:` with real requests: what is taken, and what is answered when. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { testWith } from "../../testing/needs.ts";
import { NO_CONTEXT } from "../context.ts";
import { loadMapping } from "../map/map-file.ts";
import { shippedProfiles } from "../profile/shipped.ts";
import { type Mapping, NO_MAPPING } from "../row/fields.ts";
import { RequestContexts } from "./request-context.ts";
import { HttpRig, type RigOptions } from "./rig.suite.ts";

let rig: HttpRig;
afterEach(() => rig.source.close());

async function started(options: RigOptions = {}): Promise<string> {
  rig = new HttpRig(options);
  return await rig.listen();
}

function mapOf(map: object): Mapping {
  const folder = mkdtempSync(join(tmpdir(), "http-map-"));
  writeFileSync(join(folder, "map.json"), JSON.stringify(map));
  return loadMapping("map.json", shippedProfiles(), folder);
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

testWith("time")(
  "a request of more than 10,000 records is committed in parts, and answered after the last",
  async () => {
    const url = await started({ maxBodyBytes: 8 << 20 });
    expect((await post(url, lines(23_456))).body).toBe(counts(23_456));
    expect(rig.commits.length).toBe(3);
    expect(rig.commits.reduce((sum, count) => sum + count, 0)).toBe(23_456);
  },
);

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

test("CSV, a form and a query are readings of text", async () => {
  const url = await started({ uri: "http://:0/in?get=true" });
  const fields = "sensor_id=a&timestamp=2026-01-01T00:00:00Z&temperature=";
  const csv = "sensor_id,timestamp,temperature\na,2026-01-01T00:00:00Z,21.5\n";
  expect((await post(url, csv, { "content-type": "text/csv" })).body).toBe(counts(1));
  expect((await post(url, csv, { "content-type": "application/x-www-form-urlencoded" })).body).toBe(counts(1));
  const form = { "content-type": "application/x-www-form-urlencoded" };
  expect((await post(url, `${fields}22.5`, form)).body).toBe(counts(1));
  expect((await fetch(`${url}?${fields}23.5`)).status).toBe(200);
  expect(rig.readings.map(({ identity, measures }) => [identity[0], measures[0]?.[1]])).toEqual([
    ["a", 21.5],
    ["a", 21.5],
    ["a", 22.5],
    ["a", 23.5],
  ]);
});

test("a number, a word and a text alone are a record of one field", async () => {
  const mapping = mapOf({ fields: { value: "temperature" } });
  const url = await started({ mapping });
  for (const body of ["24.5", "on", '"a text"']) expect((await post(url, body)).body).toBe(counts(0, 1));
  expect(rig.readings.map(({ malformed }) => malformed?.received)).toEqual(["24.5", "on", '"a text"']);
});

test("a map reads path, query and headers of a request, but no secret", () => {
  const compose = { sensor_id: "{@query.sensor}-{@path}", location: "{@header.x-room} {@header.authorization}" };
  const contexts = new RequestContexts(mapOf({ compose, extract: { "@header.device": "{model}/{version}" } }));
  const head = (query: string, authorization: string) => {
    const headers = { "x-room": "Hall", authorization, "user-agent": "x" };
    return { method: "POST", path: "/in", query, headers };
  };
  const context = contexts.of(head("sensor=a%20b&other=1", "Bearer secret"));
  expect(context).toEqual({ "@path": "/in", "@query.sensor": "a b", "@header.x-room": "Hall" });
  // Templates are found by it.
  expect(contexts.of(head("other=2&sensor=a+b", "Bearer secret2"))).toBe(context);
  expect(contexts.of(head("sensor=b", ""))).not.toBe(context);
  const keys = {
    compute: { temperature: 'double(r["@query.t"])' },
    timestamp: { from: ["@query.on", "@query.at"], format: "%Y-%m-%d %H:%M" },
  };
  const asked = new RequestContexts(mapOf(keys)).of(head("t=3&on=2026-01-01&at=12:00", ""));
  expect(Object.keys(asked)).toEqual(["@query.at", "@query.on", "@query.t"]);
  expect(new RequestContexts(NO_MAPPING).of(head("sensor=b", ""))).toBe(NO_CONTEXT);
});

test("clients of InfluxDB write line protocol to the paths that they know, and get its answers", async () => {
  const url = await started({ uri: "http://:0/" });
  const point = "air,sensor_id=a temperature=21 1700000000";
  expect((await fetch(`${url}ping`)).status).toBe(204);
  expect((await post(`${url}query?q=CREATE+DATABASE+x`, "")).body).toContain("results");
  expect((await post(`${url}write?db=x&precision=s`, point)).status).toBe(204);
  const gzip = { "content-encoding": "gzip", "content-type": "text/plain; charset=utf-8" };
  expect(
    (await post(`${url}api/v2/write?org=o&bucket=b&precision=ms`, new Uint8Array(gzipSync(`${point}000`)), gzip))
      .status,
  ).toBe(204);
  expect((await post(`${url}write?precision=days`, point)).status).toBe(400);
  expect(rig.readings.map(({ time }) => time)).toEqual([1_700_000_000_000, 1_700_000_000_000]);
});

test("the map filters, makes many readings of a record, and joins rows within a request", async () => {
  const url = await started({ mapping: mapOf({ where: { field: "kind", equals: "air" } }) });
  const other = '{"kind":"door"}';
  const air = (n: number) => line(n).replace("{", '{"kind":"air",');
  expect((await post(url, `${air(1)}\n${other}\n${other}\n${air(2)}`)).body).toBe(
    '{"accepted":2,"malformed":0,"filtered":2}\n',
  );
  expect((await post(url, other)).body).toBe('{"accepted":0,"malformed":0,"filtered":1}\n');
  rig.source.close();

  const pack = '[{"bn":"dev1","bt":1774000000,"n":"temperature","v":21},{"n":"humidity","v":40}]';
  const senml = { each: "senml", fields: { bn: "sensor_id", t: "timestamp" }, timestamp: { format: "unix_s" } };
  expect((await post(await started({ mapping: mapOf(senml) }), pack)).body).toBe(counts(1));
  rig.source.close();

  const row = (name: string, value: number, second: number) =>
    `{"sensor_id":"a","timestamp":"2026-01-01T00:00:0${second}Z","what":"${name}","value":${value}}`;
  const mapping = mapOf({ wide: { name: "what", value: "value" } });
  const bodies = [row("temperature", 1, 0), row("humidity", 2, 0), row("temperature", 3, 1)];
  const wide = await started({ mapping });
  expect((await post(wide, bodies.join("\n"))).body).toBe(counts(2));
  expect((await post(wide, `[${bodies}]`)).body).toBe(counts(2));
  expect(rig.readings.map(({ measures }) => [measures[0]?.[1], measures[1]?.[1]])).toEqual([
    [1, 2],
    [3, Number.NaN],
    [1, 2],
    [3, Number.NaN],
  ]);
});
