import { expect, test } from "bun:test";
import { makeLog } from "../core/log/log.ts";
import { resolveSettings } from "../core/settings/settings.ts";
import type { Heartbeat } from "../fleet/heartbeat.ts";
import { startFakeNode } from "../testing/fake-node.ts";
import { RunHeartbeat } from "./heartbeat.ts";

test("no heartbeat follows the last one, however slow the store", async () => {
  const node = await startFakeNode({ count: 1, now: 0 });
  const told: string[] = [];
  const answers: (() => void)[] = [];
  const replace = async (_: string, body: Uint8Array) => {
    told.push((JSON.parse(Buffer.from(body).toString()) as Heartbeat).state);
    await new Promise<void>((resolve) => answers.push(resolve));
  };
  const store = Object.assign(Object.create(node.store), { metadata: { ...node.store.metadata, replace } });
  const opened = Object.create(node.opened, { store: { value: store } });
  const settings = { ...resolveSettings({ flags: { "data-dir": node.dataDir }, env: {} }), heartbeat: 0 };
  const log = makeLog({ least: "error", secrets: [], now: () => 0, write: () => undefined });
  const heartbeat = new RunHeartbeat(settings, node.dataDir, log);
  // Enough turns for a timer of 0 ms.
  const turns = () => node.drive(0, 500);
  heartbeat.begin(opened);
  await turns();
  const ended = heartbeat.end(opened, true);
  answers.shift()!();
  await turns();
  expect(told).toEqual(["running", "stopped"]);
  answers.shift()!();
  await ended;
  await turns();
  expect(told).toEqual(["running", "stopped"]);
  await node.end();
});
