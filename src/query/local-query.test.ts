/** Questions asked of objects in memory: what is read, what is left out, and what a statement cannot do. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { type AgentError, TransientError, UsageError } from "../core/errors.ts";
import type { Stage } from "../core/stage.ts";
import { loadProfile } from "../sensor/profile/shipped.ts";
import { MemoryStore } from "../uplink/memory-store.ts";
import { readingKey, windowKey } from "../uplink/object-key.ts";
import { NotFoundError } from "../uplink/object-store.ts";
import { askLake, type LocalOptions } from "./local-query.ts";
import { questions } from "./named-queries.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 10, 24, 8);

/** A store, and a way to put objects into it. */
class Lake {
  readonly store = new MemoryStore();
  #seq = 1;

  async put(stage: Stage, key: string, body: Uint8Array | string): Promise<void> {
    const metadata = { node: "n", stage, count: 1, agentVersion: "0", rulesVersion: "0" };
    await this.store.put({ stage, key }, gzipped(body), metadata);
  }

  async readings(stage: Stage, rows: readonly (object | string)[], hourMs = START): Promise<string> {
    const [first, last] = [this.#seq, this.#seq + rows.length - 1];
    this.#seq += rows.length;
    const key = readingKey({ hourMs, node: "n", epoch: "e", first, last, count: rows.length });
    await this.put(stage, key, lines(rows));
    return key;
  }

  async windows(revision: number, rows: readonly object[]): Promise<void> {
    const key = windowKey({ windowStartMs: START, node: "n", epoch: "e", revision, count: rows.length });
    await this.put("aggregated", key, lines(rows.map((row) => ({ node_id: "n", window_id: "w", revision, ...row }))));
  }

  ask(sql: string, more: Partial<LocalOptions> = {}) {
    return askLake(this.store, sql, {
      profile: loadProfile("environmental"),
      limit: 100,
      sinceMs: null,
      nowMs: START,
      stop: new AbortController().signal,
      tell: () => undefined,
      busy: (work) => work(),
      ...more,
    });
  }

  async rows(sql: string, more: Partial<LocalOptions> = {}) {
    return (await this.ask(sql, more)).rows;
  }
}

const lines = (rows: readonly (object | string)[]) =>
  rows.map((row) => `${typeof row === "string" ? row : JSON.stringify(row)}\n`).join("");
const gzipped = (body: Uint8Array | string) => (typeof body === "string" ? gzipSync(body) : body);
const failure = async (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error as AgentError,
  );

test("a statement sees the columns that it names, or all of them, as the tables of the cloud have them", async () => {
  const lake = new Lake();
  const key = await lake.readings("anomalies", [
    {
      sensor_id: "s1",
      timestamp: "2026-11-24T08:00:00.000Z",
      temperature: 72.5,
      anomaly_rules: ["a", "b"],
      status_code: 0,
    },
  ]);
  expect(
    await lake.ask("SELECT sensor_id, temperature, status_code, anomaly_rules FROM sensor_readings_anomalies"),
  ).toEqual({
    columns: [
      { name: "sensor_id", type: "STRING", kind: "text" },
      { name: "temperature", type: "DOUBLE", kind: "number" },
      { name: "status_code", type: "BIGINT", kind: "number" },
      { name: "anomaly_rules", type: "ARRAY<STRING>", kind: "json" },
    ],
    rows: [["s1", "72.5", "0", '["a","b"]']],
    truncated: false,
    leftOut: [],
    doubtful: [],
    objects: 1,
    foreign: 0,
    foreignNamed: [],
  });
  const all = await lake.ask("SELECT * FROM sensor_readings_anomalies");
  expect(all.columns.map(({ name }) => name)).toContain("processing_timestamp");
  const row = Object.fromEntries(all.columns.map(({ name }, at) => [name, all.rows[0]?.[at]]));
  expect(row).toMatchObject({
    source_file: `memory:anomalies/${key}`,
    temperature: "72.5",
    processing_timestamp: null,
  });
});

test("a table that nothing was delivered to answers nothing, and its columns are there", async () => {
  const { columns, rows } = await new Lake().ask("SELECT wind_speed, dew_point FROM sensor_readings_schematized");
  expect([columns.map(({ kind }) => kind), rows]).toEqual([["number", "number"], []]);
});

test("of a window's revisions the highest holds, sensor by sensor, in whatever order they come", async () => {
  const lake = new Lake();
  await lake.windows(10, [{ sensor_id: "a", record_count: 10 }]);
  await lake.windows(2, [
    { sensor_id: "a", record_count: 2 },
    { sensor_id: "b", record_count: 3 },
  ]);
  await lake.windows(9, [{ sensor_id: "a", record_count: 9 }]);
  expect(await lake.rows("SELECT sensor_id, record_count FROM sensor_readings_aggregated ORDER BY 1")).toEqual([
    ["a", "10"],
    ["b", "3"],
  ]);
  expect(await lake.rows("SELECT count(*) FROM sensor_readings_aggregated")).toEqual([["2"]]);
});

test("an object with fewer or more rows than its name says is named, and its rows are in", async () => {
  const lake = new Lake();
  const key = (count: number) => readingKey({ hourMs: START, node: "n", epoch: "e", first: 50, last: 60, count });
  await lake.put("raw", key(5), gzipSync(lines([{ reading_id: "e-50" }, { reading_id: "e-51" }])));
  await lake.put("raw", key(1), gzipSync(lines([{ reading_id: "e-52" }, { reading_id: "e-53" }])));
  await lake.put("raw", key(2), gzipSync(lines([{ reading_id: "e-54" }, { reading_id: "e-55" }])));
  const { rows, doubtful, leftOut } = await lake.ask("SELECT count(*) FROM sensor_readings_ingestion");
  expect([rows, leftOut]).toEqual([[["6"]], []]);
  expect(doubtful).toEqual([
    { object: `memory:raw/${key(1)}`, reason: `memory:raw/${key(1)}: it holds 2 rows where its name says 1` },
    { object: `memory:raw/${key(5)}`, reason: `memory:raw/${key(5)}: it holds 2 rows where its name says 5` },
  ]);
});

test("an object that cannot be unpacked is named, and no row of it gets in", async () => {
  const lake = new Lake();
  await lake.readings("raw", [{ reading_id: "e-1" }]);
  const whole = gzipSync(lines([{ reading_id: "e-2" }, { reading_id: "e-3" }]));
  const keyAt = (seq: number) => readingKey({ hourMs: START, node: "n", epoch: "e", first: seq, last: seq, count: 1 });
  await lake.put("raw", keyAt(50), Buffer.concat([whole, whole.subarray(0, 20)]));
  await lake.put("raw", keyAt(51), gzipSync(Uint8Array.from([...Buffer.from('{"reading_id":"e-4"}\n'), 0xff, 10])));
  const { rows, leftOut } = await lake.ask("SELECT reading_id FROM sensor_readings_ingestion");
  expect(rows).toEqual([["e-1"]]);
  expect(leftOut.map(({ object }) => object)).toEqual([`memory:raw/${keyAt(50)}`, `memory:raw/${keyAt(51)}`]);
  expect(leftOut.map(({ reason }) => reason)).toEqual([
    expect.stringContaining("unexpected end of file"),
    expect.stringContaining("not valid UTF-8"),
  ]);
  const quarantine = "SELECT stage, source_file, found_at FROM sensor_readings_quarantine ORDER BY 2";
  expect(await lake.rows(quarantine)).toEqual(
    [50, 51].map((seq) => ["raw", `memory:raw/${keyAt(seq)}`, "2026-11-24T08:00:00.000Z"]),
  );
});

test("what is not a row of ours is a row that says so: nothing that came in disappears", async () => {
  const lake = new Lake();
  const wrong = '{"reading_id":"e-2","temperature":"warm","ingested_at":"2026-11-24T09:00:00+01:00"}';
  await lake.readings("raw", ["no json", "[1]", wrong]);
  const sql = "SELECT reading_id, temperature, ingested_at, _corrupt_record FROM sensor_readings_ingestion";
  expect(await lake.rows(sql)).toEqual([
    [null, null, null, "no json"],
    [null, null, null, "[1]"],
    ["e-2", null, "2026-11-24T08:00:00.000Z", wrong],
  ]);
});

test("objects that are not the agent's are counted and the first named, not read", async () => {
  const lake = new Lake();
  for (const n of [1, 2, 3, 4, 5, 6]) await lake.put("raw", `archive/${n}.json`, '{"reading_id":"x"}\n');
  const answer = await lake.ask("SELECT count(*) FROM sensor_readings_ingestion");
  expect(answer).toMatchObject({ rows: [["0"]], objects: 0, foreign: 6 });
  expect(answer.foreignNamed.map((name) => name.split("/").slice(-2).join("/"))).toEqual(
    [1, 2, 3, 4, 5].map((n) => `archive/${n}.json`),
  );
});

test("an object of a whole day, and windows that were gathered in one, are read", async () => {
  const lake = new Lake();
  const of = { hourMs: START, node: "n", epoch: "e", first: 1, last: 2, count: 1, isDay: true };
  await lake.put("raw", readingKey(of), '{"reading_id":"e-1"}\n');
  await lake.put("aggregated", readingKey(of), '{"node_id":"n","window_id":"w","sensor_id":"s","revision":0}\n');
  const midnight = START - (START % (24 * HOUR)) + 24 * HOUR;
  const day = { sinceMs: midnight - 1 };
  expect(await lake.ask("SELECT reading_id FROM sensor_readings_ingestion", day)).toMatchObject({
    rows: [["e-1"]],
    foreign: 0,
    doubtful: [],
  });
  expect(await lake.rows("SELECT window_id FROM sensor_readings_aggregated")).toEqual([["w"]]);
  expect(await lake.rows("SELECT reading_id FROM sensor_readings_ingestion", { sinceMs: midnight })).toEqual([]);
});

test("`sinceMs` leaves out the hours that ended before, and opens none of their objects", async () => {
  const lake = new Lake();
  for (const hour of [0, 1, 2]) await lake.readings("raw", [{ reading_id: `e-${hour}` }], START + hour * HOUR);
  const sql = "SELECT reading_id FROM sensor_readings_ingestion ORDER BY 1";
  expect(await lake.rows(sql, { sinceMs: START + HOUR })).toEqual([["e-1"], ["e-2"]]);
  expect(await lake.rows(sql, { sinceMs: START + 2 * HOUR - 1 })).toEqual([["e-1"], ["e-2"]]);
  await lake.put("raw", readingKey({ hourMs: START, node: "n", epoch: "f", first: 1, last: 1, count: 1 }), "");
  expect(await lake.ask(sql, { sinceMs: START + 3 * HOUR })).toMatchObject({ rows: [], leftOut: [], objects: 0 });
});

test("an answer has at most N rows, and says whether there are more", async () => {
  const lake = new Lake();
  const counted =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n ORDER BY i DESC";
  expect(await lake.ask(counted, { limit: 2 })).toMatchObject({ rows: [["5"], ["4"]], truncated: true });
  expect((await lake.ask(counted, { limit: 5 })).truncated).toBe(false);
  // Two columns of one name take another way.
  const twice = counted.replace("SELECT i FROM", "SELECT i, i FROM");
  const cut = await lake.ask(`${twice}; -- done;`, { limit: 2 });
  expect([cut.rows, cut.truncated, cut.columns.map(({ name }) => name)]).toEqual([
    [
      ["5", "5"],
      ["4", "4"],
    ],
    true,
    ["i", "i"],
  ]);
});

test("whole numbers are exact, computed lists are lists, bytes are hexadecimal", async () => {
  const sql = "SELECT 9007199254740993 AS big, json_array(1, 'a') AS list, '[' AS text, x'00ff' AS bytes, NULL AS none";
  const { columns, rows, objects } = await new Lake().ask(sql);
  expect(objects).toBeNull();
  expect(rows).toEqual([["9007199254740993", '[1,"a"]', "[", "00ff", null]]);
  expect(columns.map(({ kind }) => kind)).toEqual(["number", "json", "text", "text", "text"]);
});

test("a statement reads and does nothing else", async () => {
  const lake = new Lake();
  const refused = [
    ...["ATTACH 'made.db' AS x", "VACUUM INTO 'made.db'", "PRAGMA query_only = OFF", "CREATE TEMP TABLE t (a)"],
    ...["/* SELECT */ INSERT INTO sensor_readings_ingestion (sensor_id) VALUES ('x')", "DETACH x", "BEGIN", ""],
    ...["WITH x AS (SELECT 1) DELETE FROM sensor_readings_ingestion", "SELECT 1; ATTACH 'made.db' AS x"],
    ...["SELECT load_extension('made.so')", "SELECT * FROM pragma_query_only(0)", "SELECT writefile('made.db', 'x')"],
  ];
  for (const sql of refused) {
    const error = await failure(lake.ask(sql));
    expect([sql, error instanceof UsageError]).toEqual([sql, true]);
    expect([sql, error?.tryHint]).not.toEqual([sql, undefined]);
  }
  expect(["made.db", "made.so"].filter((path) => existsSync(path))).toEqual([]);
});

test("a mistake in the SQL is reported before anything is read", async () => {
  const lake = new Lake();
  let opened = 0;
  lake.store.get = async () => {
    opened++;
    throw new Error("no one should ask");
  };
  await lake.readings("raw", [{}]);
  const error = await failure(lake.ask("SELECT temprature FROM sensor_readings_ingestion"));
  expect([error?.message, opened]).toEqual(["Cannot ask: no such column: temprature", 0]);
});

test("an object that is larger than any of ours unpacks to is not fetched, and named", async () => {
  const lake = new Lake();
  await lake.readings("raw", [{ reading_id: "a" }]);
  const [listed] = await Array.fromAsync(lake.store.list("raw"));
  const { list, get } = lake.store;
  const key = readingKey({ hourMs: START, node: "n", epoch: "f", first: 1, last: 1, count: 1 });
  lake.store.list = async function* (stage, prefix) {
    yield* list.call(lake.store, stage, prefix);
    if (listed !== undefined) yield { ...listed, key, bytes: 2 ** 31 };
  };
  lake.store.get = (ref) => {
    if (ref.key === key) throw new Error("fetched");
    return get.call(lake.store, ref);
  };
  const { rows, leftOut } = await lake.ask("SELECT count(*) FROM sensor_readings_ingestion");
  expect(rows).toEqual([["1"]]);
  expect(leftOut.map(({ reason }) => reason)).toEqual([
    `Cannot read "memory:raw/${key}": it is larger than 256MiB, and is left alone`,
  ]);
});

test("a stop takes effect between two objects; a store that fails is not a damaged object", async () => {
  const lake = new Lake();
  await lake.readings("raw", [{}]);
  const stop = AbortSignal.abort();
  const sql = "SELECT count(*) FROM sensor_readings_ingestion";
  expect((await failure(lake.ask(sql, { stop })))?.message).toBe("Cannot read memory:raw: it was stopped");
  for (const said of [new TransientError("the network is gone"), new TypeError("a bug")]) {
    lake.store.get = async () => {
      throw said;
    };
    expect(await failure(lake.ask(sql))).toBe(said as AgentError);
  }
  // Deleted since it was listed: that one is named.
  lake.store.get = async () => {
    throw new NotFoundError("it is gone");
  };
  expect((await lake.ask(sql)).leftOut).toEqual([expect.objectContaining({ reason: "it is gone" })]);
});

const localSql = (name: string) => questions().find((one) => one.name === name)!.localSql;

test("reconciliation shows what is gone, there twice, in no stage, in two, and less than its object's name says", async () => {
  const lake = new Lake();
  const at = (seq: number) => ({ reading_id: `e-${seq}`, node_id: "n", timestamp: "2026-11-24T08:59:59.999Z" });
  // The numbers 3 and 4 are gone; the name promises six rows.
  const key = readingKey({ hourMs: START, node: "n", epoch: "e", first: 1, last: 6, count: 6 });
  await lake.put("raw", key, lines([at(1), at(2), at(2), at(5)]));
  await lake.readings("validated", [at(1), at(2)]);
  await lake.readings("anomalies", [at(1)]);
  const { columns, rows } = await lake.ask(localSql("reconciliation"));
  expect(Object.fromEntries(columns.map(({ name }, column) => [name, rows[0]?.[column]]))).toEqual({
    node_id: "n",
    hour: "2026-11-24T08:00:00.000Z",
    objects: "1",
    accepted: "5",
    promised: "6",
    rows: "4",
    duplicates: "1",
    in_no_stage: "1",
    in_two_stages: "1",
  });
});

test("reconciliation misses nothing where a copied data dir continued under another epoch", async () => {
  const lake = new Lake();
  const at = (epoch: string, seq: number) => {
    return { reading_id: `${epoch}-${seq}`, node_id: "n", timestamp: "2026-11-24T08:59:59.999Z" };
  };
  const put = async (epoch: string, seqs: readonly number[]) => {
    const rows = seqs.map((seq) => at(epoch, seq));
    const [first = 0, last = 0] = [seqs[0], seqs.at(-1)];
    const key = readingKey({ hourMs: START, node: "n", epoch, first, last, count: rows.length });
    await lake.put("raw", key, lines(rows));
    await lake.readings("validated", rows);
  };
  // Another copy continued the old epoch behind reading 3; of the new one reading 6 is gone.
  await put("old", [1, 2, 3, 4, 5]);
  await put("new", [4, 5, 7]);
  const { columns, rows } = await lake.ask(localSql("reconciliation"));
  const [accepted, there] = ["accepted", "rows"].map((name) => columns.findIndex((column) => column.name === name));
  expect([rows.length, rows[0]?.[accepted!], rows[0]?.[there!]]).toEqual([1, "9", "8"]);
});

test("latency is interpolated between two readings, and a reading without a time counts for nothing", async () => {
  const lake = new Lake();
  const after = (ms: number) => ({
    node_id: "n",
    timestamp: "2026-11-24T08:00:00.000Z",
    ingested_at: new Date(START + ms).toISOString(),
  });
  await lake.readings("raw", [...[0, 10, 20, 1_001].map(after), { node_id: "n" }, { node_id: "m" }]);
  expect(await lake.rows(localSql("latency"))).toEqual([
    ["m", "buffer to table", null, null, null],
    ["m", "sensor to buffer", null, null, null],
    ["m", "sensor to table", null, null, null],
    ["n", "buffer to table", null, null, null],
    ["n", "sensor to buffer", "15", "853.85", "971.57"],
    ["n", "sensor to table", null, null, null],
  ]);
});

test("fields that no profile knows are those of the sensors, not what the agent notes in extra", async () => {
  const lake = new Lake();
  const extra = (value: object) => JSON.stringify(value);
  const timestamp = new Date(START).toISOString();
  await lake.readings("raw", [
    {
      sensor_id: "a",
      node_id: "n",
      timestamp,
      extra: extra({ rssi: -70, timestamp_received: "2026-11-24T08:00:00.1234Z" }),
    },
    { sensor_id: "a", node_id: "n", timestamp, extra: extra({ bad_fields: { humidity: { reason: "not_finite" } } }) },
  ]);
  expect((await lake.rows(localSql("schema_evolution"))).map((row) => row[0])).toEqual(["rssi"]);
});
