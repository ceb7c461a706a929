/**
 * `agent query` without --local against the strict fake workspace: what is sent, how answers look, and how it ends early. A
 * slow machine sees progress on stderr before the message there.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqlProblem } from "../fake-workspace/sql/words.ts";
import type { Workspace } from "../fake-workspace/wire/port.ts";
import { startWorkspace } from "../fake-workspace/wire/workspace.ts";
import { ENGINEER_TOKEN } from "../fake-workspace/world/settings.ts";
import type { SqlCall, SqlResult } from "../fake-workspace/world/things.ts";
import { questions } from "../query/named-queries.ts";
import { AGENT_BINARY, ENOUGH_MS } from "../testing/agent-process.ts";
import { testWith } from "../testing/needs.ts";

const binaryTest = testWith("binary");
setDefaultTimeout(1_800_000);

const folder = mkdtempSync(join(tmpdir(), "agent-query-"));
const FAST = { statementAsksPending: 0, statementAsksRunning: 0, warehouseAsksStarting: 0 };
const ANSWER: SqlResult = {
  columns: [
    { name: "sensor_id", type: "STRING" },
    { name: "readings", type: "LONG" },
    { name: "rate", type: "DOUBLE" },
    { name: "rules", type: "ARRAY" },
  ],
  rows: [
    ["s1", "9007199254740993", "20.0", '["a","b"]'],
    ['say "x", twice', "7", "1.5E-5", "[]"],
    [null, null, null, null],
  ],
};

let workspace: Workspace;
let calls: SqlCall[] = [];
beforeAll(async () => {
  const engine = async (call: SqlCall) => {
    calls.push(call);
    if (call.text.includes("none")) throw new SqlProblem("TABLE_OR_VIEW_NOT_FOUND", "42P01", "There is no such table.");
    return ANSWER;
  };
  workspace = await startWorkspace({ ...FAST, rowsPerChunk: 2 }, { engine });
});
beforeEach(() => {
  workspace.set(FAST);
  workspace.journal.clear();
  calls = [];
});
afterEach(() => expect(workspace.journal.complaints()).toEqual([]));
afterAll(async () => {
  await workspace.stop();
  rmSync(folder, { recursive: true, force: true });
});

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const login = { DATABRICKS_HOST: workspace.url, DATABRICKS_TOKEN: ENGINEER_TOKEN, HOME: folder };
  return Bun.spawn([AGENT_BINARY, "query", ...args], { cwd: folder, env: { ...login, ...env }, stderr: "pipe" });
}

async function seen(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = start(args, env);
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, stdout, stderr };
}

binaryTest("a named question is asked in the catalog and schema of the settings, as queries.sql has it", async () => {
  const { code, stdout, stderr } = await seen(["latency"], {
    DATABRICKS_CATALOG: "acme",
    DATABRICKS_SCHEMA: "sensors",
  });
  expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  const text = questions().find(({ name }) => name === "latency")?.sql;
  expect(calls).toEqual([expect.objectContaining({ text, catalog: "acme", schema: "sensors" })]);
  // Three rows in chunks of two.
  expect(stdout.split("\n")).toEqual([
    "sensor_id               readings      rate  rules",
    's1              9007199254740993        20  ["a","b"]',
    'say "x", twice                 7  0.000015  []',
    "null                        null      null  null",
    "",
  ]);
});

binaryTest("--json and --csv hold every value whole: large integers, lists, null", async () => {
  const { stdout } = await seen(["SELECT 1", "--json"]);
  expect(stdout).toContain('{"sensor_id": "s1", "readings": 9007199254740993, "rate": 20, "rules": ["a","b"]}');
  expect(JSON.parse(stdout)).toMatchObject({
    query: null,
    truncated: false,
    left_out: [],
    columns: [{ type: "STRING" }, { type: "BIGINT" }, { type: "DOUBLE" }, { kind: "json" }],
    rows: [{}, { sensor_id: 'say "x", twice' }, { sensor_id: null, readings: null, rate: null, rules: null }],
  });
  expect((await seen(["SELECT 1", "--csv"])).stdout).toBe(
    'sensor_id,readings,rate,rules\r\ns1,9007199254740993,20,"[""a"",""b""]"\r\n"say ""x"", twice",7,0.000015,[]\r\n,,,\r\n',
  );
});

binaryTest("no more rows are computed than are shown, and a line says that there are more", async () => {
  const { code, stdout, stderr } = await seen(["SELECT 1", "--limit", "1", "--csv"]);
  expect([code, stdout.trim().split("\n").length]).toEqual([0, 2]);
  expect(stderr).toEndWith("Only the first row; there are more. Try: agent query 'SELECT 1' --csv --limit 10\n");
  const sent = workspace.journal
    .entries()
    .find(({ method, path }) => method === "POST" && path.endsWith("/statements"));
  expect(sent?.body).toMatchObject({ row_limit: 1 });
});

binaryTest("a refusal of the workspace is reported in its words, without the token", async () => {
  const failed = await seen(["SELECT * FROM none"]);
  expect([failed.code, failed.stdout]).toEqual([2, ""]);
  expect(failed.stderr).toContain("Cannot query the tables: [TABLE_OR_VIEW_NOT_FOUND] There is no such table.");
  const refused = await seen(["latency"], { DATABRICKS_TOKEN: "dapi-of-somebody-else" });
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("Try: ");
  expect(refused.stderr).not.toContain("somebody");
});

binaryTest("a signal ends it, and the statement is cancelled", async () => {
  workspace.set({ statementAsksRunning: 10_000 });
  const child = start(["latency"]);
  const statementReads = () =>
    workspace.journal.entries().filter(({ method, path }) => method === "GET" && path.includes("/statements/"));
  for (const giveUp = performance.now() + ENOUGH_MS; statementReads().length === 0 && performance.now() < giveUp; )
    await Bun.sleep(20);
  expect(statementReads().length).toBeGreaterThan(0);
  child.kill("SIGINT");
  expect([await child.exited, await child.stdout.text()]).toEqual([2, ""]);
  expect(await child.stderr.text()).toEndWith("Cannot query the tables: it was stopped\n");
  expect(workspace.journal.entries().filter(({ path }) => path.endsWith("/cancel")).length).toBe(1);
});
