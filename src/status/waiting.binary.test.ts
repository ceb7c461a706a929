/** The compiled binary: an agent that waits before it can begin says so, in its log, on /healthz and in `agent status`. */
import { afterAll, afterEach, expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS } from "../testing/agent-process.ts";
import { testWith } from "../testing/needs.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-waiting-"));
let agents: AgentProcess[] = [];
afterEach(async () => {
  for (const agent of agents) agent.kill("SIGKILL");
  await Promise.all(agents.map(({ ended }) => ended));
  agents = [];
}, ENOUGH_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RUN = ["run", "--source", "simulator:?sensors=1&rate=10", "--dashboard"];
function start(cwd: string, dashboard = "off"): AgentProcess {
  const agent = new AgentProcess({ args: [...RUN, dashboard], cwd, env: { AGENT_NODE_ID: "edge-7" } });
  agents.push(agent);
  return agent;
}

type AskedStatus = { code: number; line: string; said: string };
function ask(cwd: string, ...more: readonly string[]): AskedStatus {
  const env = { PATH: process.env["PATH"] ?? "" };
  const done = Bun.spawnSync([AGENT_BINARY, "status", ...more], { cwd, env });
  return { code: done.exitCode, line: done.stdout.toString(), said: done.stderr.toString() };
}

async function until(cwd: string, is: RegExp): Promise<AskedStatus> {
  for (const giveUp = performance.now() + ENOUGH_MS; ; await Bun.sleep(50)) {
    const asked = ask(cwd, "--line");
    if (is.test(asked.line) || performance.now() > giveUp) return asked;
  }
}

const newFolder = () => mkdtempSync(join(folder, "node-"));

testWith("binary", "time")(
  "an agent that waits for the lock is shown with both pids; when it is killed or takes over, it is not",
  async () => {
    const cwd = newFolder();
    const first = start(cwd);
    expect(await first.says("running: ")).toBe(true);
    expect((await until(cwd, / ok /)).line).toStartWith("edge-7 ok ");
    const killed = start(cwd);
    expect(await killed.says("waiting_for_lock: ")).toBe(true);
    const seen = await until(cwd, /waiting_for_lock/);
    expect(seen.line).toMatch(/^edge-7 degraded .* problem=waiting_for_lock why="The agent with pid \d+ on host/);
    const { pid, waiting, problems } = JSON.parse(ask(cwd, "--json").line);
    expect([pid, waiting.pid, waiting.for]).toEqual([first.pid, killed.pid, "waiting_for_lock"]);
    expect(problems[0].message).toContain(`the agent with pid ${first.pid} `);
    killed.kill("SIGKILL");
    await killed.ended;
    expect((await until(cwd, / ok /)).line).toStartWith("edge-7 ok ");
    const next = start(cwd, "127.0.0.1:0");
    expect((await until(cwd, /waiting_for_lock/)).line).toContain(`pid ${next.pid} `);
    expect(await next.says("listening: ")).toBe(true);
    const at = /listening: .*(http:\/\/127\.0\.0\.1:\d+)\//.exec(next.heard)?.[1];
    const health = (await (await fetch(`${at}/healthz`)).json()) as { problems: { code: string; message: string }[] };
    expect(health.problems).toMatchObject([{ code: "waiting_for_lock" }]);
    first.kill("SIGTERM");
    expect(await next.says("running: ")).toBe(true);
    expect((await until(cwd, / ok /)).line).toStartWith("edge-7 ok ");
    expect(existsSync(join(cwd, "agent-data", "waiting.json"))).toBe(false);
  },
  ENOUGH_MS,
);

testWith("binary", "time", "small disks")(
  "a data dir that cannot be used is named by status: with a buffer and without one, whether a note can be written or not",
  async () => {
    const cwd = newFolder();
    const data = join(cwd, "agent-data");
    mkdirSync(data);
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=16m,nr_inodes=4", "tmpfs", data]).exitCode).toBe(0);
    try {
      const agent = start(cwd);
      expect(await agent.says("data_dir_waits")).toBe(true);
      const none = await until(cwd, / waiting /);
      expect([none.code, none.line]).toEqual([2, expect.stringMatching(/^- waiting .* problem=disk_full why=/)]);
      expect(none.said).toContain(`the agent with pid ${agent.pid} on host`);
      Bun.spawnSync(["mount", "-o", "remount,nr_inodes=1000", data]);
      expect(await agent.says("running: ")).toBe(true);
      expect((await until(cwd, / ok /)).line).toStartWith("edge-7 ok ");
      agent.kill("SIGTERM");
      await agent.ended;
      Bun.spawnSync(["mount", "-o", "remount,ro", data]);
      const again = start(cwd);
      expect(await again.says("data_dir_waits")).toBe(true);
      // Its lock needs a file that can be written, so no one can see who waits.
      const closed = await until(cwd, /data_dir_unusable/);
      expect(closed.line).toMatch(/^edge-7 stopped .* problem=data_dir_unusable why="No agent can write data dir/);
    } finally {
      Bun.spawnSync(["umount", "-l", data]);
    }
  },
  ENOUGH_MS,
);
