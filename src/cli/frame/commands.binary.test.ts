/** The compiled binary, started as a user starts it. `scripts/test` builds it first; plain `bun test` skips this aloud. */
import { afterAll, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VERSION } from "../../core/version.ts";
import { testWith } from "../../testing/needs.ts";

const BINARY = join(import.meta.dir, "../../../dist/agent");
const binaryTest = testWith("binary");
const folder = mkdtempSync(join(tmpdir(), "agent-binary-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(argv: readonly string[], env: Record<string, string> = {}) {
  const done = Bun.spawnSync([BINARY, ...argv], { cwd: folder, env });
  return { code: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

binaryTest("the binary prints its version and its commands", () => {
  const { code, stdout, stderr } = run(["--version"]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout.split("\n")).toEqual([
    `agent ${VERSION}`,
    expect.stringMatching(/^commit (unknown|[0-9a-f]{40} of 20.{17}Z(, with local changes)?)$/),
    expect.stringMatching(/^target (linux|darwin)-(x64|arm64)(-musl)?$/),
    `bun ${Bun.version}`,
    "",
  ]);
  expect(run([]).stdout).toContain("Commands:");
});

binaryTest("a wrong call exits 2 with a sentence and a command to try, without colours in a pipe", () => {
  expect(run(["config", "show", "--jsn"])).toEqual({
    code: 2,
    stdout: "",
    stderr: 'Cannot understand "--jsn": there is no such flag; did you mean --json?\nTry: agent config show --help\n',
  });
});

binaryTest("the binary reads .env itself: the engine did not load it, and its bunfig.toml is ignored", () => {
  writeFileSync(join(folder, ".env"), "AGENT_PUTS=7\nAGENT_KEEP=1h\nDATABRICKS_TOKEN=hidden\n");
  // The engine would refuse to start over a preload that does not exist.
  writeFileSync(join(folder, "bunfig.toml"), 'preload = ["./nowhere.ts"]\n');
  const { code, stdout } = run(["config", "show"], { AGENT_KEEP: "2h" });
  expect(code).toBe(0);
  // Had the engine put .env into the environment, the origin would read "environment".
  expect(stdout).toMatch(/^AGENT_PUTS +7 +\.env$/m);
  expect(stdout).toMatch(/^AGENT_KEEP +2h +environment$/m);
  expect(stdout).not.toContain("hidden");
});

binaryTest("a reader that goes away is not an error", () => {
  const command = 'set -o pipefail; "$0" config show --json | true';
  const done = Bun.spawnSync(["bash", "-c", command, BINARY], { cwd: folder, env: { PATH: process.env["PATH"] } });
  expect([done.exitCode, done.stderr.toString()]).toEqual([0, ""]);
});

binaryTest("a .env that cannot be read exits 2", () => {
  rmSync(join(folder, ".env"), { force: true });
  expect(Bun.spawnSync(["mkdir", join(folder, ".env")]).exitCode).toBe(0);
  const { code, stderr } = run(["config", "check"]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^Cannot read ".*\.env": .*\nTry: ls -l /);
});
