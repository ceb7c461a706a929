/** What the tests of the compiled `agent provision` in AWS share: whether they can run, and the account that they run in. */
import { afterAll, beforeAll, beforeEach, test } from "bun:test";
import { existsSync } from "node:fs";
import { AGENT_BINARY } from "../agent-process.ts";
import { findS3Server } from "../s3-server.ts";
import { ProvisionWorld } from "./world.ts";

/** moto and the binary are there. */
export const CAN_PROVISION = findS3Server("moto") !== null && existsSync(AGENT_BINARY);

/**
 * Called once by each test file: `give` gets the account before the first test, and it ends with the last; `emptyEach`
 * empties it before each. Answers `test`, or what skips and says so where they cannot run.
 */
export function testsInAccount(give: (world: ProvisionWorld) => void, { emptyEach = false } = {}): typeof test {
  sayIfSkipped();
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

export function sayIfSkipped(): void {
  if (CAN_PROVISION) return;
  console.warn("skipped: moto or dist/agent is not there; run scripts/setup-servers and `bun run build`");
}
