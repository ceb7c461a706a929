import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteBuffer } from "../sqlite-buffer.ts";
import { type DataDirLock, tryLock } from "./agent-lock.ts";
import { Premises } from "./premises.ts";

const HOLDER = { pid: 1, host: "h", sinceMs: 0 };
let dataDir = "";
let buffer: SqliteBuffer;
let lock: DataDirLock;
const openBuffer = (dir: string) =>
  new SqliteBuffer({
    dataDir: dir,
    nodeId: "n",
    nowMs: 0,
    chance: crypto.getRandomValues(new Uint8Array(10)),
    blockRows: 10,
    recentRows: 10,
  });

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "agent-put-back-"));
  lock = tryLock(dataDir, HOLDER)!;
  buffer = openBuffer(dataDir);
  for (let i = 0; i < 7; i++) {
    const block = buffer.recent.lend();
    block.add(0, i, buffer.catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null }));
    const facts = { ingestedAtMs: 0, rulesVersion: "r", timeQuality: "ok", agentVersion: "1" } as const;
    buffer.commit(block, facts, [{ uri: "a:", cursor: String(i), accepted: 1, refused: 0, flaws: [] }]);
  }
});
afterEach(() => {
  buffer.close();
  lock.release();
  rmSync(dataDir, { recursive: true, force: true });
});

const rows = (of: SqliteBuffer) => of.db.query<{ n: number }, []>("SELECT count(*) AS n FROM reading").get()!.n;

const FILES = ["buffer.db", "buffer.db-wal", "buffer.db-shm", "lock.db"];
const DELETED: Record<string, readonly string[]> = {
  everything: [""],
  "the database": ["buffer.db"],
  "the log": ["buffer.db-wal", "buffer.db-shm"],
  "the lock": ["lock.db"],
  "all files": FILES,
};
for (const [what, names] of Object.entries(DELETED)) {
  test(`deleted: ${what}. It is noticed, and all of it is put back under its epoch, locked`, () => {
    const premises = new Premises(dataDir, buffer, lock);
    expect(premises.isInPlace()).toBe(true);
    for (const name of names) rmSync(join(dataDir, name), { recursive: true });
    expect(premises.isInPlace()).toBe(false);
    expect(premises.putBack()).toBeNull();
    expect(tryLock(dataDir, HOLDER)).toBeNull();
    const { epoch } = buffer;
    buffer.close();
    buffer = openBuffer(dataDir);
    expect([buffer.epoch, buffer.lastSeq, rows(buffer), buffer.cursor("a:")]).toEqual([epoch, 7, 7, "6"]);
    expect(new Premises(dataDir, buffer, lock).isInPlace()).toBe(true);
  });
}

test("deleted again, or only then wholly, after it was put back: it is put back once more before it is opened", () => {
  const premises = new Premises(dataDir, buffer, lock);
  // As `rm -r` does it: one file after the other, and the agent looks in between.
  rmSync(join(dataDir, "lock.db"));
  expect(premises.putBack()).toBeNull();
  rmSync(dataDir, { recursive: true });
  expect(premises.isSecured()).toBe(true);
  rmSync(dataDir, { recursive: true });
  expect(premises.isSecured()).toBe(true);
  const { epoch } = buffer;
  buffer.close();
  buffer = openBuffer(dataDir);
  expect([buffer.epoch, buffer.lastSeq, rows(buffer)]).toEqual([epoch, 7, 7]);
});

test("another agent that is there already is left alone, and so is its buffer", () => {
  const premises = new Premises(dataDir, buffer, lock);
  rmSync(dataDir, { recursive: true });
  mkdirSync(dataDir);
  const theirs = tryLock(dataDir, HOLDER)!;
  expect(premises.putBack()).toBe("another agent has it now");
  const other = openBuffer(dataDir);
  theirs.release();
  expect(premises.putBack()).toBe("another buffer is there now");
  buffer.close();
  expect(existsSync(join(dataDir, "buffer.db-wal"))).toBe(true);
  expect(rows(other)).toBe(0);
  other.close();
});

test("a data dir that cannot be made again gives a reason, not an error", () => {
  const premises = new Premises(dataDir, buffer, lock);
  rmSync(dataDir, { recursive: true });
  writeFileSync(dataDir, "in the way");
  expect(premises.isInPlace()).toBe(false);
  expect(premises.putBack()).toMatch(/EEXIST|ENOTDIR/);
});
