import { expect } from "bun:test";
import { audit } from "../testing/audit.ts";
import { startFakeNode } from "../testing/fake-node.ts";
import { testWith } from "../testing/needs.ts";

/** CPU time of a node that takes `count` readings, each of a sensor that none before was of, 60 in a window, and delivers all. */
async function costOf(count: number): Promise<number> {
  const before = process.cpuUsage();
  const node = await startFakeNode({ count, everNew: true, env: { AGENT_COMMIT_ROWS: "1000" } });
  const { parts } = node.opened;
  const isDone = () => node.source.taken === count && parts.outbox.unplanned === 0 && parts.delivery.isIdle;
  for (let i = 0; i < 2_000 && !isDone(); i++) await node.drive(250, 1);
  await node.drive(60_000, 20);
  const { user, system } = process.cpuUsage(before);
  const { ids, windows } = await audit(node.store);
  expect([ids.raw.size, windows.size]).toEqual([count, count - Math.floor(count / 50)]);
  await node.end();
  return user + system;
}

testWith("time")(
  "four times as many readings of ever-new sensors cost about four times as much",
  async () => {
    await costOf(2_000);
    const few = await costOf(4_000);
    const many = await costOf(16_000);
    expect(many / few).toBeLessThan(8);
  },
  300_000,
);
