/** `agent buffer prune`: what is delivered goes, what is not stays unless it is said, and the file becomes smaller. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { tryLock } from "../../buffer/disk/agent-lock.ts";
import { META_MARKS, marksOfMachine, NO_MARKS } from "../../buffer/disk/marks.ts";
import { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import { resolveSettings } from "../../core/settings/settings.ts";
import { testWith } from "../../testing/needs.ts";
import { TestNode } from "../../verify/node.suite.ts";
import type { Context } from "../frame/command.ts";
import { see } from "../frame/command-line.suite.ts";
import { COMMANDS } from "../frame/commands.ts";
import { pruneBuffer } from "./prune.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const seen = (command: string, ...flags: string[]) =>
  see(["buffer", command, "--data-dir", node.dataDir, ...flags], COMMANDS);

async function prunedJson(...flags: string[]) {
  const { stdout, stderr } = await seen("prune", "--yes", "--json", ...flags);
  if (stdout === "") throw new Error(stderr.join("\n"));
  return JSON.parse(stdout);
}

/** 30,000 delivered, 2,000 promised, 3,000 neither; an hour between the first and the second 15,000. */
function fill(): void {
  for (let i = 0; i < 30; i++) {
    node.take(1_000, { extra: `{"note":"${"x".repeat(80)}${i}"}` });
    if (i === 14) node.nowMs += 3_600_000;
  }
  node.plan(5_000);
  node.issueWindows();
  node.outbox.delivered(node.outbox.open(100_000), node.nowMs);
  node.take(1_000);
  node.take(1_000);
  node.plan(1_000);
  for (let i = 0; i < 3; i++) node.take(1_000);
}

function held(): unknown {
  const db = new Database(join(node.dataDir, "buffer.db"), { readonly: true });
  const found = db.query("SELECT min(seq) AS first, count(*) AS n FROM reading").get();
  db.close();
  return found;
}

const longTest = testWith("time");

longTest(
  "what is delivered is shown, asked for, deleted, and its room is given back; all else stays",
  async () => {
    fill();
    node.buffer.setMeta(
      META_MARKS,
      JSON.stringify({ ...NO_MARKS, file: marksOfMachine(null)(join(node.dataDir, "buffer.db")).file }),
    );
    node.buffer.close();
    const stderr: string[] = [];
    const context: Context = {
      env: {},
      cwd: "/nowhere",
      write: async () => undefined,
      say: (line) => void stderr.push(line),
      terminal: false,
      stop: new AbortController().signal,
      typed: "agent buffer prune --delivered",
      settings: resolveSettings({ flags: { "data-dir": [node.dataDir] } }),
    };
    const flags = { delivered: true, before: undefined, undelivered: false, yes: false, json: false };
    expect(await pruneBuffer(flags, context, async () => "no")).toBe(1);
    expect(stderr[0]).toStartWith("Delivered: 30,000 readings, up to 30,000.");
    expect(stderr.slice(2)).toEqual(["5,000 readings stay in all.", "Nothing was deleted."]);
    expect(held()).toEqual({ first: 1, n: 35_000 });
    const unasked = await seen("prune", "--delivered");
    expect([unasked.code, unasked.stderr.at(-2)]).toEqual([
      2,
      "Cannot prune the buffer: there is no terminal to ask on",
    ]);
    const sizeBefore = statSync(join(node.dataDir, "buffer.db")).size;
    const told = await prunedJson("--delivered");
    expect(told).toMatchObject({ deleted: 30_000, lost: 0, kept: 5_000, not_shrunk: null });
    expect(told.bytes_after).toBeLessThan(sizeBefore / 2);
    expect(statSync(join(node.dataDir, "buffer.db")).size).toBe(told.bytes_after);
    expect(held()).toEqual({ first: 30_001, n: 5_000 });
    expect((await seen("check")).stdout).toContain("The buffer is sound.");
    const again = await prunedJson("--delivered");
    expect(again).toMatchObject({ deleted: 0, not_shrunk: expect.stringContaining("not worth a copy") });
    const db = new Database(join(node.dataDir, "buffer.db"));
    const marks = JSON.parse(String(db.query("SELECT value FROM meta WHERE key = 'marks'").values()[0]?.[0]));
    expect(marks.file).toBe(marksOfMachine(null)(join(node.dataDir, "buffer.db")).file);
    const roots = (of: Database) =>
      of.query("SELECT name, rootpage FROM sqlite_master WHERE name <> 'sensor_readings' ORDER BY 1").all();
    const fresh = new TestNode();
    fresh.take(1);
    expect(roots(db)).toEqual(roots(fresh.buffer.db));
    fresh.end();
    db.close();
    const chance = new Uint8Array(10);
    const reopened = new SqliteBuffer({
      dataDir: node.dataDir,
      nodeId: "x",
      nowMs: 0,
      chance,
      blockRows: 1,
      recentRows: 1,
    });
    expect([reopened.lastSeq, reopened.epoch]).toEqual([35_000, node.buffer.epoch]);
    reopened.close();
  },
  60_000,
);

longTest(
  "before a time; undelivered readings only where it is said, as a counted loss; promised ones never",
  async () => {
    fill();
    node.nowMs += 1;
    expect(await prunedJson("--before", new Date(node.nowMs - 60_000).toISOString())).toMatchObject({
      deleted: 15_000,
    });
    const asked = await seen("prune", "--delivered", "--undelivered");
    expect(asked.stderr).toContain(
      "NOT delivered: 3,000 readings, up to 35,000. They will be lost for ever, and counted.",
    );
    node.buffer.close();
    expect(await prunedJson("--delivered", "--undelivered")).toMatchObject({
      deleted: 15_000,
      lost: 3_000,
      kept: 2_000,
    });
    expect(held()).toEqual({ first: 30_001, n: 2_000 });
    const db = new Database(join(node.dataDir, "buffer.db"));
    expect(db.query("SELECT reason, count, first_seq, last_seq FROM loss").all()).toEqual([
      { reason: "pruned", count: 3_000, first_seq: 32_001, last_seq: 35_000 },
    ]);
    db.close();
    expect((await seen("check")).stdout).toContain("The buffer is sound.");
  },
  60_000,
);

test("a data dir with an agent at work, and a call that does not say what, are refused", async () => {
  node.take(10);
  expect((await seen("prune")).stderr[0]).toBe("Cannot prune: say what, by --delivered or --before");
  const lock = tryLock(node.dataDir, { pid: 4711, host: "h", sinceMs: 0 });
  const { code, stderr } = await seen("prune", "--delivered", "--undelivered");
  expect([code, stderr.at(-2)]).toEqual([1, expect.stringContaining("an agent is at work there")]);
  expect(stderr.at(-1)).toBe("Try: ps -p 4711 -o pid,user,args");
  lock?.release();
  expect(node.buffer.lastSeq).toBe(10);
});
