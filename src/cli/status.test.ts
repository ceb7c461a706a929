import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type LiveReport, writeLive } from "../agent/live.ts";
import { BacklogCount } from "../buffer/backlog.ts";
import { tryLock } from "../buffer/disk/agent-lock.ts";
import { Retention } from "../buffer/disk/retention.ts";
import { BufferLedger } from "../buffer/ledger/ledger.ts";
import { AgentError, UsageError } from "../core/errors.ts";
import { STAGES } from "../core/stage.ts";
import { VERSION } from "../core/version.ts";
import { problemsOf } from "../status/problems.ts";
import { readStatus } from "../status/status.ts";
import { statusLine } from "../status/status-line.ts";
import { MemoryStore } from "../uplink/memory-store.ts";
import { EPOCH_START, TestNode } from "../verify/node.suite.ts";
import { see } from "./frame/command-line.suite.ts";
import { command } from "./status.ts";
import { statusText } from "./status-text.ts";
import { TopWatch } from "./top/look.ts";
import { plainLine } from "./top/plain.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const NOW = EPOCH_START + 60_000;
const look = () => readStatus(node.dataDir, node.settings, NOW);
const live = (more: Partial<LiveReport> = {}): LiveReport => ({
  pid: 4_242,
  host: "h",
  agentVersion: "9.9.9",
  startedAtMs: NOW - 5_000,
  updatedAtMs: NOW - 500,
  store: "s3:",
  problems: [],
  parked: 0,
  bufferLimitBytes: 1_000_000,
  sources: [],
  uplink: { state: "up", sinceMs: NOW - 5_000, error: null },
  rules: { version: "abc", count: 2, loadedAtMs: NOW - 5_000, refused: [] },
  ...more,
});

/** What status shows while an agent holds the lock and reports. */
function whileRunning<T>(report: LiveReport, work: () => T): T {
  const lock = tryLock(node.dataDir, { pid: report.pid, host: "h", sinceMs: NOW - 5_000 });
  writeLive(node.dataDir, report);
  try {
    return work();
  } finally {
    lock?.release();
  }
}

test("a node that has delivered everything is ok, and every stage says how much", async () => {
  await node.takeAndDeliver(new MemoryStore(), 200);
  const status = look();
  expect(status).toMatchObject({
    node_id: "edge-7",
    epoch: node.buffer.epoch,
    pid: null,
    health: "ok",
    problems: [],
    losses: [],
    buffer: { accepted: 200, first_seq: 1, last_seq: 200 },
    stages: {
      raw: { delivered: 200, pending: 0, oldest_pending_at: null, parked: 0 },
      validated: { delivered: 176, pending: 0 },
      anomalies: { delivered: 24, pending: 0 },
      schematized: { delivered: 176, pending: 0 },
      aggregated: { pending: 0 },
    },
    sources: [{ uri: "simulator:?sensors=3", accepted: 200, refused: 8, flaws: [], cursor: "200", trouble: null }],
    refused_by_reason: { not_json: 8 },
    open_windows: 0,
    new_fields: [],
  });
  expect(status.buffer.bytes).toBeGreaterThan(0);
});

test("accepted still counts every reading when all were pruned", async () => {
  await node.takeAndDeliver(new MemoryStore(), 200);
  while (new Retention(node.buffer).prune(Number.MAX_SAFE_INTEGER) > 0);
  expect(look()).toMatchObject({
    buffer: { accepted: 200, first_seq: null, last_seq: null },
    stages: { raw: { delivered: 200 }, anomalies: { delivered: 24 } },
  });
});

test("what was delivered never counts backwards: neither when batches of windows are forgotten, nor after a restart", async () => {
  await node.takeAndDeliver(new MemoryStore(), 200);
  const { delivered } = look().stages.aggregated;
  expect(delivered).toBeGreaterThan(5);
  expect(node.ledger.forget(node.nowMs + 1, 2)).toBe(2);
  expect(look().stages.aggregated.delivered).toBe(delivered);
  while (node.ledger.forget(node.nowMs + 1, 2) > 0);
  while (new Retention(node.buffer).prune(Number.MAX_SAFE_INTEGER) > 0);
  expect(look().stages.aggregated.delivered).toBe(delivered);
  const { buffer, outbox } = node;
  const openWindows = () => ({ windows: 0, rows: 0, fromSeq: Number.POSITIVE_INFINITY });
  const fresh = { buffer, outbox: { plannedThrough: outbox.plannedThrough, deliveredRows: noRows() } };
  const count = new BacklogCount({ ...fresh, stages: STAGES, openWindows, running: () => 0, pieceRows: 700 });
  while (count.count() > 0);
  expect(count.read().stages.aggregated.delivered).toBe(delivered);
});

const noRows = () => ({ raw: 0, validated: 0, anomalies: 0, schematized: 0, aggregated: 0 });

test("waiting rows are counted by stage, planned or not, since their readings were committed", async () => {
  const store = new MemoryStore();
  node.nowMs = EPOCH_START + 1_000;
  node.take(100);
  node.plan();
  await node.deliver(store, 1);
  node.nowMs = EPOCH_START + 2_000;
  node.take(50);
  const { stages, open_windows, health, problems } = look();
  expect(stages.raw).toEqual({ delivered: 100, pending: 50, oldest_pending_at: "2026-11-23T08:50:02.000Z", parked: 0 });
  expect(stages.validated).toMatchObject({ pending: 132, oldest_pending_at: "2026-11-23T08:50:01.000Z" });
  expect(stages.anomalies.pending).toBe(18);
  // Three windows of three sensors.
  expect([open_windows, stages.aggregated.pending]).toEqual([3, 9]);
  expect(health).toBe("degraded");
  expect(problems).toEqual([
    {
      code: "not_running",
      message:
        "No agent is running, and 341 rows wait to be delivered. Start it with the same source and store as before",
      try: "agent status --json",
    },
  ]);
});

test("beside a running agent: its pid, its limit, its problems; without the lock, status shows no pid", () => {
  node.take(10);
  const problem = { code: "store_denied", message: "Cannot store: access denied", try: "aws sts get-caller-identity" };
  const running = whileRunning(live({ problems: [problem] }), look);
  expect(running).toMatchObject({
    pid: 4_242,
    agent_version: "9.9.9",
    health: "degraded",
    problems: [problem],
    buffer: { limit_bytes: 1_000_000 },
    rules: { version: "abc", count: 2 },
    uplink: { state: "up", since: new Date(NOW - 5_000).toISOString(), error: null },
  });
  expect(look()).toMatchObject({ pid: null, problems: [{ code: "not_running" }] });
});

test("the hint starts the agent again as it was, takes no source by default and shows no password", () => {
  node.take(10);
  const hint = (...uris: readonly string[]) => {
    writeLive(node.dataDir, live({ sources: uris.map((uri) => ({ uri, trouble: null })), store: "dir:my lake" }));
    const [problem] = look().problems;
    return [problem?.message.replace(/^.* delivered/, ""), problem?.try];
  };
  const run = `agent run --data-dir ${node.dataDir}`;
  expect(hint("file:in/*.csv", "sqlite:a.db?table=t")).toEqual([
    "",
    `${run} --source 'file:in/*.csv' --source 'sqlite:a.db?table=t' --store 'dir:my lake'`,
  ]);
  expect(hint("stdin:")).toEqual([
    '; new readings need the same input to "stdin:" as before',
    `${run} --source stdin: --store 'dir:my lake' < /dev/null`,
  ]);
  expect(hint("file:a.csv", "mqtt://me:secret-1@h/t")).toEqual([
    '. Start it as before: the source "mqtt://me:***@h/t" has a password, which is not shown',
    "agent status --json",
  ]);
  expect(hint("mqtt://me@h/t")[0]).toBe(". A password of its source must be given as before");
  expect(hint()[1]).toBe("agent status --json");
  writeLive(
    node.dataDir,
    live({ cwd: "/srv/a b", store: "dir:./lake", sources: [{ uri: "file:a.csv", trouble: null }] }),
  );
  expect(look().problems[0]?.try).toBe(`cd '/srv/a b' && ${run} --source file:a.csv --store dir:./lake`);
  expect(look().buffer.limit_bytes).toBe(1_000_000);
});

test("an agent that has not reported for seconds is not shown as one that works", () => {
  node.take(10);
  const stage = { rowsPerSecond: 1, bytesPerSecond: 1, lagP95Ms: 1 };
  const stages = { raw: stage, validated: stage, anomalies: stage, schematized: stage, aggregated: stage };
  const rates = { readingsPerSecond: 1, anomaliesPerMinute: 1, bytesPerSecond: 1, lagP95Ms: 1, stages };
  const after = (ms: number) => whileRunning(live({ rates, updatedAtMs: NOW - ms }), look);
  expect(after(2_000)).toMatchObject({ not_heard_since: null, rates, uplink: { as_of: null } });
  const quiet = after(8_000);
  const at = new Date(NOW - 8_000).toISOString();
  expect(quiet).toMatchObject({ health: "ok", not_heard_since: at, rates: null, uplink: { state: "up", as_of: at } });
  const text = statusText(quiet, NOW);
  expect(text).toStartWith("edge-7: ok (agent 9.9.9, pid 4242, not heard for 8 s)\n");
  expect(text).toContain(`was up when an agent last reported, at ${at}\n`);
  expect(statusLine(quiet, NOW)).toEndWith(' uplink=- problems=0 problem=- why="not heard for 8 s"');
  expect(plainLine({ ...new TopWatch(node.dataDir, node.settings).glance(NOW), status: quiet })).toContain(
    "edge-7 ok  not heard for 8 s  - readings/s",
  );
  const ended = look();
  expect(ended).toMatchObject({ pid: null, not_heard_since: null, uplink: { as_of: at } });
  expect(statusText(ended, NOW)).toContain(`was up when an agent last reported, at ${at}\n`);
});

test("a report of an agent that is gone is not shown for the one that has just taken the lock", () => {
  const problem = { code: "old", message: "Cannot", try: "nothing" };
  writeLive(node.dataDir, live({ pid: 1, problems: [problem] }));
  const lock = tryLock(node.dataDir, { pid: 2, host: "h", sinceMs: NOW });
  expect(look()).toMatchObject({ pid: 2, health: "ok" });
  lock?.release();
});

test("what an agent that has ended said of its rules is still so, while that set is the last one", async () => {
  await node.takeAndDeliver(new MemoryStore(), 20);
  const version = "0123456789ab";
  node.buffer.rememberRules(version, "[]", NOW);
  node.buffer.setMeta("rules_version", version);
  const warning = { file: "rules/a.json", line: 1, column: 24, message: "no profile has it", idle: true };
  const idle = { code: "rules_idle", message: "A rule in force cannot work as it is", try: "agent rules check" };
  const failing = { code: "rule_errors", message: 'Rule "a" failed for all', try: "agent rules list" };
  const passing = { code: "store_unreachable", message: "no route", try: "agent lake ls" };
  const rules = { count: 2, loadedAtMs: NOW, refused: [], warnings: [warning], unmatched: ["b"] };
  const report = live({ problems: [passing, idle, failing], rules: { ...rules, version } });
  writeLive(node.dataDir, report);
  expect(look()).toMatchObject({ pid: null, health: "degraded", problems: [idle, failing] });
  expect(look().rules).toMatchObject({ version, warnings: [warning], unmatched: ["b"] });
  writeLive(node.dataDir, { ...report, rules: { ...rules, version: "another" } });
  expect(look().rules).toMatchObject({ version, warnings: [], unmatched: [] });
});

test("the report of an agent of another version is a problem that says so, and status shows the rest", () => {
  node.take(10);
  const { rules: _rules, ...older } = live();
  const status = whileRunning(older as LiveReport, look);
  expect(status).toMatchObject({
    pid: 4_242,
    health: "degraded",
    uplink: { error: "the agent's last report cannot be read" },
  });
  expect(status.problems.map(({ code, message }) => `${code}: ${message}`)).toEqual([
    `report_unread: Cannot read the report of the agent with pid 4242: it needs "rules": an object. It may be of another version than this binary, ${VERSION}`,
  ]);
  expect(statusText(status, NOW)).toContain("Cannot read the report");
});

test("a source in trouble, parked batches, losses and silence are problems, each with a command to try", () => {
  const sources = [{ uri: "sqlite:field.db", trouble: "database is locked" }];
  const problems = problemsOf({
    nowMs: NOW,
    dataDir: "d",
    running: { pid: 5, sinceMs: 0 },
    waiting: null,
    lastRun: null,
    unread: null,
    pending: 1,
    corrupt: [],
    lasting: [],
    live: live({ sources, updatedAtMs: NOW - 120_000 }),
    parked: { count: 2, key: "raw/k", error: "too large" },
    losses: [{ reason: "buffer_full", count: 7, range: { first: 1, last: 7 }, sinceMs: NOW - 10, untilMs: NOW - 10 }],
  });
  expect(problems.map(({ code }) => code)).toEqual([
    "source_trouble",
    "agent_silent",
    "batches_parked",
    "readings_lost",
  ]);
  expect(problems[1]?.message).toBe(
    "The agent with pid 5 has the lock, but has not reported for 2 min; a restart loses nothing",
  );
  for (const problem of problems) expect(problem.try.length).toBeGreaterThan(10);
});

test("each reason of a loss has its own command to try, and a loss of unknown size is reported as unknown", () => {
  node.take(10);
  const retention = new Retention(node.buffer);
  retention.dropOldest(7, NOW);
  retention.recordLoss({ reason: "buffer_corrupt", count: 0, range: null, sinceMs: NOW, untilMs: NOW });
  const status = look();
  expect(statusText(status, NOW)).toContain("lost      an unknown number of readings, buffer_corrupt");
  expect(status.problems.filter(({ code }) => code === "readings_lost")).toMatchObject([
    {
      message: expect.stringMatching(
        /^7 readings were lost in the last 24 h \(buffer_full\): raise AGENT_BUFFER_MAX_BYTES/,
      ),
      try: "agent config show",
    },
    {
      message: expect.stringMatching(
        /^An unknown number of readings was lost in the last 24 h \(buffer_corrupt\): check the disk/,
      ),
      try: "dmesg | tail -n 50",
    },
  ]);
  expect(status.losses).toMatchObject([
    { count: 7, counted: true },
    { count: 0, counted: false },
  ]);
});

test("an old loss stays in the list and degrades nothing", () => {
  node.take(10);
  new Retention(node.buffer).dropOldest(10, NOW - 48 * 3_600_000);
  const { health, losses } = look();
  expect(health).toBe("ok");
  expect(losses).toMatchObject([{ reason: "buffer_full", count: 10, first_seq: 1, last_seq: 10 }]);
});

test("a parked batch is reported with its reason, and is not pending", () => {
  node.take(1);
  node.plan();
  const [batch] = node.outbox.open(1);
  node.outbox.refused(batch!, "EntityTooLarge", NOW);
  const { stages, problems } = look();
  expect(stages.raw).toMatchObject({ delivered: 0, pending: 0, parked: 1 });
  expect(problems.find(({ code }) => code === "batches_parked")?.message).toEndWith(
    `raw/${batch!.key}: EntityTooLarge. The buffer keeps them`,
  );
});

test("the first sight of a field that no profile knows is reported", () => {
  node.take(3);
  node.take(3, { extra: '{"co2":400}' });
  node.take(3, { extra: '{"co2":410,"noise":3}' });
  expect(look().new_fields).toEqual([
    { name: "co2", first_seq: 4 },
    { name: "noise", first_seq: 7 },
  ]);
});

test("a note of ours is not a new field, also where a row has a field of its name", () => {
  node.take(3, { extra: '{"bad_fields":{"co2":{}},"timestamp_received":1}' });
  expect(look().new_fields).toEqual([]);
  node.take(3, {
    extra: '{"bad_fields":7,"bad_fields_":{"co2":{}},"timestamp_received_":"x","timestamp_received__":1}',
  });
  expect(look().new_fields).toEqual([
    { name: "bad_fields", first_seq: 4 },
    { name: "timestamp_received_", first_seq: 4 },
  ]);
});

test("the text says health first, then what to do; a password in a URI is hidden", () => {
  node.take(30, { extra: '{"co2":400}' });
  const trouble = "cannot connect to mqtt://me:secret@h/t";
  const report = live({ sources: [{ uri: "mqtt://me:secret@h/t", trouble }] });
  const status = whileRunning(report, look);
  const text = statusText(status, NOW);
  const [first, second, third] = text.split("\n");
  expect(first).toBe("edge-7: degraded (agent 9.9.9, pid 4242)");
  expect(second).toStartWith('! Cannot take from "mqtt://');
  expect(third).toStartWith("  Try: ");
  expect(text).toContain("\nreadings    30 accepted, 1 to 30 held\n");
  expect(text).toContain("co2 (from seq 1)");
  expect(text).toMatch(/\nraw +0 +30 +60 s old\n/);
  expect(text + JSON.stringify(status)).not.toContain("secret");
});

test("on a terminal no line but a command is wider than it; each flaw says of which source it is", async () => {
  await node.takeAndDeliver(new MemoryStore(), 20);
  const message = `No row has these names of the map: ${Array.from({ length: 12 }, (_, i) => `"name_${i}"`).join(", ")}`;
  const [input, otherInput] = ["stdin:", "sqlite:field.db"].map((uri) => {
    const flaws = [{ reason: "wrong_type", field: "t", count: 3 }];
    return { uri, accepted: 5, refused: 0, flaws, cursor: null, trouble: null, notes: [] };
  });
  const problem = { code: "map_names_unseen", message, try: `agent tail --json --data-dir ${"d".repeat(80)}` };
  const status = { ...look(), problems: [problem], sources: [input!, otherInput!] };
  const lines = statusText(status, NOW, 80).split("\n");
  expect(lines.filter((line) => line.length > 80)).toEqual([`  Try: ${problem.try}`]);
  expect(lines.slice(1, 4).join(" ").replace(/\s+/g, " ")).toStartWith(`! ${message}`);
  expect(lines.filter((line) => line.startsWith("flaw"))).toEqual([
    "flaw      t  wrong_type  3  from stdin:",
    "flaw      t  wrong_type  3  from sqlite:field.db",
  ]);
});

test("what to try looks at the same node, where its folder is not the usual one", () => {
  const problem = { code: "input_malformed", message: "m", try: "agent tail --stage anomalies" };
  const other = { code: "other", message: "m", try: "agent config show" };
  const report = live({ problems: [problem, other] });
  const tried = (settings: typeof node.settings) =>
    whileRunning(report, () => readStatus(node.dataDir, settings, NOW).problems.map(({ try: command }) => command));
  expect(tried(node.settings)).toEqual([problem.try, other.try]);
  expect(tried({ ...node.settings, dataDir: node.dataDir })).toEqual([
    `agent tail --stage anomalies --data-dir ${node.dataDir}`,
    "agent config show",
  ]);
});

test("the buffer is read while it is written to, in one snapshot", () => {
  node.take(10);
  const ledger = BufferLedger.open(node.dataDir);
  node.take(10);
  expect([ledger.accepted(), node.buffer.lastSeq]).toEqual([10, 20]);
  expect(() => ledger.db.run("DELETE FROM reading")).toThrow(/readonly/);
  ledger.close();
  expect(look().buffer.accepted).toBe(20);
});

test("a buffer in a folder that cannot be written is read, when its agent ended orderly", () => {
  node.take(10);
  const copy = join(node.dataDir, "copy");
  mkdirSync(copy);
  node.buffer.db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  copyFileSync(join(node.dataDir, "buffer.db"), join(copy, "buffer.db"));
  chmodSync(copy, 0o555);
  expect(readStatus(copy, node.settings, NOW).buffer.accepted).toBe(10);
  chmodSync(copy, 0o755);
});

test("a file that is not a buffer is refused with what to try: a wrong call, or a file that cannot be read", () => {
  const dir = join(node.dataDir, "other");
  expect(() => readStatus(dir, node.settings, NOW)).toThrow(UsageError);
  mkdirSync(dir);
  const path = join(dir, "buffer.db");
  new Database(path, { create: true }).close();
  new Database(path).run("CREATE TABLE t (a)");
  expect(() => readStatus(dir, node.settings, NOW)).toThrow(UsageError);
  const newer = new Database(path);
  newer.run("PRAGMA user_version = 99");
  newer.run("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT)");
  newer.run("INSERT INTO meta VALUES ('schema_version', '99')");
  newer.close();
  expect(() => readStatus(dir, node.settings, NOW)).toThrow(/newer than this binary's/);
  rmSync(path);
  Bun.spawnSync(["sh", "-c", `head -c 9000 /dev/urandom > "${path}"`]);
  expect(existsSync(path)).toBe(true);
  expect(() => readStatus(dir, node.settings, NOW)).toThrow(AgentError);
});

test("--line: one line on stdout, also of a node without a buffer, where the error follows and the exit code is that of status", async () => {
  node.take(3);
  const ask = (dataDir: string, ...more: readonly string[]) =>
    see(["status", "--data-dir", dataDir, ...more], { status: async () => ({ command }) });
  const found = await ask(node.dataDir, "--line");
  expect([found.code, found.stderr]).toEqual([0, []]);
  expect(found.stdout).toMatch(/^edge-7 stopped version=[^\n]* pending=3 [^\n]*\n$/);
  const other = join(node.dataDir, "other");
  const none = await ask(other, "--line");
  expect([none.code, none.stderr]).toEqual([2, (await ask(other)).stderr]);
  expect(none.stdout).toMatch(/^- missing version=[^\n]* problem=no_buffer why="Cannot find a buffer [^\n]*\n$/);
  mkdirSync(other);
  Bun.spawnSync(["sh", "-c", `head -c 9000 /dev/urandom > "${join(other, "buffer.db")}"`]);
  const damaged = await ask(other, "--line");
  expect([damaged.code, damaged.stderr]).toEqual([1, (await ask(other)).stderr]);
  expect(damaged.stdout).toMatch(
    /^- degraded version=[^\n]* problem=buffer_unreadable why="Cannot read buffer [^\n]*\n$/,
  );
  const both = await ask(node.dataDir, "--line", "--json");
  expect([both.code, both.stdout]).toEqual([2, ""]);
  expect(both.stderr[0]).toStartWith("Cannot use --json and --line together");
});

test("settings with which no agent starts are a problem of the node: all is shown, and the call is refused as any other", async () => {
  node.take(3);
  const world = { dotenv: { AGENT_LOG: "loud" }, dotenvLines: { AGENT_LOG: 3 } };
  const ask = (...more: readonly string[]) =>
    see(["status", "--data-dir", node.dataDir, ...more], { status: async () => ({ command }) }, world);
  const refused = expect.stringMatching(/^Cannot use AGENT_LOG "loud" \(\.env:3\): /);
  const line = await ask("--line");
  expect([line.code, line.stderr[0]]).toEqual([2, refused]);
  expect(line.stdout).toMatch(/^edge-7 stopped .* problem=settings_refused why="With these settings/);
  const json = await ask("--json");
  expect([json.code, JSON.parse(json.stdout).problems[0].code]).toEqual([2, "settings_refused"]);
});
