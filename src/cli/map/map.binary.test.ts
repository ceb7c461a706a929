/** `agent map try` as it is in a pipe. */
import { afterAll, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-map-binary-"));
afterAll(() => rmSync(folder, { recursive: true }));
const binaryTest = testWith("binary");

writeFileSync(join(folder, "map.json"), '{"timestamp": {"missing": "arrival"}}');
const LINE = '{"sensor_id":"a","temperature":1}\n';

function tried() {
  return Bun.spawn([AGENT_BINARY, "map", "try", "map.json"], {
    cwd: folder,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    env: {},
  });
}

binaryTest("a trial of a pipe shows each line as it comes, and a signal ends it with the summary", async () => {
  const agent = tried();
  agent.stdin.write(LINE);
  await agent.stdin.flush();
  const reader = agent.stdout.getReader();
  let shown = "";
  while (!shown.includes("temperature 1 °C")) shown += new TextDecoder().decode((await reader.read()).value);
  agent.kill("SIGTERM");
  for (let next = await reader.read(); !next.done; next = await reader.read())
    shown += new TextDecoder().decode(next.value);
  expect([await agent.exited, shown.split("\n").slice(-3)]).toEqual([
    0,
    ["1 record: 1 reading of 1 sensor.", "1 reading came without a time, and would have that of its arrival.", ""],
  ]);
  agent.stdin.end();
});

binaryTest("an endless pipe is tried up to the limit", async () => {
  const agent = tried();
  agent.stdin.write(LINE.repeat(2_000));
  await agent.stdin.flush();
  expect(await agent.exited).toBe(0);
  expect(await new Response(agent.stdout).text()).toContain("only its first 1,000 records were tried");
  agent.stdin.end();
});
