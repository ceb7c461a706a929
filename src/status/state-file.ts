/** One word for a supervisor in a shell, in the file that AGENT_STATE_FILE names: `waiting` for the lock or the disk, or `running`. */
import { renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import { shellWord } from "../core/shell-word.ts";

export class StateFile {
  readonly #path: string | null;
  readonly #log: Log;
  #isWarned = false;

  /** `path`: null where no one asked for it. */
  constructor(path: string | null, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** In one piece. Never throws: the agent works without it. */
  write(state: "waiting" | "running"): void {
    if (this.#path === null) return;
    try {
      writeFileSync(`${this.#path}.new`, `${state}\n`);
      renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      if (!this.#isWarned)
        this.#log.warn("state_unwritten", `Cannot write AGENT_STATE_FILE: ${messageOf(error)}. The agent continues`, {
          try: `ls -ld ${shellWord(dirname(this.#path))}`,
        });
      this.#isWarned = true;
    }
  }
}
