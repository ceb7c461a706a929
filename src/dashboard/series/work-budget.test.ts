import { expect, test } from "bun:test";
import fc from "fast-check";
import { cases } from "../../testing/needs.ts";
import { WorkBudget } from "./work-budget.ts";

test("after a burst, work takes no more than its share of the time, however it is cut", () => {
  const works = fc.array(fc.record({ workMs: fc.double({ min: 0, max: 50, noNaN: true }), idleMs: fc.nat(200) }));
  fc.assert(
    fc.property(works, (all) => {
      const budget = new WorkBudget({ burstMs: 100, share: 0.05 }, 0);
      let now = 0;
      let worked = 0;
      for (const { workMs, idleMs } of all) {
        now += budget.waitMs(now) + idleMs + workMs;
        worked += workMs;
        budget.spend(workMs, now);
        // One piece of work may go beyond it, and is waited for.
        expect(worked).toBeLessThanOrEqual(100 + 50 + now * 0.05 + 1e-6);
      }
    }),
    { numRuns: cases(300) },
  );
});
