/** What the tests of the compiled `agent provision` in AWS share: whether they can run, and the account that they run in. */
import { afterAll, beforeAll, beforeEach, test } from "bun:test";
import { canRun } from "../needs.ts";
import { ProvisionWorld } from "./world.ts";

/** moto and the binary are there. */
export const CAN_PROVISION = canRun("moto", "binary");

/**
 * Called once by each test file: `give` gets the account before the first test, and it ends with the last; `emptyEach`
 * empties it before each. Answers `test`, or what skips and says so where they cannot run.
 */
export function testsInAccount(give: (world: ProvisionWorld) => void, { emptyEach = false } = {}): typeof test {
  let world: ProvisionWorld | null = null;
  beforeAll(async () => {
    if (!CAN_PROVISION) return;
    world = await ProvisionWorld.start();
    give(world);
  });
  if (emptyEach) {
    beforeEach(async () => {
      await world?.reset();
    });
  }
  afterAll(async () => {
    await world?.stop();
  });
  return test.skipIf(!CAN_PROVISION) as typeof test;
}
