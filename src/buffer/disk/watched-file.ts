/** A file that is open and must stay where it is: one that was deleted works on for whoever has it open, and for nobody else. */
import { statSync } from "node:fs";
import { codeOf } from "../../core/errors.ts";

export class WatchedFile {
  readonly #path: string;
  readonly #identity: string | null;

  /** Opened just now, so what stands under the path is it. */
  constructor(path: string) {
    this.#path = path;
    this.#identity = identityOf(path);
  }

  /** Whether it is still there; another file under its name is not it. One that may not be looked at is taken to be there. */
  isInPlace(): boolean {
    try {
      return identityOf(this.#path) === this.#identity;
    } catch {
      return true;
    }
  }

  /** Nothing stands under its name. */
  isMissing(): boolean {
    return identityOf(this.#path) === null;
  }
}

/** Null where there is no such file. */
function identityOf(path: string): string | null {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return null;
    throw error;
  }
}
