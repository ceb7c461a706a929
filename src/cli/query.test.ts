import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { heartbeatBody, heartbeatKey } from "../fleet/heartbeat.ts";
import { heartbeatOf } from "../testing/spark/heartbeats.ts";
import type { ObjectStore } from "../uplink/object-store.ts";
import { nodeWithLake, type TestNode } from "../verify/node.suite.ts";
import { see } from "./frame/command-line.suite.ts";
import { COMMANDS } from "./frame/commands.ts";

let node: TestNode;
let store: ObjectStore;
beforeAll(async () => {
  ({ node, store } = await nodeWithLake());
});
afterAll(() => node.end());

/** Runs a command line beside the lake and returns all that a user would see. */
const seen = (...argv: string[]) => see(["query", ...argv], COMMANDS, { cwd: node.dataDir });

const SENSORS =
  "SELECT sensor_id, count(*) AS n, max(temperature) AS hottest FROM sensor_readings_validated GROUP BY 1 ORDER BY 1";

test("without a question the names are listed, each with a description", async () => {
  const { code, stdout } = await seen();
  expect(code).toBe(0);
  expect(stdout).toStartWith("question          answer\n");
  expect(stdout).toContain("\nthroughput        Rows and objects of each stage, by hour of event time.\n");
  const listed = JSON.parse((await seen("--json")).stdout) as { name: string }[];
  expect(listed.map(({ name }) => name)).toContain("latency");
});

test("a question by its name is a table: columns aligned, numbers at the right", async () => {
  const { code, stdout, stderr } = await seen("throughput", "--local");
  expect([code, stderr]).toEqual([0, []]);
  expect(stdout.split("\n").slice(0, 4)).toEqual([
    "stage          hour                      rows  objects",
    "1 raw          2026-11-23T08:00:00.000Z   599        2",
    "1 raw          2026-11-23T09:00:00.000Z   401        1",
    "2 validated    2026-11-23T08:00:00.000Z   528        2",
  ]);
});

test("a value that only a table has is null, not a made-up number", async () => {
  const { stdout } = await seen("latency", "--local", "--json");
  const { rows } = JSON.parse(stdout) as { rows: Record<string, unknown>[] };
  const toBuffer = { p50_ms: -500_500, p95_ms: -50_950, p99_ms: -10_990 };
  const nothing = { p50_ms: null, p95_ms: null, p99_ms: null };
  expect(rows).toEqual([
    { node_id: "edge-7", step: "buffer to table", ...nothing },
    { node_id: "edge-7", step: "sensor to buffer", ...toBuffer },
    { node_id: "edge-7", step: "sensor to table", ...nothing },
  ]);
});

test("SQL is asked as it is typed; --json is one value, --csv is RFC 4180", async () => {
  const json = JSON.parse((await seen(SENSORS, "--local", "--json")).stdout) as Record<string, unknown>;
  expect(json).toMatchObject({
    query: null,
    truncated: false,
    left_out: [],
    foreign: { objects: 0, named: [] },
    rows: [
      { sensor_id: "s0", n: 293, hottest: 26 },
      { sensor_id: "s1", n: 293, hottest: 26 },
      { sensor_id: "s2", n: 294, hottest: 26 },
    ],
  });
  const csv = await seen(
    "SELECT 1 AS \"a,b\", 'say \"x\"' AS c, NULL AS d, '' AS e, 'two\nlines' AS f",
    "--local",
    "--csv",
  );
  expect(csv.stdout).toBe('"a,b",c,d,e,f\r\n1,"say ""x""",,"","two\nlines"\r\n');
  expect((await seen("SELECT 1 AS a WHERE 0", "--local", "--csv")).stdout).toBe("a\r\n");
  expect(JSON.parse((await seen("SELECT 1 AS a WHERE 0", "--local", "--json")).stdout)).toMatchObject({ rows: [] });
});

test("text from outside stays in its cell and on its line", async () => {
  const { stdout } = await seen(
    "SELECT 'a\nb\u001b[31m' AS t, replace(hex(zeroblob(50)), '0', 'x') AS long",
    "--local",
  );
  const [, line = "", ...rest] = stdout.split("\n");
  expect(rest).toEqual([""]);
  expect(line).not.toContain("\u001b");
  expect(line).toEndWith("x…");
});

test("rows beyond the limit are cut, and a line says so", async () => {
  const { code, stdout, stderr } = await seen(
    "SELECT reading_id FROM sensor_readings_ingestion",
    "--local",
    "--limit",
    "3",
  );
  expect([code, stdout.trim().split("\n").length]).toEqual([0, 4]);
  expect(stderr).toEqual([
    expect.stringMatching(/^Only the first 3 rows; there are more[.] Try: agent query .* --limit 30$/),
  ]);
});

test("the fleet is the nodes that sent a heartbeat or delivered readings", async () => {
  const heartbeat = heartbeatOf("edge-8", { state: "stopped", problems: ["link_down: no answer"] });
  await store.metadata.replace(heartbeatKey("edge-8"), heartbeatBody(heartbeat));
  const { code, stdout } = await seen("fleet", "--local", "--json");
  expect(code).toBe(0);
  const { rows, left_out } = JSON.parse(stdout) as { rows: Record<string, unknown>[]; left_out: unknown[] };
  expect([rows.length, left_out]).toEqual([2, []]);
  expect(rows[0]).toMatchObject({ node_id: "edge-7", readings: 1_000 });
  expect(rows[1]).toMatchObject({
    node_id: "edge-8",
    state: "stopped",
    heartbeat_at: expect.stringMatching(/^\d{4}-.*Z$/),
    accepted: 10,
    problems: "link_down: no answer",
    readings: 0,
    last_reading_at: null,
  });
});

test("an object's name forges no line: a remark about it is one line", async () => {
  const key = heartbeatKey("x\nThe answer is whole");
  await store.metadata.replace(key, new TextEncoder().encode("{}\n"));
  const { code, stderr } = await seen("fleet", "--local");
  expect([code, stderr]).toEqual([
    0,
    [expect.stringMatching(/^Doubtful: .*nodes\/x\\nThe answer is whole\/heartbeat/)],
  ]);
  rmSync(dirname(join(store.metadata.place, key)), { recursive: true });
});

test("a damaged object is named beside an answer without it", async () => {
  const [object] = await Array.fromAsync(store.list("anomalies"));
  const path = join(store.place("anomalies"), object!.key);
  const whole = await store.get(object!);
  writeFileSync(path, whole.subarray(0, whole.length - 9));
  const { code, stderr } = await seen("anomaly_rate", "--local");
  expect(code).toBe(0);
  expect(stderr).toEqual([
    expect.stringMatching(new RegExp(`^Left out: Cannot read ".*${object!.key}": `)),
    "The answer lacks their rows. Try: agent verify --deep",
  ]);
  const { left_out } = JSON.parse((await seen("anomaly_rate", "--local", "--json")).stdout) as { left_out: unknown[] };
  expect(left_out).toEqual([{ object: path, reason: expect.any(String) }]);
  writeFileSync(path, whole);
});

test("an empty store has no rows, and a line says so", async () => {
  const { code, stdout, stderr } = await seen("wind_turbines", "--local", "--store", "dir:nowhere");
  expect([code, stdout]).toEqual([0, "day  anomalies  avg_wind_speed  avg_power_output\n"]);
  expect(stderr).toEqual(["Nothing that was asked for is in dir:nowhere. Try: agent lake ls --store dir:nowhere"]);
  expect((await seen("SELECT 1 AS a", "--local", "--store", "dir:nowhere")).stderr).toEqual([]);
});

test("a profile of one's own has its measures as columns", async () => {
  const profile = { name: "mine", measures: [{ name: "co2", unit: "ppm", plausible: [350, 5_000] }] };
  writeFileSync(join(node.dataDir, "mine.json"), JSON.stringify(profile));
  const sql = "SELECT co2 FROM sensor_readings_validated LIMIT 1";
  const { code, stderr } = await seen(sql, "--local");
  expect([code, stderr[0]]).toEqual([2, "Cannot ask: no such column: co2"]);
  expect((await seen(sql, "--local", "--profile", "mine.json")).stderr).toEqual([]);
});

test("wrong calls are refused with a way out", async () => {
  const answers: [argv: string[], message: string, way: string | null][] = [
    [["latensy", "--local"], 'Cannot ask "latensy": there is no such question; did you mean latency?', "agent query"],
    [
      ["latency"],
      "Cannot query Databricks: neither DATABRICKS_HOST nor DATABRICKS_CONFIG_PROFILE is set; --local asks the objects of dir:./lake",
      "agent query latency --local",
    ],
    [
      ["latency", "--since", "24h"],
      "Cannot use --since: it goes with --local; Databricks knows its own tables",
      "agent query latency --since 24h --local",
    ],
    [
      ["latency", "--json", "--csv"],
      "Cannot use --csv: it and --json exclude each other",
      "agent query latency --json",
    ],
    [
      ["latency", "--limit", "0"],
      'Cannot use --limit "0": expected a whole number from 1 to 100000',
      "agent query throughput --limit 1000",
    ],
    [
      ["SELECT 1 AS a, 2 AS a", "--local", "--json"],
      'Cannot print as JSON: two columns are named "a"; name one of them otherwise with AS',
      null,
    ],
    [["SELECT 1", "FROM x"], 'Cannot understand "FROM x": agent query takes 1 argument', "agent query --help"],
  ];
  for (const [argv, message, way] of answers) {
    expect([argv, await seen(...argv)]).toEqual([
      argv,
      { code: 2, stdout: "", stderr: way === null ? [message] : [message, `Try: ${way}`] },
    ]);
  }
});

test("--help teaches: names, --local, whole lines to copy", async () => {
  const { stdout } = await seen("--help");
  for (const part of ["agent query [NAME|SQL] [flags]", "--local", "--since 24h", "agent query throughput --local"]) {
    expect(stdout).toContain(part);
  }
});
