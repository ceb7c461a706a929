/** The compiled binary reports to a real datagram socket, by a path and by an abstract name. */
import { afterAll, expect } from "bun:test";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentProcess, ENOUGH_MS } from "../testing/agent-process.ts";
import { ROOTS, testWith } from "../testing/needs.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-notify-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A listener that is no code of ours: each datagram as a line, with the pid that the kernel says sent it. */
const LISTENER = `
import json, socket, struct, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind("\\0" + name[1:] if name[0] == "@" else name)
print("bound", flush=True)
while True:
    data, extra, _, _ = s.recvmsg(4096, 64)
    print(json.dumps([struct.unpack("iii", extra[0][2])[0], data.decode()]), flush=True)
`;

class Listener {
  heard = "";
  readonly #child;
  constructor(address: string) {
    this.#child = Bun.spawn(["python3", "-c", LISTENER, address], { stdout: "pipe", stderr: "inherit" });
    void this.#follow();
  }
  async #follow(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) this.heard += decoder.decode(chunk, { stream: true });
  }
  async hears(text: string, times = 1): Promise<boolean> {
    for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; await Bun.sleep(20)) {
      if (this.heard.split(text).length > times) return true;
    }
    return false;
  }
  end(): void {
    this.#child.kill("SIGKILL");
  }
}

for (const [what, address] of [
  ["a path", join(folder, "notify.sock")],
  ["an abstract name", `@agent-notify-test-${process.pid}`],
] as const) {
  testWith(
    "binary",
    "time",
    "linux",
    "python3",
  )(
    `an agent whose socket is ${what} says that it is ready, that it lives, and that it stops`,
    async () => {
      const listener = new Listener(address);
      expect(await listener.hears("bound")).toBe(true);
      const agent = new AgentProcess({
        args: ["run", "--source", "simulator:?sensors=2&rate=10", "--data-dir", `data-${what.length}`],
        cwd: folder,
        env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "400000" },
      });
      // The store is a folder that can be written, and nothing is due: signs of life come from the loops alone.
      expect(await listener.hears("WATCHDOG=1", 3)).toBe(true);
      expect(listener.heard).toMatch(
        /EXTEND_TIMEOUT_USEC[\s\S]*READY=1[\s\S]*STATUS=\d+ readings accepted[\s\S]*WATCHDOG=1/,
      );
      agent.kill("SIGSTOP");
      await Bun.sleep(300);
      const { length } = listener.heard;
      await Bun.sleep(1_000);
      expect(listener.heard.length).toBe(length);
      agent.kill("SIGCONT");
      agent.kill("SIGTERM");
      expect((await agent.ended).code).toBe(0);
      expect(await listener.hears("STOPPING=1")).toBe(true);
      const pids = [...listener.heard.matchAll(/^\[(\d+),/gm)].map(([, pid]) => Number(pid));
      expect(new Set(pids)).toEqual(new Set([agent.pid]));
      listener.end();
    },
    ENOUGH_MS,
  );
}

testWith(
  "binary",
  "time",
  "linux",
  "python3",
)(
  "an agent that waits for the lock asks for more time until it has it, and says which agent has it",
  async () => {
    const listener = new Listener(join(folder, "waits.sock"));
    expect(await listener.hears("bound")).toBe(true);
    const start = (env: Readonly<Record<string, string>>) =>
      new AgentProcess({ args: ["run", "--data-dir", "locked"], cwd: folder, env });
    const first = start({});
    expect(await first.says("running: ")).toBe(true);
    const second = start({ NOTIFY_SOCKET: join(folder, "waits.sock"), WATCHDOG_USEC: "400000" });
    expect(await second.says("waiting_for_lock")).toBe(true);
    expect(await listener.hears("EXTEND_TIMEOUT_USEC")).toBe(true);
    expect(await listener.hears(`the agent with pid ${first.pid}`)).toBe(true);
    expect(listener.heard).not.toContain("READY=1");
    first.kill("SIGTERM");
    expect(await listener.hears("READY=1")).toBe(true);
    second.kill("SIGTERM");
    expect((await second.ended).code).toBe(0);
    listener.end();
  },
  ENOUGH_MS,
);

testWith("binary", "time", "linux")(
  "a socket that cannot be used is named in the log, and the agent works without it",
  async () => {
    for (const address of ["relative", `/${"x".repeat(200)}`, join(folder, "no-listener.sock")]) {
      const agent = new AgentProcess({
        args: ["run", "--for", "1s", "--source", "simulator:?count=5", "--data-dir", "unheard"],
        cwd: folder,
        env: { NOTIFY_SOCKET: address },
      });
      expect((await agent.ended).code).toBe(0);
      if (!address.startsWith(folder)) expect(agent.heard).toContain("Cannot report to systemd");
    }
  },
  ENOUGH_MS,
);

testWith(
  "binary",
  "time",
  "linux",
  "python3",
  "musl",
  "a user who is root",
)(
  "the C library of Alpine takes the same call, under the same name",
  async () => {
    const root = join(folder, "alpine");
    cpSync(join(ROOTS, "linux-x64-musl"), root, { recursive: true, verbatimSymlinks: true });
    const program = join(folder, "say.ts");
    const socket = join(import.meta.dir, "notify-socket.ts");
    const call =
      'const s = openNotifySocket(process.argv[2] ?? ""); if (typeof s === "string" || !s.send("READY=1")) process.exit(1);';
    writeFileSync(program, `import { openNotifySocket } from ${JSON.stringify(socket)};\n${call}\n`);
    const built = await Bun.build({
      entrypoints: [program],
      compile: { outfile: join(root, "say"), target: "bun-linux-x64-musl" },
    });
    expect(built.success).toBe(true);
    const address = `@agent-notify-musl-${process.pid}`;
    const listener = new Listener(address);
    expect(await listener.hears("bound")).toBe(true);
    const done = Bun.spawnSync(["chroot", root, "/say", address]);
    expect([done.exitCode, done.stderr.toString()]).toEqual([0, ""]);
    expect(await listener.hears("READY=1")).toBe(true);
    listener.end();
  },
  ENOUGH_MS,
);
