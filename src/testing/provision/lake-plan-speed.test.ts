/** How long the plan of a whole lake takes where every call costs what a network costs. */
import { expect } from "bun:test";
import { ROBOT } from "../../fake-workspace/world/settings.ts";
import { apply, endLakes, lakeTest, linesOf, startLake, world } from "../../provision/lake/lake.suite.ts";
import { makePlan } from "../../provision/plan.ts";
import { CALL_MS, WAITING_LIMIT_MS, waitingMs } from "./latency.ts";

endLakes();

lakeTest(
  "the plan of all that is there waits less than 1 s for its calls where each takes 50 ms",
  async () => {
    const lake = await startLake({ env: { AGENT_LAKE_READERS: "analysts", AGENT_LAKE_LOADER: ROBOT } });
    await apply(lake);
    const real = { ...world(), now: () => performance.now(), wait: (ms: number) => Bun.sleep(ms) };
    const setDelay = (delayMs: number) => lake.workspace.set({ delayMs, grantReadsThatLag: 0 });
    const waited = await waitingMs(setDelay, async () => {
      lake.workspace.journal.clear();
      const startedMs = performance.now();
      const plan = await makePlan(await lake.sides(), { adopt: false }, real);
      expect(linesOf(plan)).toEqual([]);
      return performance.now() - startedMs;
    });
    // One after the other they would take longer.
    expect(lake.workspace.journal.entries().length * CALL_MS).toBeGreaterThan(WAITING_LIMIT_MS);
    expect(waited).toBeLessThan(WAITING_LIMIT_MS);
  },
  600_000,
);
