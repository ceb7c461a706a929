/** A binary that was copied alone gets a folder of rules while it runs. */
import { afterAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const binaryTest = testWith("binary");
const cwd = mkdtempSync(join(tmpdir(), "agent-alone-"));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
const env = { AGENT_COMMIT_MS: "50ms", PATH: process.env["PATH"] ?? "" };
const start = () => new AgentProcess({ args: ["run", "--source", "simulator:?sensors=2&rate=50"], cwd, env });

type Status = { health: string; rules: { count: number; refused: unknown[] } };

async function status(is: (status: Status) => boolean): Promise<Status> {
  for (const giveUp = performance.now() + ENOUGH_MS; ; await Bun.sleep(100)) {
    const done = Bun.spawnSync([AGENT_BINARY, "status", "--json"], { cwd, env });
    const found = JSON.parse(done.stdout.toString()) as Status;
    if (is(found) || performance.now() > giveUp) return found;
  }
}

binaryTest(
  "./rules is watched before it is there, its first rule file is logged with what it replaces, a restart keeps it",
  async () => {
    let agent = start();
    expect(await agent.says("running:")).toBe(true);
    mkdirSync(join(cwd, "rules"));
    expect(await agent.says("rules_empty: rules/ has no rule file yet: the 23 built-in rules stay in force")).toBe(
      true,
    );
    writeFileSync(join(cwd, "rules", "a.json"), "{");
    expect(await agent.says("rules_kept: ")).toBe(true);
    expect(await status(({ health }) => health === "degraded")).toMatchObject({ rules: { count: 23, refused: [{}] } });
    const rule = { name: "hot", when: { range: { measure: "temperature", max: 60 } } };
    writeFileSync(join(cwd, "rules", "a.json"), JSON.stringify(rule));
    expect(await agent.says("rules_appeared: rules/ appeared: its 1 rule replaces the 23 built-in ones")).toBe(true);
    expect(await agent.says("rules_changed: ")).toBe(true);
    expect(await status(({ health }) => health === "ok")).toMatchObject({ rules: { count: 1, refused: [] } });
    agent.kill("SIGTERM");
    expect((await agent.ended).code).toBe(0);

    agent = start();
    expect(await agent.says("running:")).toBe(true);
    expect(agent.heard).not.toContain("rules_appeared");
    rmSync(join(cwd, "rules"), { recursive: true });
    // It was in force: the rules in the binary replace it only when the user says so.
    expect(await agent.says("rules_kept: ")).toBe(true);
    expect(await status(({ health }) => health === "degraded")).toMatchObject({ rules: { count: 1, refused: [{}] } });
    agent.kill("SIGTERM");
    expect((await agent.ended).code).toBe(0);
  },
);
