/** Signals that are not SIGTERM, with the compiled binary and real terminals: nothing that was read is lost. */
import { Database } from "bun:sqlite";
import { afterAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const binaryTest = testWith("binary");
const unixTest = process.platform === "win32" ? binaryTest.skip : binaryTest;
const folder = mkdtempSync(join(tmpdir(), "agent-signals-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PATH = process.env["PATH"] ?? "";
const RUN = ["run", "--source", "simulator:?sensors=2&rate=50"];
const rule = (max: number) => JSON.stringify({ name: "hot", when: { range: { measure: "temperature", max } } });

function place(name: string): string {
  const cwd = join(folder, name);
  mkdirSync(join(cwd, "rules"), { recursive: true });
  writeFileSync(join(cwd, "rules", "a.json"), rule(60));
  return cwd;
}

function accepted(cwd: string): number {
  const db = new Database(join(cwd, "agent-data/buffer.db"), { readonly: true });
  try {
    return db.query<{ n: number }, []>("SELECT count(*) AS n FROM reading").get()?.n ?? 0;
  } finally {
    db.close();
  }
}

async function until(is: () => boolean, what: string): Promise<void> {
  for (const giveUp = performance.now() + ENOUGH_MS; !is(); await Bun.sleep(20))
    if (performance.now() > giveUp) throw new Error(`It never came so far: ${what}`);
}

unixTest(
  "SIGHUP reads the rules and .env again, says what changed and what waits for a restart, and ends nothing",
  async () => {
    const cwd = place("again");
    const env = { AGENT_COMMIT_MS: "100ms", AGENT_KEEP: "2h" };
    const agent = new AgentProcess({ args: RUN, cwd, env });
    expect(await agent.says("running:")).toBe(true);
    agent.kill("SIGHUP");
    expect(await agent.says("settings_same: ")).toBe(true);
    expect(await agent.says("rules_same: The rules were read again and are the same: version ")).toBe(true);

    writeFileSync(join(cwd, "rules", "a.json"), rule(61));
    writeFileSync(join(cwd, ".env"), "AGENT_LOG=debug\nAGENT_DRAIN=2s\nAGENT_BATCH_ROWS=77\nAGENT_KEEP=3h\n");
    agent.kill("SIGHUP");
    expect(await agent.says("rules_changed: ")).toBe(true);
    expect(agent.heard).toContain(
      "settings_changed: The settings were read again: AGENT_DRAIN 0ms -> 2s; AGENT_LOG info -> debug",
    );
    // AGENT_KEEP is that of the environment, whatever .env says.
    expect(agent.heard).toContain("settings_wait: These settings changed and need a restart: AGENT_BATCH_ROWS\n");

    writeFileSync(join(cwd, ".env"), "AGENT_LOG=loud\n");
    agent.kill("SIGHUP");
    expect(await agent.says('settings_refused: Cannot use AGENT_LOG "loud" (.env:')).toBe(true);
    expect(await agent.says("settings_kept: The settings in force do not change")).toBe(true);

    writeFileSync(join(cwd, ".env"), "AGENT_LOG=error\n");
    agent.kill("SIGHUP");
    expect(await agent.says("AGENT_LOG debug -> error")).toBe(true);
    const seen = accepted(cwd);
    await until(() => accepted(cwd) > seen, "the agent takes readings after SIGHUP");
    agent.kill("SIGTERM");
    expect(await agent.ended).toMatchObject({ code: 0, signal: null });
    expect(agent.heard).not.toContain("stopped:");
  },
);

unixTest("signals whose default would end the agent, and that ask for nothing, mean nothing", async () => {
  const cwd = place("meaningless");
  const agent = new AgentProcess({ args: RUN, cwd, env: { AGENT_COMMIT_MS: "100ms" } });
  expect(await agent.says("running:")).toBe(true);
  const meaningless = ["SIGUSR1", "SIGUSR2", "SIGUSR1", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGXFSZ"] as const;
  for (const signal of meaningless) {
    const seen = accepted(cwd);
    agent.kill(signal);
    await until(() => accepted(cwd) > seen, `the agent takes readings after ${signal}`);
  }
  agent.kill("SIGTERM");
  expect(await agent.ended).toMatchObject({ code: 0, signal: null });
  expect(agent.heard).not.toMatch(/inspector|debugger/i);
});

for (const signal of ["SIGQUIT", "SIGXCPU"] as const) {
  unixTest(`${signal} stops the agent in order: what was read is committed`, async () => {
    const cwd = place(`orderly-${signal}`);
    const agent = new AgentProcess({ args: RUN, cwd, env: { AGENT_COMMIT_MS: "60s" } });
    expect(await agent.says("running:")).toBe(true);
    await Bun.sleep(1_000);
    agent.kill(signal);
    expect(await agent.ended).toMatchObject({ code: 0, signal: null });
    expect(accepted(cwd)).toBeGreaterThan(0);
  });
}

type OnTerminal = { readonly child: Bun.Subprocess; readonly shown: () => string };

function onTerminal(program: readonly string[], cwd: string, env: Record<string, string>): OnTerminal {
  let text = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn([...program], {
    cwd,
    env: { PATH, TERM: "xterm", ...env },
    terminal: {
      data: (_, bytes) => {
        text += decoder.decode(bytes, { stream: true });
      },
    },
  });
  return { child, shown: () => text };
}

unixTest(
  "closing the terminal of a running agent stops it in order: the readings that it took are committed",
  async () => {
    const cwd = place("closed");
    // Nothing is committed for a minute, unless the agent stops in order.
    const { child, shown } = onTerminal([AGENT_BINARY, ...RUN], cwd, { AGENT_COMMIT_MS: "60s" });
    await until(() => shown().includes("Taking simulator:"), "the agent runs");
    await Bun.sleep(500);
    expect(accepted(cwd)).toBe(0);
    child.terminal?.close();
    expect([await child.exited, child.signalCode]).toEqual([0, null]);
    expect(accepted(cwd)).toBeGreaterThan(10);
  },
);

unixTest("the same below a shell, which passes the signal on", async () => {
  const cwd = place("shell");
  const { child, shown } = onTerminal(
    ["/bin/sh", "-c", `"${AGENT_BINARY}" ${RUN.map((word) => `'${word}'`).join(" ")}; true`],
    cwd,
    {
      AGENT_COMMIT_MS: "60s",
    },
  );
  await until(() => shown().includes("Taking simulator:"), "the agent runs");
  await Bun.sleep(500);
  child.terminal?.close();
  await child.exited;
  await until(() => accepted(cwd) > 10, "what was read is committed");
});

unixTest("under nohup an agent outlives its terminal", async () => {
  const cwd = place("nohup");
  const { child } = onTerminal(["nohup", AGENT_BINARY, ...RUN], cwd, { AGENT_COMMIT_MS: "100ms" });
  const hasBegun = () => Bun.spawnSync(["grep", "-q", "running:", join(cwd, "nohup.out")]).exitCode === 0;
  await until(hasBegun, "the agent runs");
  child.terminal?.close();
  await Bun.sleep(300);
  const seen = accepted(cwd);
  await until(() => accepted(cwd) > seen, "the agent takes readings without its terminal");
  child.kill("SIGTERM");
  expect([await child.exited, child.signalCode]).toEqual([0, null]);
});
