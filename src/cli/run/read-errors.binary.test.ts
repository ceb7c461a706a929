/** The compiled binary on a disk that cannot be read for a while: a real device whose end goes away and comes back. */
import { afterAll, expect } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, AgentProcess, ENOUGH_MS, killAllAgents } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-eio-"));
const IMAGE = join(folder, "image");
const DISK = join(folder, "disk");
const DATA = join(DISK, "data");
const BLOCK_BYTES = 4_096;
let loop = "";
afterAll(() => {
  killAllAgents();
  Bun.spawnSync(["umount", "-l", DISK]);
  if (loop !== "") Bun.spawnSync(["losetup", "-d", loop]);
  rmSync(folder, { recursive: true, force: true });
});

function sh(...command: string[]): string {
  const done = Bun.spawnSync(command);
  expect([command, done.exitCode, done.stderr.toString()]).toEqual([command, 0, expect.anything()]);
  return done.stdout.toString();
}

const ENV = {
  AGENT_NODE_ID: "n",
  // None is due: each start reads all readings.
  AGENT_WINDOW_MS: "1h",
  AWS_ACCESS_KEY_ID: "a-key-of-no-one",
  AWS_SECRET_ACCESS_KEY: "a-secret-of-no-one",
  AWS_REGION: "us-west-2",
  AWS_ENDPOINT_URL_S3: "http://127.0.0.1:9",
};
const FILES_MOST = 40;
const READINGS = 60_000;
const SOURCE = `simulator:?sensors=20&rate=10&count=${READINGS}&start=2026-01-01T00:00:00Z`;
const start = (store: string, more: readonly string[] = []) =>
  new AgentProcess({
    args: ["run", "--source", SOURCE, "--store", store, "--data-dir", DATA, ...more],
    cwd: folder,
    env: ENV,
  });

type StatusJson = { readonly epoch: string; readonly buffer: { readonly accepted: number } };
function status(): StatusJson {
  const asked = Bun.spawnSync([AGENT_BINARY, "status", "--json", "--data-dir", DATA], { cwd: folder, env: ENV });
  return JSON.parse(asked.stdout.toString()) as StatusJson;
}

testWith("binary", "time", "disks that fail")(
  "a disk that cannot be read for a while is waited for: a sound buffer keeps its epoch and all of its readings",
  async () => {
    mkdirSync(DISK);
    sh("truncate", "-s", "48M", IMAGE);
    sh("mkfs.ext4", "-q", "-F", "-b", String(BLOCK_BYTES), "-O", "^has_journal", IMAGE);
    loop = sh("losetup", "-f", "--show", IMAGE).trim();
    sh("mount", loop, DISK);
    const filling = start("s3:");
    expect(await filling.says("uplink_down")).toBe(true);
    for (let tries = 0; status().buffer.accepted < READINGS && tries < 600; tries++) await Bun.sleep(100);
    filling.kill("SIGTERM");
    expect((await filling.ended).code).toBe(0);
    const before = status();
    expect(before.buffer.accepted).toBe(READINGS);

    // Nothing of the disk is in memory any more, and the second half of the buffer is gone.
    sh("umount", DISK);
    const blocks = sh("debugfs", "-R", "blocks /data/buffer.db", IMAGE).trim().split(/\s+/).map(Number);
    const cut = BLOCK_BYTES * blocks.sort((a, b) => a - b)[Math.floor(blocks.length / 2)]!;
    const rest = readFileSync(IMAGE).subarray(cut);
    // Whole: it would not be mounted otherwise.
    sh("mount", loop, DISK);
    truncateSync(IMAGE, cut);
    sh("losetup", "-c", loop);
    const agent = start(`dir:${join(folder, "lake")}`);
    expect(await agent.says("data_dir_waits")).toBe(true);
    await Bun.sleep(3_000);
    expect([agent.end, agent.heard.includes("buffer_corrupt")]).toEqual([null, false]);
    // No try leaves a file open.
    expect(readdirSync(`/proc/${agent.pid}/fd`).length).toBeLessThan(FILES_MOST);
    appendFileSync(IMAGE, rest);
    sh("losetup", "-c", loop);
    expect(await agent.says("running: ")).toBe(true);
    // Which page is the first that cannot be read, and so whether SQLite reports damage or the disk, is a matter of its place.
    expect(agent.heard.includes("buffer_sound")).toBe(agent.heard.includes("buffer_doubted"));
    agent.kill("SIGTERM");
    expect((await agent.ended).code).toBe(0);
    expect(status()).toMatchObject({ epoch: before.epoch, buffer: { accepted: READINGS } });
    expect(readdirSync(DATA).filter((name) => name.includes("corrupt"))).toEqual([]);
    const done = start(`dir:${join(folder, "lake")}`, ["--once"]);
    expect((await done.ended).code).toBe(0);
    const verify = Bun.spawnSync(
      [AGENT_BINARY, "verify", "--deep", "--json", "--data-dir", DATA, "--store", `dir:${join(folder, "lake")}`],
      { cwd: folder, env: ENV },
    );
    expect([verify.exitCode, verify.stderr.toString()]).toEqual([0, verify.stderr.toString()]);
  },
  2 * ENOUGH_MS,
);
