import { expect } from "bun:test";
import { closeSync, copyFileSync, mkdtempSync, openSync, rmSync, truncateSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUFFER_FILE } from "../buffer/sqlite-buffer.ts";
import { AgentError } from "../core/errors.ts";
import { readStatus, type Status } from "../status/status.ts";
import { testWith } from "../testing/needs.ts";
import { MemoryStore } from "../uplink/memory-store.ts";
import { EPOCH_START, TestNode } from "./node.suite.ts";

const PAGE_BYTES = 4_096;

/** A buffer of some hundred pages without a log, and a look at a copy that `damage` changed: a status, or the refusal. */
async function looksAtDamaged(
  damages: (pages: number) => Iterable<(path: string) => void>,
): Promise<(Status | string)[]> {
  const node = new TestNode();
  const dir = mkdtempSync(join(tmpdir(), "agent-damaged-"));
  try {
    for (let i = 0; i < 10; i++) node.take(900, { extra: '{"door":1}' });
    await node.takeAndDeliver(new MemoryStore(), 900);
    node.buffer.db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    const { page_count: pages } = node.buffer.db.query<{ page_count: number }, []>("PRAGMA page_count").get()!;
    const path = join(dir, BUFFER_FILE);
    return [...damages(pages)].map((damage) => {
      copyFileSync(join(node.dataDir, BUFFER_FILE), path);
      damage(path);
      try {
        return readStatus(dir, node.settings, EPOCH_START);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        return error.message;
      }
    });
  } finally {
    node.end();
    rmSync(dir, { recursive: true });
  }
}

const isDamaged = (look: Status | string) =>
  typeof look !== "string" && look.problems.some(({ code }) => code === "buffer_damaged");

testWith("time")(
  "any page of the buffer may be damaged: status shows the rest, and says that it is not all",
  async () => {
    const pageLost = (page: number) => (path: string) => {
      const file = openSync(path, "r+");
      writeSync(file, Buffer.alloc(PAGE_BYTES, 0xff), 0, PAGE_BYTES, page * PAGE_BYTES);
      closeSync(file);
    };
    const [whole, ...looks] = await looksAtDamaged(function* (pages) {
      yield () => undefined;
      for (let page = 0; page < pages; page++) yield pageLost(page);
    });
    if (typeof whole === "string" || whole === undefined) throw new Error("the sound buffer is not read");
    expect(isDamaged(whole)).toBe(false);
    for (const look of looks) {
      if (typeof look === "string") expect(look).toStartWith("Cannot read buffer ");
      else if (isDamaged(look)) expect(look).toMatchObject({ epoch: whole.epoch, health: "degraded" });
      else expect(look).toEqual(whole);
    }
    expect(looks.filter(isDamaged).length).toBeGreaterThan(5);
  },
  120_000,
);

testWith("time")(
  "a file that ends too early is damage, and no disk that may be read a moment later",
  async () => {
    const looks = await looksAtDamaged(function* (pages) {
      for (let left = 1; left < pages; left++) yield (path) => truncateSync(path, left * PAGE_BYTES);
    });
    for (const look of looks) {
      if (typeof look === "string") expect(look).toStartWith("Cannot read buffer ");
      else expect(isDamaged(look)).toBe(true);
    }
  },
  120_000,
);
