/** The compiled binary and a data dir that cannot be used: full, without inodes, read-only, or of another owner. It waits. */
import { afterAll, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-trouble-"));
const mounts: string[] = [];
afterAll(() => {
  for (const path of mounts) Bun.spawnSync(["umount", "-l", path]);
  rmSync(folder, { recursive: true, force: true });
});

/** An ordinary user: no account needs to have the number. */
const USER = 12_345;
const AS_USER = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"];
const SOURCE = "simulator:?sensors=2&rate=20";

let made = 0;
function newFolder(): string {
  const path = join(folder, String(made++));
  mkdirSync(path);
  return path;
}

function disk(options: string): string {
  const path = newFolder();
  const done = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path]);
  expect([done.exitCode, done.stderr.toString()]).toEqual([0, ""]);
  mounts.push(path);
  return path;
}

function remount(path: string, options: string): void {
  const done = Bun.spawnSync(["mount", "-o", `remount,${options}`, path]);
  expect([done.exitCode, done.stderr.toString()]).toEqual([0, ""]);
}

const start = (dataDir: string, more: readonly string[] = [], source = SOURCE) =>
  new AgentProcess({
    args: ["run", "--source", source, "--store", `dir:${newFolder()}`, "--data-dir", dataDir, ...more],
    cwd: newFolder(),
    env: { AGENT_NODE_ID: "n" },
  });

const endOf = async (agent: AgentProcess) => {
  agent.kill("SIGTERM");
  return (await agent.ended).code;
};

const port = () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const found = server.port;
  server.stop(true);
  return found;
};

type Health = { readonly problems: readonly { code: string; message: string }[] };
async function healthOf(at: string): Promise<Health> {
  for (const until = performance.now() + ENOUGH_MS; performance.now() < until; await Bun.sleep(50)) {
    const answer = await fetch(`http://${at}/healthz`).catch(() => null);
    if (answer !== null) return (await answer.json()) as Health;
  }
  return { problems: [] };
}

/** Fills a disk but for `leftBytes`. */
function fill(path: string, leftBytes: number): string {
  const file = join(path, "others");
  const { bavail, bsize } = require("node:fs").statfsSync(path) as { bavail: number; bsize: number };
  writeFileSync(file, new Uint8Array(bavail * bsize - leftBytes));
  return file;
}

const diskTest = testWith("binary", "time", "small disks");

for (const [name, open, trouble, why, repair] of [
  ["full", () => disk("size=4m"), (path: string) => fill(path, 0), "its disk is full", rmOthers],
  [
    "without an inode",
    () => disk("size=16m,nr_inodes=20"),
    (path: string) => {
      for (let i = 0; i < 30; i++) {
        try {
          writeFileSync(join(path, `other-${i}`), "");
        } catch {
          return;
        }
      }
    },
    "its disk has no inode left",
    rmOthers,
  ],
  [
    "mounted for reading only",
    () => disk("size=16m"),
    (path: string) => remount(path, "ro"),
    "its file system is mounted for reading only",
    (path: string) => remount(path, "rw"),
  ],
] as const) {
  diskTest(
    `a disk that is ${name} at the start is waited for, said once, and the agent starts by itself`,
    async () => {
      const path = open();
      trouble(path);
      const dashboard = `127.0.0.1:${port()}`;
      const agent = start(join(path, "data"), ["--dashboard", dashboard]);
      expect(await agent.says("data_dir_waits")).toBe(true);
      expect(agent.heard).toContain(why);
      expect((await healthOf(dashboard)).problems[0]?.message).toContain(why);
      await Bun.sleep(1_500);
      expect(agent.heard.split("data_dir_waits")).toHaveLength(2);
      // A stop while it waits is a stop in order.
      expect(await endOf(agent)).toBe(0);
      const again = start(join(path, "data"));
      expect(await again.says("data_dir_waits")).toBe(true);
      repair(path);
      expect(await again.says("running: ")).toBe(true);
      expect(again.heard).toContain("data_dir_usable");
      expect(await endOf(again)).toBe(0);
    },
    ENOUGH_MS,
  );
}

function rmOthers(path: string): void {
  for (const name of readdirSync(path)) if (name.startsWith("other")) rmSync(join(path, name));
}

diskTest(
  "--once waits ten seconds for a data dir that cannot be used, and exits 1 with the reason",
  async () => {
    const path = disk("size=1m");
    remount(path, "ro");
    const agent = start(path, ["--once"], "stdin:");
    expect((await agent.ended).code).toBe(1);
    expect(agent.heard).toMatch(
      /Cannot use data dir .*: its file system is mounted for reading only.*waited 10s.*\nTry: /,
    );
  },
  ENOUGH_MS,
);

testWith("binary")("a data dir that is a file can never work: exit 2, at once", async () => {
  const path = join(newFolder(), "data");
  writeFileSync(path, "");
  const agent = start(path);
  expect((await agent.ended).code).toBe(2);
  expect(agent.heard).toMatch(/^Cannot use ".*" as a data dir: .*\nTry: ls -ld /);
});

testWith("binary", "time")("every command that reads a node says why it cannot, and exits 2", () => {
  const cwd = newFolder();
  writeFileSync(join(cwd, "file"), "");
  mkdirSync(join(cwd, "empty"));
  mkdirSync(join(cwd, "odd", "buffer.db"), { recursive: true });
  const commands = [["status"], ["verify"], ["tail"], ["why", "1"], ["rules", "backtest"], ["rules", "list"]];
  for (const [dataDir, why] of [
    ["missing", 'there is no "buffer.db" in it'],
    ["empty", 'there is no "buffer.db" in it'],
    ["file", "it is not a folder"],
    ["file/below", "it is not a folder"],
    ["odd", 'its "buffer.db" is not a file'],
  ] as const) {
    for (const command of commands) {
      const asked = Bun.spawnSync([AGENT_BINARY, ...command, "--data-dir", dataDir], { cwd });
      const said = expect.stringMatching(new RegExp(`${why}\nTry: `));
      expect([dataDir, command, asked.exitCode, asked.stderr.toString()]).toEqual([dataDir, command, 2, said]);
    }
  }
});

diskTest("where no agent can make a buffer, status says so", () => {
  const path = disk("size=1m");
  fill(path, 0);
  const asked = Bun.spawnSync([AGENT_BINARY, "status", "--data-dir", join(path, "data")], { cwd: folder });
  const said = 'there is no "buffer.db" in it, and an agent cannot make one now: its disk is full';
  expect([asked.exitCode, asked.stderr.toString()]).toEqual([2, expect.stringContaining(said)]);
});

testWith("binary", "time")("a store that is a file is not an empty store: verify and lake could not look", () => {
  const cwd = newFolder();
  writeFileSync(join(cwd, "file"), "");
  const row = `{"sensor_id":"a","timestamp":"2026-01-01T00:00:00Z","temperature":2}\n`;
  const stdin = new TextEncoder().encode(row);
  const once = ["run", "--source", "stdin:", "--once", "--data-dir", "data", "--store", "dir:lake"];
  expect(Bun.spawnSync([AGENT_BINARY, ...once], { cwd, stdin }).exitCode).toBe(0);
  for (const command of [
    ["lake", "ls"],
    ["lake", "head"],
    ["verify", "--data-dir", "data"],
  ]) {
    const asked = Bun.spawnSync([AGENT_BINARY, ...command, "--store", "dir:file"], { cwd });
    const said = expect.stringContaining("there is a file where a folder should be");
    expect([command, asked.exitCode, asked.stderr.toString()]).toEqual([command, 2, said]);
  }
});

/** An agent of an ordinary user, who may not look into the folder of the build. */
function ofUser() {
  const cwd = newFolder();
  const [data, binary] = [join(cwd, "data"), join(cwd, "agent")];
  mkdirSync(data, { mode: 0o700 });
  copyFileSync(AGENT_BINARY, binary);
  chmodSync(folder, 0o755);
  for (const path of [cwd, data]) chownSync(path, USER, USER);
  for (const path of [cwd, binary]) chmodSync(path, 0o755);
  const [program = "", ...args] = [...AS_USER, binary];
  const env = { AGENT_NODE_ID: "n" };
  return {
    data,
    run: () =>
      new AgentProcess({
        program: Bun.which(program) ?? program,
        args: [...args, "run", "--source", SOURCE, "--data-dir", data],
        cwd,
        env,
      }),
    ask: (...command: readonly string[]) => {
      const done = Bun.spawnSync([...AS_USER, binary, ...command, "--data-dir", data], {
        cwd,
        env: { PATH: process.env["PATH"] ?? "", ...env },
      });
      return { code: done.exitCode, said: done.stderr.toString() };
    },
  };
}

const userTest = testWith("binary", "time", "linux", "a user who is root");

userTest(
  "chmod 000 on the data dir of an ordinary user's agent, before and while it runs, is waited out and named",
  async () => {
    const { data, run } = ofUser();
    chmodSync(data, 0);
    const agent = run();
    expect(await agent.says("data_dir_waits")).toBe(true);
    expect(agent.heard).toContain(`it belongs to uid ${USER}, mode 0000; this is uid ${USER}`);
    chmodSync(data, 0o700);
    expect(await agent.says("running: ")).toBe(true);
    chmodSync(data, 0);
    expect(await agent.says("buffer_unwritable")).toBe(true);
    await Bun.sleep(3_000);
    expect(agent.end).toBeNull();
    chmodSync(data, 0o700);
    await Bun.sleep(1_000);
    expect(await endOf(agent)).toBe(0);
  },
  ENOUGH_MS,
);

userTest(
  "a data dir of another owner is waited for, and every command that reads it names owner and mode",
  async () => {
    const { data, run, ask } = ofUser();
    const first = run();
    expect(await first.says("running: ")).toBe(true);
    expect(await endOf(first)).toBe(0);
    chownSync(data, 0, 0);
    const agent = run();
    expect(await agent.says(`it belongs to root, mode 0700; this is uid ${USER}`)).toBe(true);
    expect(await endOf(agent)).toBe(0);
    for (const command of [["status"], ["verify"], ["tail"], ["why", "1"], ["rules", "backtest", "--since", "1h"]]) {
      const { code, said } = ask(...command);
      expect([command, code, said]).toEqual([command, 2, expect.stringContaining("it belongs to root, mode 0700")]);
    }
  },
  ENOUGH_MS,
);
