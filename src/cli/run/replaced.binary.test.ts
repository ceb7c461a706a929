/** The compiled binary, whose file is replaced while it runs. */
import { afterAll, expect } from "bun:test";
import {
  closeSync,
  copyFileSync,
  linkSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS, killAllAgents } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const cwd = mkdtempSync(join(tmpdir(), "agent-replaced-"));
afterAll(() => {
  killAllAgents();
  rmSync(cwd, { recursive: true, force: true });
});
const PROGRAM = join(cwd, "agent");
const PREVIOUS = join(cwd, "agent.previous");

type StatusJson = { readonly health: string; readonly problems: readonly { readonly code: string }[] };
const start = (env: Readonly<Record<string, string>> = {}) =>
  new AgentProcess({
    program: PROGRAM,
    args: ["run", "--source", "simulator:?sensors=2&rate=20"],
    cwd,
    env: { AGENT_EXIT_WHEN_REPLACED: "on", AGENT_COMMIT_MS: "50ms", ...env },
  });

async function problems(until: (codes: readonly string[]) => boolean): Promise<readonly string[]> {
  for (const giveUp = performance.now() + ENOUGH_MS; ; await Bun.sleep(200)) {
    const asked = Bun.spawnSync([PREVIOUS, "status", "--json"], { cwd });
    const text = asked.stdout.toString();
    const codes = text === "" ? [] : (JSON.parse(text) as StatusJson).problems.map(({ code }) => code);
    if (until(codes) || performance.now() > giveUp) return codes;
  }
}

testWith("binary", "time")(
  "half a binary is reported and changes nothing; when it is whole, the agent ends in order and the next one runs",
  async () => {
    copyFileSync(AGENT_BINARY, PROGRAM);
    linkSync(PROGRAM, PREVIOUS);
    let agent = start();
    expect(await agent.says("running:")).toBe(true);

    // As a copy over a slow network: under its own name, a part first.
    const bytes = readFileSync(AGENT_BINARY);
    const half = Math.floor(bytes.length / 2);
    rmSync(PROGRAM);
    const file = openSync(PROGRAM, "w", 0o755);
    writeSync(file, bytes, 0, half);
    closeSync(file);
    expect(await agent.says("binary_unusable: ")).toBe(true);
    expect(await problems((codes) => codes.includes("binary_unusable"))).toContain("binary_unusable");
    const rest = openSync(PROGRAM, "a");
    writeSync(rest, bytes, half, bytes.length - half);
    closeSync(rest);
    const end = await agent.ended;
    expect([end.code, agent.heard]).toEqual([
      0,
      expect.stringMatching(/binary_replaced: .* is another binary now, agent \d\S+( commit [0-9a-f]{12})?:/),
    ]);
    expect(agent.heard).toContain("stopped: Stopped; the next start delivers the rest");

    agent = start({ AGENT_ROLLED_BACK_FROM: "agent 9.9.9", AGENT_DASHBOARD: "127.0.0.1:0" });
    expect(await agent.says("running:")).toBe(true);
    expect(await problems((codes) => codes.length > 0)).toEqual(["binary_rolled_back"]);
    const [, port = ""] = /listening: .*127\.0\.0\.1:(\d+)\//.exec(agent.heard) ?? [];
    expect(await (await fetch(`http://127.0.0.1:${port}/healthz`)).text()).toContain('"binary_rolled_back"');
    // The usual way: whole, then renamed over it.
    copyFileSync(AGENT_BINARY, `${PROGRAM}.new`);
    renameSync(`${PROGRAM}.new`, PROGRAM);
    expect((await agent.ended).code).toBe(0);
  },
  ENOUGH_MS * 4,
);

testWith("binary", "time")(
  "an agent that waits for the lock ends too when its binary is replaced",
  async () => {
    copyFileSync(AGENT_BINARY, `${PROGRAM}.new`);
    renameSync(`${PROGRAM}.new`, PROGRAM);
    const holder = start({ AGENT_EXIT_WHEN_REPLACED: "off" });
    expect(await holder.says("running:")).toBe(true);
    const waiting = start();
    expect(await waiting.says("waiting_for_lock")).toBe(true);
    copyFileSync(AGENT_BINARY, `${PROGRAM}.new`);
    renameSync(`${PROGRAM}.new`, PROGRAM);
    expect([(await waiting.ended).code, holder.end]).toEqual([0, null]);
    holder.kill("SIGTERM");
    expect((await holder.ended).code).toBe(0);
  },
  ENOUGH_MS * 4,
);
