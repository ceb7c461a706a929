/**
 * A device's day on a real Docker Engine, with the containers that Bacalhau makes of `jobs/`: a binary comes to an empty device, the
 * daemon starts it, it is asked, replaced, and its rules are exchanged. At the end every accepted reading is in the store, once.
 */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY, ENOUGH_MS } from "../agent-process.ts";
import { canRun, testWith } from "../needs.ts";
import { containerOf, type JobCall } from "./agent-spec.ts";
import { type Container, Engine } from "./engine.ts";

const NEEDS = ["binary", "time", "Docker Engine"] as const;
const LIMIT_MS = ENOUGH_MS * 3;
const HOME = mkdtempSync(join(tmpdir(), "agent-ops-"));
const DISK = join(HOME, "disk");

let engine: Engine;
beforeAll(async () => {
  if (!canRun(...NEEDS)) return;
  const started = await Engine.start();
  if (started === null) throw new Error("dockerd is here, and does not start");
  engine = started;
}, LIMIT_MS);
afterAll(async () => {
  await engine?.end();
  rmSync(HOME, { recursive: true, force: true });
}, LIMIT_MS);

function file(name: string, content: string | Uint8Array): string {
  const path = join(HOME, name);
  writeFileSync(path, content, { mode: 0o644 });
  return path;
}

/** With a whole processor: a test waits for what a device does by and by. */
function run(call: JobCall): Promise<Container> {
  const body = containerOf(DISK, call);
  return engine.run({ ...body, HostConfig: { ...body.HostConfig, NanoCpus: 1e9 } });
}

/** An ops job to its end. Docker frames the output, so it is looked for in it. */
async function done(call: JobCall): Promise<{ readonly code: number; readonly log: string }> {
  const container = await run(call);
  const code = await container.exitCode();
  return { code, log: await container.log() };
}

function fetched(name: string, bytes: Uint8Array, sum = bytes) {
  const sha256 = new Bun.CryptoHasher("sha256").update(sum).digest("hex");
  const variables = { url: `https://files.example.com/${name}`, sha256 };
  return done({ file: "fetch.yaml", variables, brought: { [`/artifact/${name}`]: file(name, bytes) } });
}

function rulesSet(max: number): string {
  const dir = join(HOME, `rules-${max}`);
  mkdirSync(dir);
  const when = { range: { measure: "temperature", max } };
  writeFileSync(join(dir, "a.json"), JSON.stringify({ name: "a", severity: "warning", when }));
  return dir;
}

testWith(...NEEDS)(
  "a binary is brought, runs, is asked, replaced and goes on; rules are exchanged under it; what is wrong changes nothing",
  async () => {
    for (const name of ["opt/agent", "etc/agent", "var/lib/agent"]) mkdirSync(join(DISK, name), { recursive: true });
    const settings = [
      "AGENT_SOURCE=simulator:?sensors=5&rate=20",
      "AGENT_STORE=dir:/var/lib/agent/lake",
      "AGENT_BATCH_MS=300ms",
    ];
    writeFileSync(join(DISK, "etc/agent/.env"), `${settings.join("\n")}\n`, { mode: 0o600 });
    const first = readFileSync(AGENT_BINARY);
    // The last byte of an ELF file's identity means nothing, and makes another sum.
    const second = Uint8Array.from(first);
    second[15] = 1;

    const brought = await fetched("agent-1", first);
    expect([brought.code, brought.log]).toEqual([0, expect.stringContaining("fetch: ok none -> agent ")]);
    const daemon = await run({ file: "agent.yaml" });
    expect(await daemon.says("running: ")).toBe(true);

    const wrong = await fetched("agent-2", second.subarray(0, 1_000_000), second);
    expect([wrong.code, wrong.log]).toEqual([13, expect.stringContaining("fetch: FAILED wrong_sum")]);
    const put = await done({ file: "rules.yaml", variables: { rules: "AAAA" }, brought: { "/set": rulesSet(50) } });
    expect([put.code, put.log]).toEqual([0, expect.stringContaining("rules: ok none -> ")]);
    expect(await daemon.says("rules_")).toBe(true);

    const replaced = await fetched("agent-2", second);
    expect([replaced.code, replaced.log]).toEqual([0, expect.stringMatching(/fetch: ok agent \S+ .*-> agent /)]);
    expect(await daemon.says("binary_replaced: ")).toBe(true);
    expect(await daemon.says("running: ", 2)).toBe(true);
    expect(Buffer.compare(readFileSync(join(DISK, "opt/agent/agent.previous")), first)).toBe(0);

    for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; ) {
      if (/ ok version=\S+ .* lost=0 uplink=up /.test((await done({ file: "status.yaml" })).log)) break;
    }
    const status = await done({ file: "status.yaml" });
    expect([status.code, status.log]).toEqual([0, expect.stringMatching(/ ok version=\S+ .* problems=0 /)]);
    const bad = join(HOME, "bad");
    mkdirSync(bad);
    writeFileSync(join(bad, "a.json"), "{");
    const refused = await done({ file: "rules.yaml", variables: { rules: "AAAA" }, brought: { "/set": bad } });
    expect([refused.code, refused.log]).toEqual([15, expect.stringContaining("rules: FAILED bad_set: a.json:1:")]);

    expect(await daemon.stop()).toBe(0);
    const verified = await done({ file: "verify.yaml" });
    expect([verified.code, verified.log]).toEqual([
      0,
      expect.stringMatching(/ ok accepted=\d+ .* missing=0 double=0 /),
    ]);
    expect(await daemon.log()).not.toContain("rules_refused");
  },
  LIMIT_MS,
);
