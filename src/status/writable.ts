/** Whether an agent can write the data dir: it could not report that itself, its report is a file there. */
import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import { BUFFER_FILE } from "../buffer/sqlite-buffer.ts";
import { codeOf } from "../core/errors.ts";
import type { Problem } from "../core/problem.ts";
import { shellWord } from "../core/shell-word.ts";
import { isReadOnlyForUs } from "./our-mount.ts";

const ROOT = 0;

/** Null: it can, or this user cannot see it. The one who looks is often another user than the agent. */
export function unwritable(dataDir: string, isRunning: boolean): Problem | null {
  const why = whyNot(dataDir, dataDir) ?? whyNot(join(dataDir, BUFFER_FILE), dataDir);
  if (why === null) return null;
  const hint = `ls -la ${shellWord(dataDir)}`;
  if (!isRunning) {
    const waits = "One that is started waits until it can, and nothing in the buffer is lost";
    const message = `No agent can write data dir "${dataDir}" now: ${why}. ${waits}`;
    return { code: "data_dir_unusable", message, try: hint };
  }
  const message = `The running agent cannot write its data dir "${dataDir}": ${why}. Nothing that it accepted is lost, and it waits`;
  return { code: "data_dir_unwritable", message, try: hint };
}

function whyNot(path: string, dataDir: string): string | null {
  try {
    const { mode, uid } = statSync(path);
    // The agent's user owns the file that it made.
    const agent = statSync(join(dataDir, BUFFER_FILE)).uid;
    const bits = uid === agent ? 0o200 : 0o022;
    if (agent !== ROOT && (mode & bits) === 0) return `its mode is ${(mode & 0o777).toString(8)}`;
    accessSync(path, constants.W_OK);
    return null;
  } catch (error) {
    const code = codeOf(error);
    if (code === "EROFS") return isReadOnlyForUs(dataDir) ? null : "its file system is mounted for reading only";
    return code === "EPERM" || code === "EIO" ? code : null;
  }
}
