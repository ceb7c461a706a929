/** Parked batches are sent again: by the command where no agent runs, else by the agent. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { AgentError } from "../../core/errors.ts";
import { resolveSettings } from "../../core/settings/settings.ts";
import { audit, doubles, unsorted } from "../../testing/audit.ts";
import { SwitchedStore, startFakeNode } from "../../testing/fake-node.ts";
import { TestNode } from "../../verify/node.suite.ts";
import { see } from "../frame/command-line.suite.ts";
import { COMMANDS } from "../frame/commands.ts";
import { requeue } from "./requeue.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const seen = (argv: readonly string[]) => see([...argv, "--data-dir", node.dataDir], COMMANDS);

function park(count: number): void {
  node.take(count);
  node.plan();
  for (const batch of node.outbox.open(100)) node.outbox.park(batch, "out of quota", node.nowMs);
}

test("without an agent the command itself sends them again, once", async () => {
  park(50);
  const parked = await seen(["buffer", "stats"]);
  expect(parked.stdout).toContain("out of quota");
  expect(parked.stdout).toContain("Try: agent buffer requeue");
  const stats = JSON.parse((await seen(["buffer", "stats", "--json"])).stdout);
  expect(stats).toMatchObject({ node_id: "edge-7", accepted: 50, stages: { raw: { parked: 50, pending: 0 } } });
  const told = JSON.parse((await seen(["buffer", "requeue", "--json"])).stdout);
  expect(told).toEqual({ done: "requeued", batches: stats.parked.length, rows: expect.any(Number), by: null });
  expect(JSON.parse((await seen(["buffer", "stats", "--json"])).stdout)).toMatchObject({
    stages: { raw: { parked: 0, pending: 50 } },
    parked: [],
  });
  const again = await seen(["buffer", "requeue"]);
  expect([again.code, again.stderr]).toEqual([0, ["Nothing is parked: the store refused no batch of this buffer."]]);
});

test("where there is no buffer the call is wrong", async () => {
  const { code, stderr } = await seen(["buffer", "requeue", "--data-dir", join(node.dataDir, "nowhere")]);
  expect(code).toBe(2);
  expect(stderr[0]).toContain("Cannot");
});

/** Refuses the first window, whenever it is sent. */
class RefusingStore extends SwitchedStore {
  refuses = true;
  #key: string | null = null;
  override async put(...given: Parameters<SwitchedStore["put"]>) {
    const [{ stage, key }] = given;
    if (stage === "aggregated") this.#key ??= key;
    if (!this.refuses || key !== this.#key) return await super.put(...given);
    await new Promise((resolve) => setImmediate(resolve));
    throw new AgentError("refused by a rule of the bucket");
  }
}

test("a running agent is asked, does it, and everything arrives once; one that does not answer keeps the request", async () => {
  const store = new RefusingStore();
  const running = await startFakeNode({ count: 601, now: 600, store });
  await running.drive(10_000, 30);
  expect(running.opened.parts.delivery.parked).toBeGreaterThan(0);
  const lines: string[] = [];
  const context = {
    typed: "agent buffer requeue",
    settings: resolveSettings({ flags: { "data-dir": running.dataDir } }),
    env: {},
    cwd: "/",
    write: async (data: string | Uint8Array) => void lines.push(String(data)),
    say: (line: string) => void lines.push(line),
    terminal: false,
    stop: new AbortController().signal,
  };
  store.refuses = false;
  expect(await requeue(false, context, 0)).toBe(1);
  expect(lines.at(-1)).toContain("it has not answered yet");
  const asked = requeue(true, context, 60_000);
  await running.drive(1_000, 20);
  expect(await asked).toBe(0);
  const told = JSON.parse(lines.at(-1) ?? "");
  expect(told).toMatchObject({ done: "requeued", by: process.pid });
  running.source.release(1);
  await running.drive(10_000, 30);
  const found = await audit(store);
  expect([found.ids.raw.size, doubles(found), unsorted(found)]).toEqual([601, [], []]);
  const records = [...found.windows.values()].reduce((sum, window) => sum + window.records, 0);
  expect(records).toBe(found.ids.validated.size);
  expect(running.opened.parts.buffer.db.query("SELECT id FROM batch WHERE state <> 'delivered'").all()).toEqual([]);
  await running.end();
});
