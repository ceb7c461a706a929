import { afterEach, beforeEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../uplink/open-store.ts";
import { TestNode } from "../../verify/node.suite.ts";
import { see } from "../frame/command-line.suite.ts";
import { COMMANDS } from "../frame/commands.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const lake = () => join(node.dataDir, "lake");
const verified = (...more: string[]) =>
  see(["verify", "--line", ...more], COMMANDS, {
    env: { AGENT_DATA_DIR: node.dataDir, AGENT_STORE: `dir:${lake()}`, S3_BUCKET_PREFIX: "acme" },
    cwd: node.dataDir,
  });
const deliver = async () => {
  const place = { prefix: "acme", region: "us-west-2", env: {}, putTimeoutMs: 1_000, cwd: node.dataDir };
  await node.takeAndDeliver(await openStore(`dir:${lake()}`, place), 300);
};

test("a node that is well is one line that says so", async () => {
  await deliver();
  const { code, stdout } = await verified();
  expect([code, stdout]).toEqual([
    0,
    "edge-7 ok accepted=300 raw=300 pending=0 missing=0 double=0 parked=0 lost=0 epochs=1\n",
  ]);
  node.take(20);
  const later = await verified();
  expect([later.code, later.stdout]).toEqual([0, expect.stringMatching(/^edge-7 ok accepted=320 .* pending=20 /)]);
});

test("what is missing makes it wrong, names it and exits 1", async () => {
  await deliver();
  rmSync(join(lake(), "acme-raw-data-us-west-2"), { recursive: true });
  const { code, stdout } = await verified();
  expect([code, stdout]).toEqual([
    1,
    expect.stringMatching(/^edge-7 wrong accepted=300 raw=0 .* missing=300 .* why="raw: missing seq 1-300"\n$/),
  ]);
});

test("a node that could not look says so in its line, and exits 2", async () => {
  const { code, stdout, stderr } = await verified("--data-dir", join(node.dataDir, "none"));
  expect([code, stdout]).toEqual([2, expect.stringMatching(/^- unknown why="Cannot .{10,280}"\n$/)]);
  expect(stdout.length).toBeLessThanOrEqual(300);
  expect(stderr.length).toBeGreaterThan(0);
  expect((await verified("--json")).code).toBe(2);
});
