/** The token of the page: of the setting, else a random one that is kept in a file of the data dir, for its owner alone. */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { codeOf, messageOf } from "../core/errors.ts";

/** What a token may be, by the setting and in the file. */
export const TOKEN = /^[\x21-\x7e]{16,512}$/;
export const TOKEN_FILE = "dashboard.token";
const RANDOM_BYTES = 24;
const FILE_BYTES_MOST = 1_024;

/** Absent on Windows, where links need rights of their own. */
const NO_LINK = constants.O_NOFOLLOW ?? 0;

export type TokenParts = {
  /** Of the setting; null: the file's. */
  readonly set: string | null;
  /** Of the file. */
  readonly path: string;
};

export class PageToken {
  readonly #parts: TokenParts;
  #token: string | null;
  #problem: string | null = null;

  constructor(parts: TokenParts) {
    this.#parts = parts;
    this.#token = parts.set;
  }

  /** Null: there is none, and {@link problem} says why where that is known. */
  get value(): string | null {
    // An agent that waits for another one's end has that one's token, if there is a data dir.
    this.#token ??= this.#tried(() => readToken(this.#parts.path));
    return this.#token;
  }

  get problem(): string | null {
    return this.#problem;
  }

  /** Makes one where there is none; call it when the data dir is ours. True: it was made just now. */
  make(): boolean {
    if (this.value !== null) return false;
    const { path } = this.#parts;
    this.#token = this.#tried(() => {
      if (isFile(path)) unlinkSync(path);
      return writeToken(path, randomBytes(RANDOM_BYTES).toString("base64url"));
    });
    return this.#token !== null;
  }

  /** Writes the token that is in force into its file again, where that is missing. */
  keep(): void {
    const { set, path } = this.#parts;
    const token = this.#token;
    if (set !== null || token === null) return;
    this.#tried(() => {
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined) writeToken(path, token);
      return token;
    });
  }

  #tried(work: () => string | null): string | null {
    try {
      const token = work();
      this.#problem = null;
      return token;
    } catch (error) {
      const isLink = codeOf(error) === "ELOOP" || codeOf(error) === "EEXIST";
      this.#problem = `Cannot use ${this.#parts.path}: ${isLink ? "it is a link, or no file" : messageOf(error)}`;
      return null;
    }
  }
}

/** Null: there is nothing, or a file that holds no token. Throws where it is a link, or cannot be read. */
function readToken(path: string): string | null {
  let file: number;
  try {
    // Without O_NONBLOCK a pipe in its place would be waited for.
    file = openSync(path, constants.O_RDONLY | NO_LINK | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return null;
    throw error;
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw new Error("it is a link, or no file");
    if (stat.size > FILE_BYTES_MOST) return null;
    // A copy of a data dir may have lost it.
    if (process.platform !== "win32" && (stat.mode & 0o077) !== 0) fchmodSync(file, 0o600);
    const bytes = Buffer.alloc(FILE_BYTES_MOST);
    const text = bytes.toString("utf8", 0, readSync(file, bytes)).trim();
    return TOKEN.test(text) ? text : null;
  } finally {
    closeSync(file);
  }
}

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Throws where something is there already, a link included. */
function writeToken(path: string, token: string): string {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | NO_LINK, 0o600);
  try {
    writeSync(file, `${token}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  return token;
}
