/** The compiled binary: a data dir that its agent's user cannot write any more, while the agent runs. */
import { expect } from "bun:test";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY } from "../testing/agent-process.ts";
import { testWith } from "../testing/needs.ts";

type StatusAnswer = { readonly health: string; readonly problems: readonly { code: string; message: string }[] };

/** An ordinary user: no account needs to have the number. */
const USER = 12_345;
const AS_USER = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"];

testWith("binary", "linux", "a user who is root")(
  "a data dir that cannot be written shows in status within a second, and a repaired one too",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "agent-mode-"));
    const [data, binary] = [join(folder, "data"), join(folder, "agent")];
    mkdirSync(data);
    // The user may not look into the folder of the build.
    copyFileSync(AGENT_BINARY, binary);
    for (const path of [folder, data]) chownSync(path, USER, USER);
    for (const path of [folder, data, binary]) chmodSync(path, 0o755);
    const env = { AGENT_NODE_ID: "n", PATH: process.env["PATH"] ?? "" };
    const status = (): StatusAnswer | null => {
      const asked = Bun.spawnSync([binary, "status", "--json", "--data-dir", data], { cwd: folder, env });
      return asked.stdout.length === 0 ? null : (JSON.parse(asked.stdout.toString()) as StatusAnswer);
    };
    const until = async (isDone: (status: StatusAnswer | null) => boolean) => {
      for (let tries = 0; !isDone(status()) && tries < 200; tries++) await Bun.sleep(50);
    };
    const run = ["run", "--source", "simulator:?sensors=2&rate=50", "--data-dir", data];
    const quiet = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
    const agent = Bun.spawn([...AS_USER, binary, ...run], { cwd: folder, env, ...quiet });
    try {
      await until((seen) => seen?.health === "ok");
      chmodSync(data, 0o555);
      await Bun.sleep(500);
      const told = status()?.problems.find(({ code }) => code === "data_dir_unwritable");
      expect(told?.message).toContain(`cannot write its data dir "${data}": its mode is 555.`);
      chmodSync(data, 0o755);
      await until((seen) => seen?.health === "ok");
      expect(status()?.problems).toEqual([]);
    } finally {
      agent.kill("SIGKILL");
      await agent.exited;
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000,
);
