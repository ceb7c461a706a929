/** `agent buffer check`: a sound buffer is called sound, and each kind of damage is named. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, copyFileSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Retention } from "../../buffer/disk/retention.ts";
import { openStore } from "../../uplink/open-store.ts";
import { TestNode } from "../../verify/node.suite.ts";
import { see } from "../frame/command-line.suite.ts";
import { COMMANDS } from "../frame/commands.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const check = (flags: readonly string[] = [], dataDir = node.dataDir) =>
  see(["buffer", "check", "--data-dir", dataDir, ...flags], COMMANDS);

/** `[exit code, part: message, …]` */
async function damage(dataDir?: string) {
  const { code, stdout } = await check(["--json"], dataDir);
  const { damage: found } = JSON.parse(stdout) as { damage: { part: string; message: string }[] };
  return [code, ...found.map(({ part, message }) => `${part}: ${message}`)];
}

const run = (sql: string) => node.buffer.db.run(sql);

async function workedOn(): Promise<void> {
  node.take(900);
  node.plan();
  node.issueWindows();
  const place = { prefix: "expanso", region: "us-west-2", env: {}, cwd: node.dataDir };
  await node.deliver(await openStore("dir:lake", { ...place, putTimeoutMs: 1_000 }), 20);
  node.take(300);
}

test("a buffer at work is sound, in every state that the parts bring it into", async () => {
  expect(await damage()).toEqual([0]);
  await workedOn();
  expect(await damage()).toEqual([0]);
  for (const batch of node.outbox.open(3)) node.outbox.park(batch, "out of quota", node.nowMs);
  for (const batch of node.outbox.open(3)) node.outbox.refused(batch, "no", node.nowMs);
  const retention = new Retention(node.buffer);
  retention.dropOldest(100, node.nowMs);
  retention.prune(Number.MAX_SAFE_INTEGER);
  node.take(10);
  const { code, stdout, stderr } = await check();
  expect([code, stderr]).toEqual([0, []]);
  expect(stdout).toContain("readings: each read back");
  expect(stdout).toContain("The buffer is sound.");
});

test("readings that are gone without a loss, and what promised them, are named", async () => {
  await workedOn();
  run("DELETE FROM reading WHERE seq BETWEEN 850 AND 852");
  const [code, ...found] = await damage();
  expect(code).toBe(1);
  expect(found[0]).toBe("readings: Readings that are missing, and no loss counts them: 3 (850-852)");
  expect(found.join("\n")).toMatch(/batches: raw\/\S+ promises 100 readings, and 97 are there/);
  // 850 is malformed and 840 to 860 hold a finding or two.
  expect(found.join("\n")).toContain("rows of the table malformed have no reading, the first is 850");
});

const DAMAGE: readonly (readonly [string, string])[] = [
  ["UPDATE reading SET sensor = 77 WHERE seq = 1001", "readings: Readings that cannot be read back: 1 (1001)"],
  ["DELETE FROM finding WHERE seq = 1010", "readings: Readings that cannot be read back: 1 (1010)"],
  ["DELETE FROM commit_group WHERE first_seq > 900", "commits: Readings that are in no commit: 300 (901-1200)"],
  [
    "DELETE FROM batch WHERE first_seq = 101",
    "batches: Readings up to 900 count as promised, and no batch has 101-200",
  ],
  ["UPDATE window_state SET states = x'7b'", "cannot be read"],
  [
    "UPDATE batch SET body = x'00' WHERE first_seq IS NULL AND state = 'planned'",
    "the body that was stored for it is damaged",
  ],
  ["INSERT INTO loss VALUES (99, 'x', 7, 1, 3, 0, 0, NULL)", "losses: A loss (x) counts 7 readings of 3"],
  [
    "UPDATE meta SET value = '9999' WHERE key = 'planned_through'",
    'counters: The counter planned_through is "9999", and the newest reading is 1200',
  ],
  ["DELETE FROM sensor", "Readings that cannot be read back: 1,152 (1-24, "],
  ["UPDATE sensor SET measures = '{'", "The sensors, labels or measures of the readings cannot be read"],
];
test("each kind of damage is named", async () => {
  await workedOn();
  run("PRAGMA wal_checkpoint(TRUNCATE)");
  for (const [at, [sql, message]] of DAMAGE.entries()) {
    const copy = join(node.dataDir, `case-${at}`);
    mkdirSync(copy);
    copyFileSync(join(node.dataDir, "buffer.db"), join(copy, "buffer.db"));
    const db = new Database(join(copy, "buffer.db"));
    db.run("PRAGMA synchronous = OFF");
    db.run(sql);
    db.close();
    const [code, ...found] = await damage(copy);
    expect([sql, code]).toEqual([sql, 1]);
    expect(found.join("\n")).toContain(message);
  }
});

test("a page of rubbish and a file without a header are damage; no buffer and rubbish around it are exit 2", async () => {
  await workedOn();
  node.buffer.db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  node.buffer.close();
  const path = join(node.dataDir, "buffer.db");
  const write = (at: number, bytes: number) => {
    const file = openSync(path, "r+");
    writeSync(file, new Uint8Array(bytes).fill(0x5a), 0, bytes, at);
    closeSync(file);
  };
  write(4_096 * 7, 4_096);
  const told = await check();
  expect(told.code).toBe(1);
  expect(told.stdout).toContain("DAMAGE     file: ");
  expect(told.stdout).toContain("The buffer is damaged.");
  expect(told.stderr.at(-1)).toStartWith("Try: agent buffer export");
  write(0, 100);
  const headless = await check();
  expect([headless.code, headless.stderr.at(-1)]).toEqual([1, `Try: agent run --data-dir ${node.dataDir}`]);
  rmSync(path);
  expect((await check()).code).toBe(2);
  writeFileSync(path, "");
  expect((await check()).code).toBe(2);
});
