/** This machine: what a plan asks, and what it does. No command goes through a shell. */
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { AgentError, codeOf, messageOf } from "../core/errors.ts";
import { shellWord } from "../core/shell-word.ts";
import { type Account, type Deed, type FileFacts, type Host, typedDeed } from "./host.ts";

/** What a service is asked for. systemctl answers with one line for each. */
export const UNIT_PROPERTIES = [
  ...["LoadState", "UnitFileState", "FragmentPath", "NeedDaemonReload", "ActiveState", "SubState", "Job", "Result"],
  ...["MainPID", "ActiveEnterTimestamp", "InactiveEnterTimestamp", "NRestarts", "StatusText", "StatusErrno"],
  ...["ExecMainCode", "ExecMainStatus", "ExecMainExitTimestamp", "WatchdogUSec", "WatchdogTimestamp"],
  ...["MemoryCurrent", "MemoryPeak", "MemoryMax", "User", "WorkingDirectory"],
];

export class RealHost implements Host {
  readonly uid = process.getuid?.() ?? -1;
  readonly systemdVersion = systemdVersion();

  facts(path: string): FileFacts | null {
    try {
      const { uid, gid, mode, size, dev, ino } = statSync(path);
      const isFolder = (mode & 0o170000) === 0o040000;
      return { uid, gid, mode: mode & 0o7777, isFolder, bytes: size, identity: `${dev}:${ino}` };
    } catch {
      return null;
    }
  }

  names(path: string): readonly string[] {
    try {
      return readdirSync(path).sort();
    } catch {
      return [];
    }
  }

  text(path: string): string | null {
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      if (codeOf(error) === "ENOENT") return null;
      throw new AgentError(`Cannot read "${path}": ${messageOf(error)}`, {
        cause: error,
        tryHint: `ls -l ${shellWord(path)}`,
      });
    }
  }

  sameContent(one: string, other: string): boolean {
    if (this.facts(one)?.bytes !== this.facts(other)?.bytes) return false;
    const [a, b] = [one, other].map((path) => new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex"));
    return a === b;
  }

  account(name: string): Account | null {
    const [, , uid, gid, , home = "", shell = ""] = getent("passwd", name);
    return uid === undefined || gid === undefined ? null : { uid: Number(uid), gid: Number(gid), home, shell };
  }

  groupName(gid: number): string | null {
    return getent("group", String(gid))[0] ?? null;
  }

  unit(name: string): Readonly<Record<string, string>> {
    if (this.systemdVersion === null) return {};
    const { stdout } = Bun.spawnSync(["systemctl", "show", name, `--property=${UNIT_PROPERTIES.join(",")}`], {
      env: { ...process.env, LC_ALL: "C.UTF-8", TZ: "UTC" },
      stderr: "ignore",
    });
    const lines = stdout.toString().trimEnd().split("\n");
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    );
  }

  perform(deed: Deed): void {
    try {
      this.#perform(deed);
    } catch (error) {
      throw new AgentError(`Cannot ${typedDeed(deed)}: ${messageOf(error)}`, {
        cause: error,
        advice: "What is in the lines before it was done; the same command continues",
        tryHint: "agent service status",
      });
    }
  }

  #perform(deed: Deed): void {
    switch (deed.do) {
      case "run":
        runCommand(deed.command);
        break;
      case "folder":
        mkdirSync(deed.path, { recursive: true, mode: deed.mode });
        this.#own(deed.path, deed.mode, deed.owner);
        break;
      case "write":
        this.#write(deed);
        break;
      case "own":
        this.#own(deed.path, deed.mode, deed.owner);
        break;
      case "binary":
        copyBinary(deed.from, deed.path);
        break;
      case "delete":
        rmSync(deed.path, { recursive: true, force: true });
        break;
    }
  }

  /** In one piece, and never open to others: the name appears when text, mode and owner are right. */
  #write({ path, text, mode, owner }: Extract<Deed, { do: "write" }>): void {
    const next = `${path}.new`;
    rmSync(next, { force: true });
    writeFileSync(next, text, { mode: 0o600, flag: "wx", flush: true });
    this.#own(next, mode, owner);
    renameSync(next, path);
  }

  #own(path: string, mode: number | null, owner: string | null): void {
    if (owner !== null) {
      const account = this.account(owner);
      if (account === null) throw new Error(`there is no user "${owner}"`);
      chownSync(path, account.uid, account.gid);
    }
    // After it: a change of owner may take bits away.
    if (mode !== null) chmodSync(path, mode);
  }
}

/** Whether systemd is the first process here, which is another question than whether its tools are. */
function systemdVersion(): number | null {
  if (process.platform !== "linux" || !existsSync("/run/systemd/system")) return null;
  try {
    const said = Bun.spawnSync(["systemctl", "--version"], { stderr: "ignore" }).stdout.toString();
    const found = /^systemd (\d+)/.exec(said)?.[1];
    return found === undefined ? null : Number(found);
  } catch {
    return null;
  }
}

function getent(table: "passwd" | "group", key: string): string[] {
  try {
    const line = Bun.spawnSync(["getent", table, key], { stderr: "ignore" }).stdout.toString().trim();
    return line === "" ? [] : line.split(":");
  } catch {
    return [];
  }
}

function runCommand(command: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...command], { stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(stderr.toString().trim().replaceAll("\n", "; ") || `exit code ${exitCode}`);
}

/** A power cut leaves the old binary or the new one. The old one stays as `PATH.previous`. */
function copyBinary(from: string, path: string): void {
  const next = `${path}.new`;
  rmSync(next, { force: true });
  copyFileSync(from, next);
  chmodSync(next, 0o755);
  const descriptor = openSync(next, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
  if (existsSync(path)) {
    rmSync(`${path}.previous.new`, { force: true });
    linkSync(path, `${path}.previous.new`);
    renameSync(`${path}.previous.new`, `${path}.previous`);
  }
  renameSync(next, path);
}
