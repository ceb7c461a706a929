/** The compiled binary under any umask: the owner keeps its rights, and the data dir is for its user alone. */
import { afterAll, expect } from "bun:test";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-umask-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
/** An ordinary user, whom modes bind: no account needs to have the number. */
const USER = 12_345;

const modeOf = (path: string) => statSync(path).mode & 0o777;

testWith("binary", "linux", "a user who is root")(
  "under any umask an agent works, and starts again; no other user may read its data dir, and the umask decides who may read the lake",
  () => {
    chmodSync(folder, 0o755);
    const binary = join(folder, "agent");
    copyFileSync(AGENT_BINARY, binary);
    chmodSync(binary, 0o755);
    for (const [mask, lakeMode] of [
      ["0777", 0o700],
      ["0000", 0o777],
      ["0027", 0o750],
    ] as const) {
      const cwd = join(folder, mask);
      // A data dir that was made for the agent is open to all.
      for (const path of [cwd, join(cwd, "agent-data")]) {
        mkdirSync(path);
        chownSync(path, USER, USER);
        chmodSync(path, 0o755);
      }
      const command = `umask ${mask}; exec "${binary}" run --source 'simulator:?count=20' --once`;
      for (const _ of [1, 2]) {
        const as = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups", "sh", "-c", command];
        const done = Bun.spawnSync(as, { cwd, env: { PATH: process.env["PATH"] ?? "", AGENT_NODE_ID: "n" } });
        expect([mask, done.exitCode, done.stderr.toString()]).toEqual([mask, 0, expect.stringContaining("delivered")]);
      }
      const files = readdirSync(join(cwd, "agent-data"));
      expect(files).toContain("buffer.db");
      const open = files.filter((name) => modeOf(join(cwd, "agent-data", name)) !== 0o600);
      expect([mask, open]).toEqual([mask, []]);
      expect([mask, modeOf(join(cwd, "lake"))]).toEqual([mask, lakeMode]);
    }
  },
  60_000,
);
