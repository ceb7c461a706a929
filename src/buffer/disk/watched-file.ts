/** A file that is open and must stay in its place: a deleted one still works for the process that has it open, and for no other. */
import { statSync } from "node:fs";
import { codeOf } from "../../core/errors.ts";

export class WatchedFile {
  readonly #path: string;
  readonly #identity: string | null;

  /** The file was just opened, so the one at this path is it. */
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

  /** There is no file of its name. */
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
