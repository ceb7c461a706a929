/** What nodes report about themselves, asked of the metadata bucket: the table, and the fleet that is made of it and the readings. */
import { expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { AgentError, TransientError } from "../core/errors.ts";
import { type Heartbeat, heartbeatBody, heartbeatKey } from "../fleet/heartbeat.ts";
import { loadProfile } from "../sensor/profile/shipped.ts";
import { heartbeatOf } from "../testing/spark/heartbeats.ts";
import { MemoryStore } from "../uplink/memory-store.ts";
import { readingKey } from "../uplink/object-key.ts";
import { NotFoundError } from "../uplink/object-store.ts";
import { askLake, type LocalOptions } from "./local-query.ts";
import { questions } from "./named-queries.ts";

const MINUTE = 60_000;
const NOW = Date.UTC(2026, 10, 24, 8);
const TABLE = "sensor_readings_heartbeats";
const FLEET = questions().find(({ name }) => name === "fleet")!.localSql;

/** A store whose clock is set by hand. */
class Lake {
  storedMs = NOW;
  readonly store = new MemoryStore(() => this.storedMs);

  async tell(node: string, told: Partial<Heartbeat> | string, ageMs = 0, key = heartbeatKey(node)): Promise<void> {
    this.storedMs = NOW - ageMs;
    const body = typeof told === "string" ? new TextEncoder().encode(told) : heartbeatBody(heartbeatOf(node, told));
    await this.store.metadata.replace(key, body);
  }

  async readings(node: string, rows: readonly object[]): Promise<void> {
    const key = readingKey({ hourMs: NOW, node, epoch: "e", first: 1, last: rows.length, count: rows.length });
    const text = rows.map((row) => `${JSON.stringify({ node_id: node, ...row })}\n`).join("");
    const metadata = { node, stage: "raw" as const, count: rows.length, agentVersion: "0", rulesVersion: "0" };
    await this.store.put({ stage: "raw", key }, gzipSync(text), metadata);
  }

  ask(sql: string, more: Partial<LocalOptions> = {}) {
    return askLake(this.store, sql, {
      profile: loadProfile("environmental"),
      limit: 100,
      sinceMs: null,
      nowMs: NOW,
      stop: new AbortController().signal,
      tell: () => undefined,
      busy: (work) => work(),
      ...more,
    });
  }

  /** By the name of the node, as objects. */
  async fleet(): Promise<ReadonlyMap<string | null, Readonly<Record<string, string | null>>>> {
    const { columns, rows } = await this.ask(FLEET);
    return new Map(rows.map((row) => [row[0]!, Object.fromEntries(columns.map(({ name }, at) => [name, row[at]!]))]));
  }
}

test("a heartbeat is a row: what the node reported, when the store took it, when it was read, and from where", async () => {
  const lake = new Lake();
  await lake.tell("pump-7", { problems: ["a: b"], oldest_pending_at: "2026-11-24T07:59:00.000Z" }, 5_000);
  const { columns, rows, objects, leftOut } = await lake.ask(`SELECT * FROM ${TABLE}`);
  expect([objects, leftOut, rows.length]).toEqual([1, [], 1]);
  expect(Object.fromEntries(columns.map(({ name }, at) => [name, rows[0]![at]]))).toMatchObject({
    node_id: "pump-7",
    accepted: "10",
    interval_s: "3600",
    problems: '["a: b"]',
    oldest_pending_at: "2026-11-24T07:59:00.000Z",
    received_at: "2026-11-24T07:59:55.000Z",
    processing_timestamp: "2026-11-24T08:00:00.000Z",
    _corrupt_record: null,
    source_file: "memory:metadata/nodes/pump-7/heartbeat.json",
  });
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  expect([types.get("problems"), types.get("received_at")]).toEqual(["ARRAY<STRING>", "TIMESTAMP"]);
});

test("what is not a heartbeat is a row that says so; what else nodes leave there is nothing at all", async () => {
  const lake = new Lake();
  await lake.tell("half", '{"node_id":"half","sta');
  await lake.tell("odd", { accepted: "many" as unknown as number });
  await lake.tell("empty", "");
  await lake.store.metadata.replace("nodes/half/notes.json", new TextEncoder().encode("{}\n"));
  await lake.store.metadata.replace("unity-catalog/x/heartbeat.json", new TextEncoder().encode("{}\n"));
  const asked = await lake.ask(`SELECT node_id, _corrupt_record FROM ${TABLE} ORDER BY 1`);
  expect(asked).toMatchObject({ leftOut: [], foreign: 0, objects: 3 });
  expect(asked.rows).toEqual([
    [null, '{"node_id":"half","sta'],
    ["odd", expect.stringContaining('"accepted":"many"')],
  ]);
  expect([...(await lake.fleet()).keys()]).toEqual([]);
});

test("a heartbeat that someone edited is reported with the fields that no agent writes so; its row is as in the cloud", async () => {
  const lake = new Lake();
  await lake.tell("whole", { problems: ["a: b"], oldest_pending_at: "2026-11-24T07:59:00.000Z" });
  await lake.tell("newer", { mood: "good" } as Partial<Heartbeat>);
  await lake.tell("asleep", { state: "asleep" as "stopped", sent_at: "yesterday" });
  await lake.tell("poor", { losses: -1, problems: [7] as unknown as string[] });
  await lake.tell("two", `${heartbeatLine("two", {})}${heartbeatLine("two", {})}`);
  await lake.tell("torn", '{"node_id":"torn","sta');
  await lake.tell("bare", '{"node_id":"bare"}');
  const { rows, doubtful } = await lake.ask(`SELECT node_id, state FROM ${TABLE} ORDER BY 1`);
  expect(doubtful.map(({ object, reason }) => reason.replace(`${object}: `, ""))).toEqual([
    'sent_at must be a time in ISO 8601, and is text; state must be "running" or "stopped", and is text',
    expect.stringMatching(/^accepted must be a number, and is missing; .*; and 16 more$/),
    "losses must be non-negative, and is a number; problems[0] must be a string, and is a number",
    "it is not JSON",
    "it has 2 lines, and a heartbeat is one",
  ]);
  expect(rows).toContainEqual(["asleep", "asleep"]);
  expect(rows.length).toBe(8);
});

test("an object that is too large for a heartbeat is not fetched, and named", async () => {
  const lake = new Lake();
  await lake.tell("whole", {});
  await lake.tell("huge", "x".repeat(1024 * 1024 + 1));
  const { get } = lake.store.metadata;
  const fetched: string[] = [];
  lake.store.metadata.get = async (key) => {
    fetched.push(key);
    return await get(key);
  };
  const { rows, doubtful } = await lake.ask(`SELECT node_id FROM ${TABLE}`);
  expect([rows, fetched]).toEqual([[["whole"]], ["nodes/whole/heartbeat.json"]]);
  expect(doubtful.map(({ reason }) => reason)).toEqual([
    "memory:metadata/nodes/huge/heartbeat.json: it has 1.0 MiB, which no heartbeat has, and is not read",
  ]);
});

test("only a statement that names the table has the bucket read, and a bucket that is not there has no rows", async () => {
  const lake = new Lake();
  expect(await lake.ask(`SELECT count(*) FROM ${TABLE}`)).toMatchObject({ rows: [["0"]], objects: 0 });
  lake.store.metadata.list = () => {
    throw new TransientError("the network is gone");
  };
  expect((await lake.ask("SELECT count(*) FROM sensor_readings_ingestion")).rows).toEqual([["0"]]);
  await expect(lake.ask(`SELECT count(*) FROM ${TABLE}`)).rejects.toThrow("the network is gone");
});

test("a heartbeat that is deleted meanwhile has no row; a stop takes effect", async () => {
  const lake = new Lake();
  await lake.tell("pump-7", {});
  const stop = AbortSignal.abort();
  const stopped = await lake.ask(`SELECT count(*) FROM ${TABLE}`, { stop }).catch((error: unknown) => error);
  expect(stopped).toBeInstanceOf(AgentError);
  lake.store.metadata.get = async () => {
    throw new NotFoundError("it is gone");
  };
  expect(await lake.ask(`SELECT count(*) FROM ${TABLE}`)).toMatchObject({ rows: [["0"]], leftOut: [] });
});

test("the state of a node is that of its last heartbeat, by the store's clock", async () => {
  const lake = new Lake();
  const told: [node: string, told: Partial<Heartbeat>, ageMs: number, state: string][] = [
    ["in-time", { interval_s: 60 }, 3 * MINUTE, "ok"],
    ["late", { interval_s: 60 }, 3 * MINUTE + 1, "silent"],
    ["late-and-ill", { interval_s: 60, health: "degraded" }, 4 * MINUTE, "silent"],
    ["quick", { interval_s: 0.5 }, 1_501, "silent"],
    ["ill", { health: "degraded" }, 0, "degraded"],
    ["resting", { interval_s: 60, state: "stopped", health: "degraded" }, 600 * MINUTE, "stopped"],
    // Its own clock is a year behind; and the store's is ahead of the reader's.
    ["old-clock", { interval_s: 60, sent_at: "2025-11-24T08:00:00.000Z" }, 0, "ok"],
    ["ahead", { interval_s: 60 }, -10 * MINUTE, "ok"],
  ];
  for (const [node, heartbeat, ageMs] of told) await lake.tell(node, heartbeat, ageMs);
  await lake.readings("mute", [{ reading_id: "e-1" }]);
  const fleet = await lake.fleet();
  const wanted = [...told.map(([node, , , state]) => [node, state]), ["mute", "no heartbeat"]];
  expect([...fleet].map(([node, { state }]) => [node, state])).toEqual(wanted.toSorted() as [string, string][]);
});

test("a node has one row: its heartbeat's words where it has one, its readings' where it has some", async () => {
  const lake = new Lake();
  const at = (second: number) => ({
    timestamp: `2026-11-24T08:00:0${second}.000Z`,
    ingested_at: `2026-11-24T08:00:0${second}.500Z`,
  });
  const facts = { agent_version: "0.1.0", rules_version: "old", time_quality: "ok", sensor_id: "s" };
  const readings = [1, 2].map((n) => ({ reading_id: `e-${n}`, ...facts, ...at(n) }));
  for (const node of ["both", "read"]) await lake.readings(node, readings);
  await lake.tell("both", { agent_version: "0.2.0", rules_version: null, losses: 2, problems: ["a: b", "c: d"] });
  // In the place of another node, and older.
  await lake.tell("copy", heartbeatLine("both", { losses: 1 }), MINUTE);
  await lake.tell("told", { pending: 7 });
  const fleet = await lake.fleet();
  expect([...fleet.keys()]).toEqual(["both", "read", "told"]);
  const counted = { buffers: "1", sensors: "1", readings: "2", anomalies: "0", unsure_times: "0" };
  const times = { last_reading_at: "2026-11-24T08:00:02.000Z", last_ingested_at: "2026-11-24T08:00:02.500Z" };
  expect(fleet.get("both")).toEqual({
    node_id: "both",
    state: "ok",
    agent_version: "0.2.0",
    rules_version: "old",
    heartbeat_at: "2026-11-24T08:00:00.000Z",
    problems: "a: b; c: d",
    accepted: "10",
    pending: "0",
    losses: "2",
    ...counted,
    ...times,
    last_landed_at: null,
  });
  expect(fleet.get("read")).toEqual({
    node_id: "read",
    state: "no heartbeat",
    agent_version: "0.1.0",
    rules_version: "old",
    heartbeat_at: null,
    problems: null,
    accepted: null,
    pending: null,
    losses: null,
    ...counted,
    ...times,
    last_landed_at: null,
  });
  expect(fleet.get("told")).toMatchObject({
    agent_version: "0.9.0",
    problems: null,
    pending: "7",
    buffers: "0",
    sensors: "0",
    readings: "0",
    anomalies: "0",
    unsure_times: "0",
    last_reading_at: null,
    last_ingested_at: null,
    last_landed_at: null,
  });
});

test("two agents at work under one name are a problem of it; an epoch that followed another one is none", async () => {
  const [A, B] = ["01jd3v7hx8q2m5n9r4t6w8y0za", "01jd3v7hx8q2m5n9r4t6w8y0zb"];
  const upMs = (ms: number) => {
    const sent = Date.parse("2026-11-24T08:00:00.000Z");
    return { sent_at: new Date(sent).toISOString(), started_at: new Date(sent - ms).toISOString(), interval_s: 60 };
  };
  const cases: [name: string, isTold: boolean, own: object, ownAgeMs: number, other: object, otherAgeMs: number][] = [
    ["both", true, { epoch: A, ...upMs(60 * MINUTE) }, 10_000, { epoch: B, ...upMs(5 * MINUTE) }, 40_000],
    // The older one of the two is that which began last.
    ["both-too", true, { epoch: A, ...upMs(2 * MINUTE) }, 0, { epoch: B, ...upMs(60 * MINUTE) }, 30_000],
    // It was killed, and the next agent began a new epoch half a minute later.
    ["followed", false, { epoch: A, ...upMs(MINUTE) }, 0, { epoch: B, ...upMs(60 * MINUTE) }, 90_000],
    // In the same run, as after a salvage.
    ["at-once", false, { epoch: A, ...upMs(MINUTE) }, 0, { epoch: B, ...upMs(60 * MINUTE) }, 59_000],
    ["ended", false, { epoch: A, ...upMs(9 * MINUTE) }, 0, { epoch: B, state: "stopped", ...upMs(MINUTE) }, MINUTE],
    ["silent", false, { epoch: A, ...upMs(9 * MINUTE) }, 0, { epoch: B, ...upMs(MINUTE) }, 4 * MINUTE],
    ["one-epoch", false, { epoch: A, ...upMs(9 * MINUTE) }, 0, { epoch: A, ...upMs(MINUTE) }, MINUTE],
  ];
  const lake = new Lake();
  for (const [node, , own, ownAgeMs, other, otherAgeMs] of cases) {
    await lake.tell(node, { problems: ["a: b"], ...own }, ownAgeMs, heartbeatKey(node, A));
    // Also in the place where earlier builds reported.
    await lake.tell(node, other, otherAgeMs, node === "one-epoch" ? heartbeatKey(node) : heartbeatKey(node, B));
  }
  const fleet = await lake.fleet();
  for (const [node, isTold] of cases) {
    const { state, problems } = fleet.get(node)!;
    const told = `two_agents: another agent is at work under this name, with epoch ${B}; a: b`;
    expect([node, state, problems]).toEqual([node, isTold ? "degraded" : "ok", isTold ? told : "a: b"]);
  }
  expect(fleet.size).toBe(cases.length);
});

const heartbeatLine = (node: string, more: Partial<Heartbeat>) =>
  new TextDecoder().decode(heartbeatBody(heartbeatOf(node, more)));
