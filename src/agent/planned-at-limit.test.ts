/** A buffer at its limit promises what its windows went out with, also when nothing is left to drop. */
import { expect } from "bun:test";
import { startFakeNode } from "../testing/fake-node.ts";
import { testWith } from "../testing/needs.ts";

testWith("time")(
  "what is promised at the limit is delivered, not only at the next start",
  async () => {
    const env = { AGENT_BUFFER_MAX_BYTES: "1MiB", AGENT_BUFFER_FULL: "drop-oldest", AGENT_WINDOW_KEEP: "365d" };
    const left: unknown[] = [];
    for (let count = 10_950; count <= 11_550; count += 100) {
      const node = await startFakeNode({ count, env });
      const { parts } = node.opened;
      node.store.state = "down";
      for (let i = 0; i < 400 && node.source.taken < count; i++) await node.drive(50, 1);
      node.store.state = "up";
      for (let i = 0; i < 400 && !(parts.outbox.unplanned === 0 && parts.delivery.isIdle); i++)
        await node.drive(250, 1);
      left.push(...parts.outbox.open(1).map(({ key }) => `${count}: ${key}`));
      await node.end();
    }
    expect(left).toEqual([]);
  },
  300_000,
);
