/** How long the plan of a whole lake takes where every call costs what a network costs. */
import { expect } from "bun:test";
import { ROBOT } from "../../fake-workspace/world/settings.ts";
import { apply, endLakes, lakeTest, linesOf, startLake, world } from "../../provision/lake/lake.suite.ts";
import { makePlan } from "../../provision/plan.ts";
import { quickest } from "../quickest.ts";

endLakes();

lakeTest(
  "the plan of all that is there takes less than 3 s where every call takes 50 ms",
  async () => {
    const lake = await startLake({ env: { AGENT_LAKE_READERS: "analysts", AGENT_LAKE_LOADER: ROBOT } });
    await apply(lake);
    lake.workspace.set({ delayMs: 50, grantReadsThatLag: 0 });
    const real = { ...world(), now: () => performance.now(), wait: (ms: number) => Bun.sleep(ms) };
    const tookMs = await quickest(3_000, async () => {
      lake.workspace.journal.clear();
      const startedMs = performance.now();
      const plan = await makePlan(await lake.sides(), { adopt: false }, real);
      expect(linesOf(plan)).toEqual([]);
      expect(lake.workspace.journal.entries().length).toBeGreaterThan(40);
      return performance.now() - startedMs;
    });
    expect(tookMs).toBeLessThan(3_000);
  },
  60_000,
);
