/**
 * A folder that is read-only for the one who looks need not be so for its agent: a job that only looks mounts the data dir for
 * reading, in a container of its own. The kernel's table of mounts shows which of the two it is: a mount has options, and so has the file
 * system under it.
 */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { LIVE_FILE } from "../agent/live.ts";
import { HOLDER_FILE, isLocked } from "../buffer/disk/agent-lock.ts";
import { BUFFER_FILE } from "../buffer/sqlite-buffer.ts";

/** A running agent writes its report every second; one that began just now has written its lock and its buffer. */
const WRITTEN = [LIVE_FILE, HOLDER_FILE, BUFFER_FILE, `${BUFFER_FILE}-wal`];
const FRESH_MS = 10_000;

/** Whether only our own mount keeps us from writing, and nothing says that it keeps the agent from it too. */
export function isReadOnlyForUs(dataDir: string, nowMs = Date.now()): boolean {
  try {
    if (!isOnlyTheMount(realpathSync(dataDir), readFileSync("/proc/self/mountinfo", "utf8"))) return false;
    return !isLocked(dataDir) || WRITTEN.some((name) => nowMs - writtenMs(join(dataDir, name)) < FRESH_MS);
  } catch {
    return false;
  }
}

function writtenMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.NEGATIVE_INFINITY;
}

/** Of the mount that holds the path, the last one where several have one place. Format: proc(5), `/proc/pid/mountinfo`. */
export function isOnlyTheMount(path: string, table: string): boolean {
  let found = { length: 0, isIt: false };
  for (const line of table.split("\n")) {
    const [mount = "", system = ""] = line.split(" - ");
    const [, , , , escaped = "", options = ""] = mount.split(" ");
    const place = escaped.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const holds = place !== "" && `${path}/`.startsWith(place.endsWith("/") ? place : `${place}/`);
    if (!holds || place.length < found.length) continue;
    const has = (list: string, option: string) => list.split(",").includes(option);
    found = { length: place.length, isIt: has(options, "ro") && has(system.split(" ")[2] ?? "", "rw") };
  }
  return found.isIt;
}
