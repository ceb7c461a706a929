/** The compiled binary on a node that never had rules, with a folder of rules that is refused. */
import { afterAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-first-rules-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const RULE = '{ "name": "r", "when": { "range": { "measure": "temperature", "max": 60 } } }';

const status = (cwd: string) => Bun.spawnSync([AGENT_BINARY, "status", "--line"], { cwd, env: {} }).stdout.toString();

testWith("binary")(
  "an agent waits for its first rules, takes nothing, says so, and begins when they are valid; a stop ends the wait",
  async () => {
    const cwd = mkdtempSync(join(folder, "node-"));
    mkdirSync(join(cwd, "rules"));
    writeFileSync(join(cwd, "rules", "a.json"), RULE.replace("when", "whne"));
    const start = (...more: readonly string[]) =>
      new AgentProcess({ args: ["run", "--source", "simulator:?rate=50", ...more], cwd, env: { AGENT_NODE_ID: "n" } });
    const stopped = start();
    expect(await stopped.says("rules_wait: ")).toBe(true);
    expect(stopped.heard).toMatch(/rules_refused: rules\/a\.json:1:\d+: whne: /);
    stopped.kill("SIGTERM");
    expect((await stopped.ended).code).toBe(0);
    const agent = start();
    expect(await agent.says("rules_wait: ")).toBe(true);
    expect(status(cwd)).toMatch(
      /^n waiting .* pending=0 .* problem=rules_refused why="The rules folder is refused, and/,
    );
    writeFileSync(join(cwd, "rules", "a.json"), RULE);
    expect(await agent.says("running: ")).toBe(true);
    expect(agent.heard).toContain("rules_found: ");
    expect(status(cwd)).not.toContain("rules_refused");
    agent.kill("SIGTERM");
    expect((await agent.ended).code).toBe(0);
  },
  ENOUGH_MS,
);

testWith("binary")("a run that a person waits for does not wait: exit 2", async () => {
  for (const end of [["--once"], ["--for", "10s"]]) {
    const cwd = mkdtempSync(join(folder, "short-"));
    const args = ["run", "--source", "simulator:?count=5", "--rules", "nowhere", ...end];
    const agent = new AgentProcess({ args, cwd, env: {} });
    expect([end, (await agent.ended).code]).toEqual([end, 2]);
    expect(agent.heard).toMatch(/^Cannot use rules "nowhere":\n.*\nTry: agent rules check nowhere\n$/);
  }
});
