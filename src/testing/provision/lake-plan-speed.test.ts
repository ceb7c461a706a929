/** How long the plan of a whole lake takes where every call costs what a network costs. */
import { expect } from "bun:test";
import { ROBOT } from "../../fake-workspace/world/settings.ts";
import { apply, endLakes, lakeTest, linesOf, startLake, world } from "../../provision/lake/lake.suite.ts";
import { makePlan } from "../../provision/plan.ts";

endLakes();

lakeTest(
  "the plan of all that is there takes less than 3 s where every call takes 50 ms",
  async () => {
    const lake = await startLake({ env: { AGENT_LAKE_READERS: "analysts", AGENT_LAKE_LOADER: ROBOT } });
    await apply(lake);
    lake.workspace.journal.clear();
    lake.workspace.set({ delayMs: 50, grantReadsThatLag: 0 });
    const real = { ...world(), now: () => performance.now(), wait: (ms: number) => Bun.sleep(ms) };
    const started = performance.now();
    const plan = await makePlan(await lake.sides(), { adopt: false }, real);
    const took = performance.now() - started;
    expect(linesOf(plan)).toEqual([]);
    expect(lake.workspace.journal.entries().length).toBeGreaterThan(40);
    expect(took).toBeLessThan(3_000);
  },
  60_000,
);
