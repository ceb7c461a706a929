/**
 * A real systemd for tests, on a machine where another process is the first one: in namespaces of its own, over a copy of this
 * machine's files that is thrown away (`real-systemd.sh`). Needs root, overlayfs and control groups.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENOUGH_MS } from "./agent-process.ts";

const SCRIPT = join(import.meta.dir, "real-systemd.sh");
const CGROUPS = "/sys/fs/cgroup";
const ENTERED = ["--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup"];
/** A new group there wants settings before it takes a process, and no unit needs it. */
const LEFT_OUT = ["cpuset"];

/** Whether the programs and rights for it are here; that it comes up is for `start` to see. */
export function maySystemd(): boolean {
  if (process.getuid?.() !== 0 || !existsSync("/usr/lib/systemd/systemd") || hierarchies().length === 0) return false;
  if (["unshare", "nsenter", "systemctl", "useradd"].some((program) => Bun.which(program) === null)) return false;
  const overlay = readFileSync("/proc/filesystems", "utf8").includes("overlay");
  return overlay && Bun.spawnSync(["unshare", ...ENTERED, "--fork", "true"], { stderr: "ignore" }).exitCode === 0;
}

/** The control groups' hierarchies, below `CGROUPS`; ".": there is one of all. */
function hierarchies(): string[] {
  return readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, path = "", type = ""] = line.split(" ");
      if (!/^cgroup2?$/.test(type) || !`${path}/`.startsWith(`${CGROUPS}/`)) return [];
      return [path === CGROUPS ? "." : path.slice(CGROUPS.length + 1)];
    })
    .filter((name) => !LEFT_OUT.includes(name));
}

export type Ran = { readonly code: number | null; readonly out: string; readonly err: string };

export class RealSystemd {
  readonly #outer: Bun.Subprocess;
  readonly #pid: number;
  readonly #folder: string;
  readonly #group: string;

  private constructor(
    outer: Bun.Subprocess,
    at: { readonly pid: number; readonly folder: string; readonly group: string },
  ) {
    this.#outer = outer;
    this.#pid = at.pid;
    this.#folder = at.folder;
    this.#group = at.group;
  }

  /** `binary` is /usr/local/src/agent in it. Resolves when systemd answers. */
  static async start(binary: string): Promise<RealSystemd> {
    const folder = mkdtempSync(join(tmpdir(), "agent-systemd-"));
    const group = `agent-test-${process.pid}`;
    const all = hierarchies();
    for (const name of all) mkdirSync(join(CGROUPS, name, group), { recursive: true });
    const enter = all.map((name) => `echo $$ > '${join(CGROUPS, name, group, "cgroup.procs")}'`).join(" && ");
    const unshare = `exec unshare ${ENTERED.join(" ")} --fork --kill-child sh '${SCRIPT}' "$0" "$1" "$2" "$3"`;
    const outer = Bun.spawn(["sh", "-c", `${enter} && ${unshare}`, folder, binary, all.join(" "), group], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; await Bun.sleep(50)) {
      const pid = childOf(outer.pid);
      if (outer.exitCode !== null) break;
      if (pid === null || !existsSync(join("/proc", String(pid), "root", "run/systemd/private"))) continue;
      const systemd = new RealSystemd(outer, { pid, folder, group });
      if (systemd.run("systemctl", "is-active", "test.target").out.trim() === "active") return systemd;
    }
    outer.kill("SIGKILL");
    throw new Error(`systemd did not come up in its namespaces: ${await new Response(outer.stderr).text()}`);
  }

  /** Runs a program inside, as root. */
  run(...command: readonly string[]): Ran {
    const enter = ["nsenter", "-t", String(this.#pid), ...ENTERED, "--wdns=/"];
    const done = Bun.spawnSync([...enter, ...command], {
      env: { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8" },
      stderr: "pipe",
    });
    return { code: done.exitCode, out: done.stdout.toString(), err: done.stderr.toString() };
  }

  /** Where a file of it is seen from outside. */
  path(inside: string): string {
    return join(`/proc/${this.#pid}/root`, inside);
  }

  write(inside: string, text: string): void {
    mkdirSync(join(this.path(inside), ".."), { recursive: true });
    writeFileSync(this.path(inside), text);
  }

  /** One property of a unit. */
  property(unit: string, name: string): string {
    return this.run("systemctl", "show", unit, "--value", `--property=${name}`).out.trim();
  }

  async until(what: () => boolean): Promise<boolean> {
    for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; await Bun.sleep(50)) {
      if (what()) return true;
    }
    return false;
  }

  /** The machine is as before. */
  async end(): Promise<void> {
    process.kill(this.#pid, "SIGKILL");
    await this.#outer.exited;
    for (const name of hierarchies()) await removeGroup(join(CGROUPS, name, this.#group));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function childOf(pid: number): number | null {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    return first === undefined || first === "" ? null : Number(first);
  } catch {
    return null;
  }
}

/** The innermost first; processes that were just killed may be in it for a moment. */
async function removeGroup(path: string): Promise<void> {
  if (!existsSync(path)) return;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeGroup(join(path, entry.name));
  }
  for (let tries = 0; tries < 50 && existsSync(path); tries++) {
    try {
      rmdirSync(path);
    } catch {
      await Bun.sleep(50);
    }
  }
}
