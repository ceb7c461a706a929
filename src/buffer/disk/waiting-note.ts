/**
 * An agent that waits says so in the data dir, for `agent status` from another process or container:
 * what it waits for, in a file beside a lock that it holds. The operating system releases the lock however the process ends, so a
 * file that is left says nothing. Where the data dir cannot be written there is no note: then `status` looks for itself.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "../../core/outside/scalar-shapes.ts";
import type { Shape } from "../../core/outside/shape.ts";
import { anyNumber, atLeast, storedJson } from "../../core/outside/stored-json.ts";
import type { Problem } from "../../core/problem.ts";
import { isFileLocked, type LockedFile, lockFile } from "./agent-lock.ts";

export type WaitingAgent = {
  readonly pid: number;
  readonly host: string;
  readonly sinceMs: number;
  readonly problem: Problem;
};

const anyText = text(/^/, "a text");
const WAITING: Shape<WaitingAgent> = atLeast({
  pid: anyNumber,
  host: anyText,
  sinceMs: anyNumber,
  problem: atLeast({ code: anyText, message: anyText, try: anyText }),
});

/** Of the problem of an agent that waits for another one's end. */
export const LOCK_CODE = "waiting_for_lock";

const LOCK_FILE = "waiting.db";
const NOTE_FILE = "waiting.json";

export class WaitingNote {
  readonly #dataDir: string;
  #lock: LockedFile | null = null;
  #isWritten = false;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** True: it is written, or another agent that waits has written its own. False: try again, it cannot be written now. */
  write(note: WaitingAgent): boolean {
    try {
      this.#lock ??= lockFile(join(this.#dataDir, LOCK_FILE));
      if (this.#lock === null) return false;
      writeFileSync(join(this.#dataDir, NOTE_FILE), `${JSON.stringify(note)}\n`, { mode: 0o600 });
      this.#isWritten = true;
    } catch {
      this.#isWritten = false;
    }
    return this.#isWritten;
  }

  /** The agent waits no more. */
  end(): void {
    if (this.#lock === null) return;
    for (const name of [NOTE_FILE, LOCK_FILE]) rmSync(join(this.#dataDir, name), { force: true });
    this.#lock.release();
    this.#lock = null;
  }
}

/** The agent that waits now and has said so; of several, one. Null: none has. */
export function waitingAgent(dataDir: string): WaitingAgent | null {
  try {
    if (!isFileLocked(join(dataDir, LOCK_FILE))) return null;
    return storedJson(WAITING, readFileSync(join(dataDir, NOTE_FILE), "utf8"));
  } catch {
    return null;
  }
}
