/** The short form of `scripts/power-cuts`: 30 cuts and their control. */
import { expect } from "bun:test";
import { join } from "node:path";
import { canRun, testWith } from "../../src/testing/needs.ts";

const MAIN = join(import.meta.dir, "main.ts");
const CUTS = 30;

if (process.env["AGENT_TEST"] === "all" && !canRun("FUSE")) console.warn("!!! SKIPPED: power cuts (no FUSE) !!!");

testWith("time", "binary", "FUSE")(
  "after a power cut at any moment nothing is lost, doubled or torn, and a disk that lies about its syncs is found out",
  async () => {
    const seed = process.env["SEED"] ?? String(Date.now() % 1_000_000);
    const run = Bun.spawn(["unshare", "--mount", process.execPath, MAIN, "--cuts", String(CUTS), "--seed", seed], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    const said = await new Response(run.stderr).text();
    console.error(said);
    expect([await run.exited, said]).toEqual([
      0,
      expect.stringMatching(/seed \d+: 0 differences after [3-9]\d cuts; control: [1-9]/),
    ]);
  },
  1_200_000,
);
