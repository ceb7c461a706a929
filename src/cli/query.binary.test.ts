/** `agent query --local` as a process: signals while SQLite is busy, and its temporary file. */
import { afterAll, expect, setDefaultTimeout } from "bun:test";
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS } from "../testing/agent-process.ts";
import { testWith } from "../testing/needs.ts";

const linuxTest = testWith("binary", "linux");
const folder = mkdtempSync(join(tmpdir(), "agent-query-"));
setDefaultTimeout(1_800_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Sorts 300 MB, so that memory is not enough, and then never ends. */
const LONG =
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600000), big AS MATERIALIZED " +
  "(SELECT hex(randomblob(250)) AS t FROM n ORDER BY t), e(i) AS (SELECT count(*) FROM big UNION ALL SELECT i + 1 FROM e) " +
  "SELECT count(*) FROM e";

/** The files that a process has open in that folder, also those without a name. */
function openIn(pid: number, path: string): string[] {
  const fds = `/proc/${pid}/fd`;
  const targets = readdirSync(fds).map((fd) => {
    try {
      return readlinkSync(join(fds, fd));
    } catch {
      return "";
    }
  });
  return targets.filter((target) => target.startsWith(path));
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  linuxTest(`${signal} ends a question that never ends, and its file is gone`, async () => {
    const agent = new AgentProcess({
      args: ["query", "--local", LONG],
      cwd: folder,
      env: { SQLITE_TMPDIR: folder, AGENT_NODE_ID: "n" },
    });
    const giveUp = performance.now() + ENOUGH_MS;
    while (openIn(agent.pid, folder).length === 0 && performance.now() < giveUp) await Bun.sleep(20);
    expect(openIn(agent.pid, folder)).not.toEqual([]);
    // It has no name from the first moment on: nothing could be left behind.
    expect(readdirSync(folder)).toEqual([]);
    process.kill(agent.pid, signal);
    expect(await agent.ended).toMatchObject({ code: null, signal });
    expect(readdirSync(folder)).toEqual([]);
  });
}

testWith(
  "binary",
  "linux",
  "small disks",
)("a temporary file that cannot grow is reported, with what to try", () => {
  const small = mkdtempSync(join(tmpdir(), "agent-small-"));
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
  try {
    expect([mounted.exitCode, mounted.stderr.toString()]).toEqual([0, ""]);
    const done = Bun.spawnSync([AGENT_BINARY, "query", "--local", LONG], {
      cwd: folder,
      env: { SQLITE_TMPDIR: small, AGENT_NODE_ID: "n" },
    });
    expect([done.exitCode, done.stdout.toString(), done.stderr.toString()]).toEqual([
      2,
      "",
      "Cannot answer: the temporary file cannot grow (database or disk is full); SQLITE_TMPDIR names its folder, --since reads less\n" +
        "Try: df -h\n",
    ]);
  } finally {
    if (mounted.exitCode === 0) Bun.spawnSync(["umount", "-l", small]);
    rmSync(small, { recursive: true, force: true });
  }
});
