/** A buffer that reports damage and has none: the device failed to read it for a moment. */
import { Database } from "bun:sqlite";
import { afterAll, expect, spyOn } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CorruptRowError } from "../../buffer/corruption.ts";
import { Outbox } from "../../buffer/outbox.ts";
import { examine } from "../../buffer/salvage/examine.ts";
import { type LogEntry, makeLog } from "../../core/log/log.ts";
import { resolveSettings } from "../../core/settings/settings.ts";
import { builtInRules } from "../../rules/files/shipped.ts";
import { audit, doubles } from "../../testing/audit.ts";
import { FIRST_EVENT_MS, ListedSource } from "../../testing/listed-source.ts";
import { testWith } from "../../testing/needs.ts";
import { MemoryStore } from "../../uplink/memory-store.ts";
import { type OpenAgent, openAgent } from "../open-agent.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-doubt-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const longTest = testWith("time");
const READINGS = 3_000;
const malformed = () => Object.assign(new Error("database disk image is malformed"), { code: "SQLITE_CORRUPT" });

/** An agent over a buffer of its own, and what it logs. */
async function agentOf(
  name: string,
): Promise<{ opened: OpenAgent; store: MemoryStore; said: string[]; dataDir: string }> {
  const dataDir = join(folder, name);
  const env = { AGENT_NODE_ID: "n", AGENT_BATCH_ROWS: "500", AGENT_COMMIT_ROWS: "100" };
  const said: string[] = [];
  const store = new MemoryStore();
  const opened = await openAgent({
    settings: resolveSettings({ flags: { "data-dir": dataDir }, env }),
    log: makeLog({ least: "warn", secrets: [], now: Date.now, write: ({ code }: LogEntry) => said.push(code) }),
    store,
    stop: new AbortController().signal,
    now: () => FIRST_EVENT_MS + 3_600_000,
    random: () => 0.99,
    rules: (catalogue) => ({ set: builtInRules(catalogue), refused: [] }),
    sources: (catalogue, committed) => [ListedSource.resumed(catalogue, committed, { count: READINGS })],
  });
  return { opened, store, said, dataDir };
}

/** The next promises of batches fail. */
function failing(fail: () => Error, times: number) {
  const plan = spyOn(Outbox.prototype, "plan");
  for (let n = 0; n < times; n++) {
    plan.mockImplementationOnce(() => {
      throw fail();
    });
  }
  return plan;
}

const setAside = (dataDir: string) => readdirSync(dataDir).filter((name) => name.includes("corrupt"));

for (const [name, fail] of [
  ["SQLite calls a page malformed", malformed],
  ["a row is not what was written", () => new CorruptRowError("Cannot read a reading")],
] as const) {
  longTest(
    `while it runs, ${name} once: the buffer is opened again and keeps its epoch, and every reading arrives once`,
    async () => {
      const { opened, store, said, dataDir } = await agentOf(name.replaceAll(" ", "-"));
      const { buffer } = opened.parts;
      const { epoch } = buffer;
      const plan = failing(fail, 1);
      const end = await opened.run();
      plan.mockRestore();
      expect([end.finished, opened.parts.buffer.epoch, opened.parts.buffer === buffer]).toEqual([true, epoch, false]);
      await opened.close();
      expect([said, setAside(dataDir)]).toEqual([["buffer_doubted", "buffer_sound"], []]);
      const found = await audit(store);
      expect([found.ids.raw.size, doubles(found)]).toEqual([READINGS, []]);
    },
  );
}

longTest("what is reported again at once, and no integrity check knows, is damage", async () => {
  const { opened, said, dataDir } = await agentOf("again");
  const plan = failing(() => new CorruptRowError("Cannot read a reading"), 2);
  expect((await opened.run()).finished).toBe(true);
  plan.mockRestore();
  await opened.close();
  expect(said.slice(0, 4)).toEqual(["buffer_doubted", "buffer_sound", "buffer_doubted", "buffer_corrupt"]);
  expect(setAside(dataDir)).not.toEqual([]);
});

longTest("an examination finds a damaged page, whole or in pieces, and none in a sound buffer", async () => {
  const { opened, dataDir } = await agentOf("examined");
  await opened.run();
  await opened.close();
  const { signal: stop } = new AbortController();
  const ways = [
    { isThorough: false, stop },
    { isThorough: true, stop },
    { isThorough: false, stop, smallBytes: 0 },
  ];
  for (const how of ways) expect(await examine(dataDir, how)).toBe("sound");
  const path = join(dataDir, "buffer.db");
  const db = new Database(path, { readwrite: true });
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  const { page } = db
    .query<{ page: number }, []>("SELECT rootpage AS page FROM sqlite_master WHERE name = 'reading'")
    .get()!;
  db.close();
  const whole = readFileSync(path);
  const bytes = Buffer.from(whole);
  bytes.fill(0xff, (page - 1) * 4_096, page * 4_096);
  writeFileSync(path, bytes);
  for (const how of ways) expect(await examine(dataDir, how)).toBe("damaged");
  // A stop ends it, with no finding.
  const stopped = await examine(dataDir, { isThorough: false, stop: AbortSignal.abort(), smallBytes: 0 });
  expect(stopped).toHaveProperty("unread");
  writeFileSync(path, whole);
});
