/** `jobs/rules.yaml` on a device with the compiled agent: a set is in force whole, or nothing changes. */
import { afterEach, expect } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AGENT_BINARY, AgentProcess } from "../agent-process.ts";
import { testWith } from "../needs.ts";
import { Device, type JobEnd } from "./device.ts";

const LONG_MS = 300_000;
const testOnDevice = testWith("binary", "a user who is root", "small disks");

const devices: Device[] = [];
const folders: string[] = [];
afterEach(() => {
  for (const device of devices.splice(0)) device.end();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

type Files = Readonly<Record<string, string>>;

const rule = (name: string, max: number) =>
  `${JSON.stringify({ name, severity: "warning", when: { range: { measure: "temperature", max } }, tests: [{ reading: { temperature: 100 }, breaks: true }] })}\n`;
const OLD: Files = { "a.json": rule("a", 60), "b.json": rule("b", 70) };
const NEW: Files = { "a.json": rule("a", 50), "c.json": rule("c", 80) };

function folderOf(files: Files, name = "rules"): string {
  const outer = mkdtempSync(join(tmpdir(), "agent-set-"));
  folders.push(outer);
  const dir = join(outer, name);
  mkdirSync(dir);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, file), text);
  return dir;
}

function deviceWith(files: Files | null): Device {
  const device = new Device();
  devices.push(device);
  for (const place of ["/opt/agent", "/etc/agent"]) mkdirSync(device.at(place), { recursive: true });
  copyFileSync(AGENT_BINARY, device.at("/opt/agent/agent"));
  if (files !== null) renameSync(folderOf(files), device.at("/etc/agent/rules"));
  return device;
}

function filesIn(dir: string): Files | null {
  try {
    return Object.fromEntries(
      readdirSync(dir)
        .sort()
        .map((name) => [name, readFileSync(join(dir, name), "utf8")]),
    );
  } catch {
    return null;
  }
}

/** What is in /etc/agent beside the lock. */
function etcOf(device: Device) {
  const at = (name: string) => filesIn(device.at(join("/etc/agent", name)));
  const names = readdirSync(device.at("/etc/agent")).filter((name) => name !== ".rules.lock");
  return { names: names.sort(), rules: at("rules"), previous: at("rules.previous") };
}

/** Inline, as Bacalhau brings a packed folder: a folder at /set. */
function putInline(device: Device, files: Files): Promise<JobEnd> {
  return device.run("rules.yaml", { rules: "AAAA" }, { "/set": folderOf(files) });
}

function packed(dir: string, ...words: readonly string[]): Uint8Array {
  const { stdout, exitCode } = Bun.spawnSync(["tar", ...words], { cwd: dir });
  if (exitCode !== 0) throw new Error("Cannot pack");
  return stdout;
}

testOnDevice(
  "a set is checked, tested and swapped in; the one before is rules.previous; the same set again changes nothing",
  async () => {
    const device = deviceWith(OLD);
    const first = await putInline(device, NEW);
    expect([first.code, first.out]).toEqual([0, expect.stringMatching(/^rules: ok [0-9a-f]{12} -> [0-9a-f]{12}\n$/)]);
    expect(etcOf(device)).toEqual({ names: ["rules", "rules.previous"], rules: NEW, previous: OLD });
    const again = await putInline(device, NEW);
    expect([again.code, again.out]).toEqual([0, expect.stringMatching(/: ok unchanged: version [0-9a-f]{12}\n$/)]);
    expect(etcOf(device)).toEqual({ names: ["rules", "rules.previous"], rules: NEW, previous: OLD });
    const none = deviceWith(null);
    const made = await putInline(none, NEW);
    expect([made.code, made.out]).toEqual([0, expect.stringMatching(/: ok none -> [0-9a-f]{12}\n$/)]);
    expect(etcOf(none)).toEqual({ names: ["rules"], rules: NEW, previous: null });
  },
  LONG_MS,
);

testOnDevice(
  "a set that is bad, empty, not what its sum says or not packed changes nothing and is named",
  async () => {
    const device = deviceWith(OLD);
    const failing = rule("c", 80).replace('"breaks":true', '"breaks":false');
    const bad = [
      [{ "a.json": "{" }, 15, /FAILED bad_set: a\.json:1:\d+: /],
      [{ ...NEW, "c.json": failing }, 15, /FAILED bad_set: .*c\.json:1:\d+: /],
      [{ "a.yaml": "name: a" }, 11, /FAILED no_set: there is no \*\.json file/],
    ] as const;
    for (const [files, code, words] of bad) {
      const end = await putInline(device, files);
      expect([end.code, end.out]).toEqual([code, expect.stringMatching(words)]);
      expect(end.out).toContain("nothing was changed");
    }
    const path = device.file("set.tar.gz", "this is not packed");
    const sum = new Bun.CryptoHasher("sha256").update("this is not packed").digest("hex");
    for (const [sha256, code] of [
      ["0".repeat(64), 13],
      [sum, 11],
    ] as const) {
      const end = await device.run("rules.yaml", { url: "http://x/set.tar.gz", sha256 }, { "/set/set.tar.gz": path });
      expect(end.code).toBe(code);
    }
    expect(etcOf(device)).toEqual({ names: ["rules"], rules: OLD, previous: null });
  },
  LONG_MS,
);

testOnDevice(
  "a set by URL may be packed with its folder or without, and a swap that was cut off is repaired",
  async () => {
    const device = deviceWith(OLD);
    const dir = folderOf(NEW);
    const packs = [packed(dir, "-cz", "."), packed(dirname(dir), "-cz", "rules")];
    for (const bytes of packs) {
      const path = device.file("set.tar.gz", bytes);
      const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
      const given = { "/set/set.tar.gz": path };
      const end = await device.run("rules.yaml", { url: "http://x/set.tar.gz", sha256 }, given);
      expect([end.code, end.out]).toEqual([0, expect.stringContaining(": ok ")]);
      expect(etcOf(device)).toEqual({ names: ["rules", "rules.previous"], rules: NEW, previous: OLD });
      // The power failed between the two renames: what was in force is rules.previous, the new set is beside it.
      renameSync(device.at("/etc/agent/rules"), device.at("/etc/agent/.rules.next"));
    }
    const bad = await putInline(device, { "a.json": "{" });
    expect(bad.code).toBe(15);
    expect(etcOf(device)).toEqual({ names: ["rules"], rules: OLD, previous: null });
  },
  LONG_MS,
);

testOnDevice(
  "a full disk and a read-only one change nothing and are named",
  async () => {
    const device = deviceWith(null);
    const etc = device.at("/etc/agent");
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", etc]).exitCode).toBe(0);
    try {
      mkdirSync(join(etc, "rules"));
      for (const [name, text] of Object.entries(OLD)) writeFileSync(join(etc, "rules", name), text);
      const large = await putInline(device, { ...NEW, "z.json": `${rule("z", 1)}${" ".repeat(100_000)}` });
      expect([large.code, large.out]).toEqual([12, expect.stringContaining("FAILED cannot_write: ")]);
      expect(etcOf(device)).toEqual({ names: ["rules"], rules: OLD, previous: null });
      expect(Bun.spawnSync(["mount", "-o", "remount,ro", etc]).exitCode).toBe(0);
      const readOnly = await putInline(device, NEW);
      expect([readOnly.code, readOnly.out]).toEqual([12, expect.stringContaining("FAILED cannot_write: ")]);
      expect(etcOf(device)).toEqual({ names: ["rules"], rules: OLD, previous: null });
    } finally {
      Bun.spawnSync(["umount", etc]);
    }
  },
  LONG_MS,
);

testOnDevice(
  "a running agent sees one change, and none of a bad set",
  async () => {
    const device = deviceWith(OLD);
    const agent = new AgentProcess({
      args: ["run", "--source", "simulator:?sensors=2&rate=5", "--data-dir", device.at("/var/lib/agent")],
      cwd: device.at("/etc/agent"),
      env: { AGENT_STORE: `dir:${device.at("/lake")}` },
    });
    const changes = () => agent.heard.split("\n").filter((line) => line.includes("rules_"));
    const until = async (words: string, times: number) => {
      while (changes().filter((line) => line.includes(words)).length < times) await Bun.sleep(20);
    };
    while (!agent.heard.includes("accepted") && !agent.heard.includes("rules")) await Bun.sleep(20);
    for (const [at, set] of [NEW, OLD, NEW].entries()) {
      expect((await putInline(device, set)).code).toBe(0);
      await until("rules_changed", at + 1);
    }
    expect((await putInline(device, { "a.json": "{" })).code).toBe(15);
    agent.kill("SIGTERM");
    expect((await agent.ended).code).toBe(0);
    expect(changes().filter((line) => line.includes("rules_changed"))).toHaveLength(3);
    expect(changes().filter((line) => line.includes("rules_refused"))).toEqual([]);
    expect(etcOf(device).rules).toEqual(NEW);
  },
  LONG_MS,
);
