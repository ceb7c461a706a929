/** What a salvage says where readings can be read, and the fields beside their profile cannot. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PAGE_BYTES } from "../../buffer/schema.ts";
import { TransientError } from "../../core/errors.ts";
import { SILENT } from "../../core/log/log.ts";
import { resolveSettings } from "../../core/settings/settings.ts";
import { builtInRules } from "../../rules/files/shipped.ts";
import { FIRST_EVENT_MS, ListedSource } from "../../testing/listed-source.ts";
import { MemoryStore } from "../../uplink/memory-store.ts";
import { gunzipRows } from "../../uplink/read-object.ts";
import { openAgent } from "../open-agent.ts";
import type { AgentInputs } from "../parts.ts";
import { openingProblems } from "./old-epochs.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-without-extra-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COUNT = 400;
/** Nothing is delivered before the damage. */
class LateStore extends MemoryStore {
  isUp = false;
  override async put(...given: Parameters<MemoryStore["put"]>): Promise<"stored" | "already-there"> {
    if (!this.isUp) throw new TransientError("the line is down");
    return await super.put(...given);
  }
}
const store = new LateStore();

async function live(dataDir: string): Promise<Awaited<ReturnType<typeof openAgent>>> {
  const stop = new AbortController();
  const inputs: AgentInputs = {
    settings: resolveSettings({ flags: { "data-dir": dataDir }, env: { AGENT_NODE_ID: "n", AGENT_BATCH_MS: "100ms" } }),
    log: SILENT,
    store,
    stop: stop.signal,
    now: () => FIRST_EVENT_MS + 3_600_000,
    random: () => 0.99,
    running: () => performance.now(),
    rules: (catalogue) => ({ set: builtInRules(catalogue), refused: [] }),
    sources: (catalogue, committed) => [ListedSource.resumed(catalogue, committed, { count: COUNT, arrivals: true })],
  };
  return await openAgent(inputs);
}

test("readings of which `extra` cannot be read go out without it, and how many is said", async () => {
  const first = await live(join(folder, "first"));
  const running = first.run();
  while (first.parts.buffer.lastSeq < COUNT) await new Promise((resolve) => setImmediate(resolve));
  first.stop(0);
  await running;
  const db = new Database(join(folder, "first/buffer.db"));
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  const { page } = db
    .query<{ page: number }, []>("SELECT rootpage AS page FROM sqlite_master WHERE name = 'extra'")
    .get()!;
  db.close();
  // The lock of the first is held as long as this process lives.
  const path = join(folder, "second/buffer.db");
  mkdirSync(join(folder, "second"));
  copyFileSync(join(folder, "first/buffer.db"), path);
  const file = openSync(path, "r+");
  writeSync(file, new Uint8Array(PAGE_BYTES), 0, PAGE_BYTES, (page - 1) * PAGE_BYTES);
  closeSync(file);

  store.isUp = true;
  const second = await live(join(folder, "second"));
  const again = second.run();
  while (!second.parts.delivery.isIdle || second.parts.outbox.unplanned > 0)
    await new Promise((resolve) => setImmediate(resolve));
  second.stop(0);
  await again;
  const [problem] = openingProblems(second.parts.buffer, FIRST_EVENT_MS + 3_600_000);
  const rows: Record<string, unknown>[] = [];
  for await (const { key } of store.list("raw", ""))
    rows.push(...gunzipRows(await store.get({ stage: "raw", key }), key));
  // Which of them came without a time is kept as well: by their seqs, which a salvage keeps.
  const well = rows.filter((row) => row["sensor_id"] !== null);
  const numbers = well.map((row) => (Date.parse(String(row["timestamp"])) - FIRST_EVENT_MS) / 1_000);
  expect(well.length).toBeGreaterThan(COUNT * 0.9);
  expect(well.map((row) => row["time_quality"])).toEqual(numbers.map((n) => (n % 2 === 1 ? "arrival" : "ok")));
  const without = rows.filter((row) => row["extra"] === null).length;
  expect(without).toBeGreaterThan(COUNT / 2);
  expect(problem?.message).toMatch(/up to \d+ readings go out without the fields in "extra", which cannot be read/);
  expect(Number(/up to (\d+) readings go out/.exec(problem!.message)?.[1])).toBeGreaterThanOrEqual(without);
});
