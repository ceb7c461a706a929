/** How long the plan of a whole set-up of both clouds takes where every call costs what a network costs. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { BothClouds } from "../testing/provision/both-clouds.ts";
import { CALL_MS, WAITING_LIMIT_MS, waitingMs } from "../testing/provision/latency.ts";

setDefaultTimeout(1_800_000);

let clouds: BothClouds;
beforeAll(async () => {
  if (BothClouds.canRun) clouds = await BothClouds.start();
});
afterAll(async () => {
  if (BothClouds.canRun) await clouds.stop();
});

test.skipIf(!BothClouds.canRun)(
  "the plan of both clouds, all there, waits less than 1 s for its calls where each takes 50 ms",
  async () => {
    const { aws, workspace } = clouds;
    await clouds.reset();
    expect((await clouds.run(["apply", "--yes"])).code).toBe(0);
    const setDelay = (delayMs: number) => {
      workspace.set({ delayMs, grantReadsThatLag: 0 });
      aws.proxy.delayMs = delayMs;
    };
    const waited = await waitingMs(setDelay, async () => {
      aws.proxy.seen.length = 0;
      workspace.journal.clear();
      const startedMs = performance.now();
      const plan = await clouds.run(["plan"]);
      expect([plan.code, plan.stdout]).toEqual([
        0,
        expect.stringMatching(/^( {2}note access key .*\n)*Nothing to do: \d+ as they should be\.\n$/),
      ]);
      return performance.now() - startedMs;
    });
    const [awsCalls, lakeCalls] = [aws.proxy.seen.length, workspace.journal.entries().length];
    console.log(`${awsCalls} calls to AWS (the workspace's own among them), ${lakeCalls} to Databricks`);
    expect(waited).toBeLessThan(WAITING_LIMIT_MS);
    // Each at 50 ms, one after the other, it would be more than 5 s: so they are made at once.
    expect((awsCalls + lakeCalls) * CALL_MS).toBeGreaterThan(5_000);
  },
);
