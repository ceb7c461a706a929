/**
 * The needs of tests beside Bun, and the skipping of a test whose need is not met.
 *
 * `bun test` runs the quick tests, in seconds: a test that needs more is skipped, and one line says why. `./scripts/test` sets
 * AGENT_TEST=all, and everything runs: if set-up did not bring a need, the tests that need it fail. Only needs that
 * this machine cannot have is skipped then, by name: AGENT_TEST_WITHOUT (no Go, no Java), or a user who is not root.
 */
import { test } from "bun:test";
import { existsSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { marksOfMachine } from "../buffer/disk/marks.ts";
import { AGENT_BINARY } from "./agent-process.ts";
import { CHROMIUM } from "./page/chromium.ts";
import { maySystemd } from "./real-systemd.ts";
import { findS3Server, serverCache } from "./s3-server.ts";
import { findSpark } from "./spark/session.ts";

/** HashiCorp's own parser of what Terraform reads. */
export const HCLFMT = join(serverCache(), "bin/hclfmt");
/** Root folders by target, with the C libraries that such a machine has: `scripts/setup-roots`. */
export const ROOTS = join(serverCache(), "roots");

/** Debian has it where only root looks. */
export const MOSQUITTO = Bun.which("mosquitto") ?? (existsSync("/usr/sbin/mosquitto") ? "/usr/sbin/mosquitto" : null);

type Spec = {
  readonly isHere: () => boolean;
  /** The command that brings it; null: part of the machine, which no set-up changes. */
  readonly bringer: string | null;
};
const NEEDS = {
  /** More than a moment: the quick run is to stay quick. */
  time: { isHere: () => true, bringer: null },
  binary: { isHere: () => existsSync(AGENT_BINARY), bringer: "bun run build" },
  versitygw: { isHere: () => findS3Server("versitygw") !== null, bringer: "scripts/setup-servers" },
  moto: { isHere: () => findS3Server("moto") !== null, bringer: "scripts/setup-servers" },
  hclfmt: { isHere: () => existsSync(HCLFMT), bringer: "scripts/setup-servers" },
  /** Root folders for binaries of other platforms, and an emulator. */
  musl: { isHere: () => existsSync(join(ROOTS, "linux-x64-musl")), bringer: "scripts/setup-roots" },
  arm64: { isHere: () => existsSync(join(ROOTS, "qemu-aarch64")), bringer: "scripts/setup-roots" },
  /** dpkg, on a copy of this machine's files that is thrown away. */
  "dpkg on a copy of this machine": { isHere: () => Bun.which("dpkg") !== null && mayCopyRoot(), bringer: null },
  spark: { isHere: () => findSpark() !== null, bringer: "scripts/setup-spark" },
  openssl: { isHere: () => Bun.which("openssl") !== null, bringer: null },
  linux: { isHere: () => process.platform === "linux", bringer: null },
  "a user who is root": { isHere: () => process.getuid?.() === 0, bringer: null },
  "a user who is not root": { isHere: () => process.getuid?.() !== 0, bringer: null },
  "a file system that numbers its files": { isHere: numbersFiles, bringer: null },
  busybox: { isHere: () => Bun.which("busybox") !== null, bringer: null },
  "small disks": { isHere: mayMount, bringer: null },
  /** A file system of our own, in a mount namespace of its own. */
  FUSE: { isHere: mayFuse, bringer: null },
  "a systemd of its own": { isHere: maySystemd, bringer: null },
  python3: { isHere: () => Bun.which("python3") !== null, bringer: null },
  "systemd-analyze": { isHere: () => Bun.which("systemd-analyze") !== null, bringer: null },
  /** Debian: `apt-get install docker.io`. A test starts a daemon of its own. */
  "Docker Engine": { isHere: mayRunContainers, bringer: null },
  /** Debian: `apt-get install mosquitto mosquitto-clients`. A test starts a broker of its own. */
  mosquitto: { isHere: () => MOSQUITTO !== null && Bun.which("mosquitto_pub") !== null, bringer: null },
  /** Debian: `apt-get install prometheus`. A test starts a server of its own. */
  prometheus: { isHere: () => Bun.which("prometheus") !== null && Bun.which("promtool") !== null, bringer: null },
  /** Debian: `apt-get install chromium`. A test starts one of its own. */
  chromium: { isHere: () => CHROMIUM !== null, bringer: "scripts/setup-browser" },
  "disks that fail": { isHere: mayFail, bringer: null },
} as const satisfies Record<string, Spec>;
export type Need = keyof typeof NEEDS;

/** As ext4 and xfs do, and memory and layers of images do not. */
function numbersFiles(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "agent-numbers-"));
  try {
    writeFileSync(join(folder, "file"), "");
    return marksOfMachine(null)(join(folder, "file")).file !== null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether tests that need all of these run. Where they do not, one line says why, and what to type. */
export function canRun(...needs: readonly Need[]): boolean {
  return process.env["AGENT_TEST"] === "all" ? isPossible(needs) : saySkipped(needs);
}

/** Whether this machine can have it all: what set-up should have brought fails by itself where it is missing. */
function isPossible(needs: readonly Need[]): boolean {
  const without = (process.env["AGENT_TEST_WITHOUT"] ?? "").split(/\s+/);
  const lacks = needs.filter(
    (need) => without.includes(need) || (NEEDS[need].bringer === null && !NEEDS[need].isHere()),
  );
  if (lacks.length > 0) say(`skipped: needs ${lacks.join(", ")}, which this machine does not have`);
  return lacks.length === 0;
}

function saySkipped(needs: readonly Need[]): false {
  say("skipped: long tests. Try: AGENT_TEST=all bun test PATTERN");
  for (const need of needs) {
    const { bringer, isHere } = NEEDS[need];
    if (bringer !== null && !isHere()) say(`skipped: tests with ${need}, which is missing. Try: ${bringer}`);
  }
  return false;
}

/**
 * How many random cases a property is tried with: all of them in `./scripts/test`, a tenth in the quick run, and at least
 * `least`. The seed is another each time, so that every run of the quick tests looks somewhere else.
 */
export function cases(all: number, least = 10): number {
  if (process.env["AGENT_TEST"] === "all") return all;
  say("quick: properties and listings have a tenth of their cases. Try: AGENT_TEST=all bun test PATTERN");
  return Math.min(all, Math.max(least, Math.ceil(all / 10)));
}

/** `test`, or a test that is skipped where a need is not met. */
export function testWith(...needs: readonly Need[]): typeof test {
  return test.skipIf(!canRun(...needs)) as typeof test;
}

const said = new Set<string>();
function say(line: string): void {
  if (!said.has(line)) console.warn(line);
  said.add(line);
}

let mounts: boolean | null = null;
function mayMount(): boolean {
  if (mounts === null) {
    const path = mkdtempSync(join(tmpdir(), "agent-mount-"));
    mounts = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path]).exitCode === 0;
    if (mounts) Bun.spawnSync(["umount", path]);
    rmdirSync(path);
  }
  return mounts;
}

/** An overlay over the root folder, in a mount namespace of its own. */
function mayCopyRoot(): boolean {
  const script =
    'mount -t tmpfs tmpfs "$0" && mkdir "$0/u" "$0/w" "$0/r" && mount -t overlay -o "lowerdir=/,upperdir=$0/u,workdir=$0/w" overlay "$0/r"';
  const path = mkdtempSync(join(tmpdir(), "agent-overlay-"));
  const can = mayMount() && Bun.spawnSync(["unshare", "--mount", "sh", "-c", script, path]).exitCode === 0;
  rmdirSync(path);
  return can;
}

function mayFuse(): boolean {
  return existsSync("/dev/fuse") && mayMount() && Bun.spawnSync(["unshare", "--mount", "true"]).exitCode === 0;
}

function mayRunContainers(): boolean {
  const programs = ["dockerd", "containerd", "runc", "setpriv", "ldd", "tar", "ps"];
  return process.getuid?.() === 0 && mayMount() && programs.every((name) => Bun.which(name) !== null);
}

let fails: boolean | null = null;
/** A device over a file, of which a part goes away and comes back, and the tools for it. */
function mayFail(): boolean {
  if (fails !== null) return fails;
  fails = false;
  if (!mayMount() || ["losetup", "mkfs.ext4", "debugfs"].some((tool) => Bun.which(tool) === null)) return fails;
  const image = join(mkdtempSync(join(tmpdir(), "agent-loop-")), "image");
  writeFileSync(image, new Uint8Array(1 << 20));
  const made = Bun.spawnSync(["losetup", "-f", "--show", image]);
  fails = made.exitCode === 0;
  if (fails) Bun.spawnSync(["losetup", "-d", made.stdout.toString().trim()]);
  rmSync(dirname(image), { recursive: true });
  return fails;
}
