/** `jobs/fetch.yaml` on a device: brought whole, or nothing changes. With the programs of Debian, and those of busybox. */
import { afterEach, expect } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { AGENT_BINARY } from "../agent-process.ts";
import { testWith } from "../needs.ts";
import { Device, type JobEnd, type Programs } from "./device.ts";

const KINDS: readonly Programs[] = ["of this machine", "busybox"];
const ROOT = ["a user who is root", "small disks"] as const;
const testOnDevice = testWith(...ROOT);
const LONG_MS = 120_000;
const devices: Device[] = [];
afterEach(() => {
  for (const device of devices.splice(0)) device.end();
});

const agentOf = (version: string) =>
  `#!/bin/sh\necho "agent ${version}"\necho "commit ${version}"\necho "target linux"\n`;
const sumOf = (bytes: string | Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** A device with agent 1 and, as its previous, agent 0. */
function deviceWithOne(programs: Programs): Device {
  const device = new Device(programs);
  devices.push(device);
  mkdirSync(device.at("/opt/agent"), { recursive: true });
  write(device, "agent", agentOf("1"));
  write(device, "agent.previous", agentOf("0"));
  return device;
}

function write(device: Device, name: string, text: string): void {
  writeFileSync(device.at(join("/opt/agent", name)), text);
  chmodSync(device.at(join("/opt/agent", name)), 0o755);
}

/** The files in /opt/agent, hidden ones too but the lock, with their content. */
function files(device: Device): Record<string, string> {
  const names = readdirSync(device.at("/opt/agent")).filter((name) => name !== ".agent.lock");
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(device.at(`/opt/agent/${name}`), "utf8")]));
}

const BEFORE = { agent: agentOf("1"), "agent.previous": agentOf("0") };

function fetched(device: Device, text: string, sha256 = sumOf(text)): Promise<JobEnd> {
  const path = device.file("artifact", text);
  return device.run("fetch.yaml", { url: "http://x/agent-2", sha256 }, { "/artifact/agent-2": path });
}

for (const programs of KINDS) {
  const testWithThem = programs === "busybox" ? testWith(...ROOT, "busybox") : testOnDevice;
  testWithThem(
    `a new binary is renamed into place, the old one is agent.previous (programs ${programs})`,
    async () => {
      const device = deviceWithOne(programs);
      const before = statSync(device.at("/opt/agent/agent")).ino;
      const { code, out } = await fetched(device, agentOf("2"));
      expect([code, out]).toEqual([0, expect.stringMatching(/^fetch: ok agent 1 commit 1 -> agent 2 commit 2\n$/)]);
      expect(files(device)).toEqual({ agent: agentOf("2"), "agent.previous": agentOf("1") });
      // The file that a running agent was started from is the same file, under its new name.
      expect(statSync(device.at("/opt/agent/agent.previous")).ino).toBe(before);
      expect(statSync(device.at("/opt/agent/agent")).mode & 0o777).toBe(0o755);

      const again = await fetched(device, agentOf("2"), sumOf(agentOf("2")).toUpperCase());
      expect([again.code, again.out]).toEqual([0, expect.stringContaining("ok unchanged: agent 2 commit 2\n")]);
      expect(files(device)).toEqual({ agent: agentOf("2"), "agent.previous": agentOf("1") });
    },
    LONG_MS,
  );

  testWithThem(
    `what is wrong with an artifact changes nothing and is named (programs ${programs})`,
    async () => {
      const device = deviceWithOne(programs);
      const wrong = await fetched(device, agentOf("2"), sumOf("another"));
      expect([wrong.code, wrong.out]).toEqual([13, expect.stringContaining("FAILED wrong_sum: the file has ")]);
      const broken = ["\u007fELF\u0002not for this machine", "#!/bin/sh\nexit 3\n", "#!/bin/sh\necho other 1\n"];
      for (const text of broken) {
        const { code, out } = await fetched(device, text);
        expect([code, out]).toEqual([14, expect.stringContaining("FAILED does_not_start: ")]);
      }
      const none = await device.run("fetch.yaml", { url: "http://x/y", sha256: sumOf("") }, {});
      expect([none.code, none.out]).toEqual([11, expect.stringContaining("FAILED no_artifact: ")]);
      expect(files(device)).toEqual(BEFORE);
    },
    LONG_MS,
  );

  testWithThem(
    `a fetch that was killed leaves nothing that the next one trips over (programs ${programs})`,
    async () => {
      const device = deviceWithOne(programs);
      write(device, ".agent.next", "half of a binary");
      write(device, ".agent.keep", agentOf("0"));
      expect((await fetched(device, agentOf("2"))).code).toBe(0);
      expect(files(device)).toEqual({ agent: agentOf("2"), "agent.previous": agentOf("1") });
    },
    LONG_MS,
  );

  testWithThem(
    `after the loop went back, agent and agent.previous are one file, and a fetch parts them (programs ${programs})`,
    async () => {
      const device = deviceWithOne(programs);
      rmSync(device.at("/opt/agent/agent.previous"));
      linkSync(device.at("/opt/agent/agent"), device.at("/opt/agent/agent.previous"));
      expect((await fetched(device, agentOf("2"))).code).toBe(0);
      expect(files(device)).toEqual({ agent: agentOf("2"), "agent.previous": agentOf("1") });
    },
    LONG_MS,
  );

  testWithThem(
    `a present binary that does not start never replaces agent.previous (programs ${programs})`,
    async () => {
      const device = deviceWithOne(programs);
      write(device, "agent", "#!/bin/sh\nexit 1\n");
      const { code, out } = await fetched(device, agentOf("2"));
      expect([code, out]).toEqual([0, expect.stringContaining("ok one that does not start -> agent 2 commit 2\n")]);
      expect(files(device)).toEqual({ agent: agentOf("2"), "agent.previous": agentOf("0") });
    },
    LONG_MS,
  );
}

testOnDevice(
  "a device without an agent gets its first one; a second fetch at the same time changes nothing",
  async () => {
    const device = new Device();
    devices.push(device);
    const slow = "#!/bin/sh\nsleep 2\necho agent 2\n";
    const first = fetched(device, slow);
    while (!existsSync(device.at("/opt/agent/.agent.next"))) await Bun.sleep(5);
    const second = await fetched(device, slow);
    expect([second.code, second.out]).toEqual([10, expect.stringContaining("FAILED busy: ")]);
    expect([(await first).code, (await first).out]).toEqual([0, expect.stringContaining("ok none -> agent 2\n")]);
    expect(files(device)).toEqual({ agent: slow });
  },
  LONG_MS,
);

testOnDevice(
  "a full disk changes nothing and is named",
  async () => {
    const device = deviceWithOne("of this machine");
    const opt = device.at("/opt/agent");
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", opt]).exitCode).toBe(0);
    try {
      write(device, "agent", agentOf("1"));
      write(device, "agent.previous", agentOf("0"));
      const { code, out } = await fetched(device, agentOf("2"));
      expect([code, out]).toEqual([
        12,
        expect.stringMatching(/FAILED cannot_write: .* KiB free, and 32768 are needed/),
      ]);
      expect(files(device)).toEqual(BEFORE);
      Bun.spawnSync(["mount", "-o", "remount,ro", opt]);
      const readOnly = await fetched(device, agentOf("2"));
      expect([readOnly.code, readOnly.out]).toEqual([12, expect.stringContaining("FAILED cannot_write: ")]);
      expect(files(device)).toEqual(BEFORE);
    } finally {
      Bun.spawnSync(["umount", opt]);
    }
  },
  LONG_MS,
);

testWith("binary", "a user who is root", "small disks")(
  "the compiled agent is brought, and one that is cut short is not",
  async () => {
    const device = deviceWithOne("of this machine");
    const whole = readFileSync(AGENT_BINARY);
    const run = async (bytes: Uint8Array) => {
      const path = device.file("artifact", bytes);
      return await device.run("fetch.yaml", { url: "http://x/a", sha256: sumOf(bytes) }, { "/artifact/a": path });
    };
    const short = await run(whole.subarray(0, whole.length / 2));
    expect([short.code, short.out]).toEqual([14, expect.stringContaining("FAILED does_not_start: ")]);
    expect(files(device)).toEqual(BEFORE);
    const { code, out } = await run(whole);
    expect([code, out]).toEqual([0, expect.stringMatching(/ok agent 1 commit 1 -> agent \d+\.\d+\.\d+ commit \w+\n/)]);
  },
  LONG_MS,
);
