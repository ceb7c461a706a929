/**
 * Puts a file into a folder so that it appears whole or not at all, also after a power cut: written under a temporary
 * name, synced, then linked to its own name (which fails where one is), then the folder is synced. Temporary names
 * live in `.incoming` of the bucket's folder, where no reader looks (a leading dot is hidden to DuckDB's, Spark's and a
 * shell's `*`), and where one look finds what killed writers left.
 */

import type * as nodeFiles from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { codeOf } from "../../core/errors.ts";
import { MS_PER_DAY } from "../../core/time/duration.ts";

/** The calls that a store makes; tests pass failing ones. */
export type Files = Pick<
  typeof nodeFiles,
  "link" | "mkdir" | "open" | "readdir" | "readFile" | "rename" | "rm" | "rmdir" | "stat"
>;

/** `path` is inside `bucket`, which is a folder inside the root. */
export type NewFile = {
  readonly bucket: string;
  readonly path: string;
  readonly body: Uint8Array;
  readonly signal?: AbortSignal | undefined;
};

export const INCOMING = ".incoming";
/** Folders that this process remembers to exist; when there are more, all are forgotten. */
const KNOWN_FOLDERS = 10_000;
/** A temporary file of another host is deleted after this long: whether its writer lives cannot be asked. */
const ABANDONED_MS = MS_PER_DAY;
/** How `link` says that the file system (FAT, exFAT, some network and FUSE mounts) has no hard links. */
const NO_LINKS = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

const HOST = hostname();

export class DirectoryWriter {
  readonly #root: string;
  readonly #files: Files;
  readonly #known = new Set<string>();
  readonly #cleaned = new Map<string, Promise<void>>();
  /** Names that this process is writing: they make check-then-rename safe where there are no hard links. */
  readonly #renaming = new Map<string, Promise<unknown>>();
  #hardLinks = true;

  constructor(root: string, files: Files) {
    this.#root = root;
    this.#files = files;
  }

  /** On return the file is there and durable. Throws what the file system throws. */
  write(file: NewFile): Promise<"stored" | "already-there"> {
    return this.#whole(() => this.#put(file, (temporary) => this.#name(temporary, file.path)));
  }

  /** The same, in place of the file that is there. */
  replace(file: NewFile): Promise<void> {
    return this.#whole(() => this.#put(file, (temporary) => this.#files.rename(temporary, file.path)));
  }

  async #whole<T>(put: () => Promise<T>): Promise<T> {
    try {
      return await put();
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
    // A folder was deleted meanwhile (`lake clean`, a person): all are made again, once.
    this.#known.clear();
    return await put();
  }

  async #put<T>({ bucket, path, body, signal }: NewFile, name: (temporary: string) => Promise<T>): Promise<T> {
    const folder = dirname(path);
    await this.#makeSure(join(bucket, INCOMING));
    await this.#makeSure(folder);
    await this.#cleanOnce(bucket);
    const temporary = join(bucket, INCOMING, temporaryName());
    try {
      await this.#write(temporary, body, signal);
      signal?.throwIfAborted();
      const outcome = await name(temporary);
      // Also when it was there already: a run that was killed may have linked it and not have synced the folder.
      await this.#sync(folder);
      return outcome;
    } finally {
      await this.#files.rm(temporary, { force: true }).catch(() => undefined);
    }
  }

  async #write(temporary: string, body: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    // "wx": never into an existing file, and never through a link that another program put there.
    const file = await this.#files.open(temporary, "wx", 0o644);
    try {
      await file.writeFile(body, signal === undefined ? {} : { signal });
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Gives the file its own name, unless that is taken. */
  async #name(temporary: string, path: string): Promise<"stored" | "already-there"> {
    if (this.#hardLinks) {
      try {
        await this.#files.link(temporary, path);
        return "stored";
      } catch (error) {
        const code = codeOf(error) ?? "";
        if (code === "EEXIST") return "already-there";
        if (!NO_LINKS.has(code)) throw error;
        this.#hardLinks = false;
      }
    }
    // One agent writes a key (it names node and epoch, and a lock guards the epoch), so in-process order is enough.
    const before = this.#renaming.get(path) ?? Promise.resolve();
    const turn = before.then(() => this.#renameIfFree(temporary, path));
    const settled = turn.catch(() => undefined);
    this.#renaming.set(path, settled);
    try {
      return await turn;
    } finally {
      if (this.#renaming.get(path) === settled) this.#renaming.delete(path);
    }
  }

  async #renameIfFree(temporary: string, path: string): Promise<"stored" | "already-there"> {
    if (await this.#exists(path)) return "already-there";
    await this.#files.rename(temporary, path);
    return "stored";
  }

  async #exists(path: string): Promise<boolean> {
    try {
      await this.#files.stat(path);
      return true;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return false;
      throw error;
    }
  }

  /** On return the folder exists and will after a power cut: it and those above it are made, and their parents synced. */
  async #makeSure(folder: string): Promise<void> {
    if (this.#known.has(folder)) return;
    const parent = dirname(folder);
    if (folder === this.#root) {
      await this.#makeRoot();
    } else {
      await this.#makeSure(parent);
      await this.#files.mkdir(folder).catch((error: unknown) => {
        if (codeOf(error) !== "EEXIST") throw error;
      });
      // Synced also when it exists: its maker may have been killed before that.
      await this.#sync(parent);
    }
    if (this.#known.size >= KNOWN_FOLDERS) this.#known.clear();
    this.#known.add(folder);
  }

  async #makeRoot(): Promise<void> {
    const firstMade = await this.#files.mkdir(this.#root, { recursive: true });
    if (firstMade === undefined) return;
    for (let at = this.#root; at.length >= firstMade.length; at = dirname(at)) await this.#sync(dirname(at));
  }

  async #sync(folder: string): Promise<void> {
    // Windows cannot sync a folder; NTFS journals names by itself.
    if (process.platform === "win32") return;
    const handle = await this.#files.open(folder, "r");
    try {
      await handle.sync();
    } catch (error) {
      // Some network and FUSE file systems sync files and refuse folders.
      if (codeOf(error) !== "EINVAL" && codeOf(error) !== "ENOTSUP") throw error;
    } finally {
      await handle.close();
    }
  }

  /** Before the first put into a bucket: deletes temporary files of killed writers. */
  #cleanOnce(bucket: string): Promise<void> {
    const known = this.#cleaned.get(bucket);
    if (known !== undefined) return known;
    // Files that cannot be deleted now are deleted by the next start; they do no harm.
    const cleaning = this.#clean(join(bucket, INCOMING)).catch(() => undefined);
    this.#cleaned.set(bucket, cleaning);
    return cleaning;
  }

  async #clean(folder: string): Promise<void> {
    for (const name of await this.#files.readdir(folder)) {
      const [, host, pid] = TEMPORARY.exec(name) ?? [];
      if (host === undefined) continue;
      const path = join(folder, name);
      // A file under our own pid is probably an earlier life's: in a container every life has the same pid. If it belongs to
      // another container with our host name, its writer cannot link it and writes it again.
      const isAbandoned =
        host === hostname()
          ? Number(pid) === process.pid || !isAlive(Number(pid))
          : Date.now() - (await this.#files.stat(path)).mtimeMs > ABANDONED_MS;
      if (isAbandoned) await this.#files.rm(path, { force: true });
    }
  }
}

const TEMPORARY = /^(.+)\.(\d+)\.[0-9a-f]+\.tmp$/;

/** Two containers can have one host name and one pid: only the random part makes the name unique. */
function temporaryName(): string {
  return `${HOST}.${process.pid}.${crypto.getRandomValues(Buffer.alloc(12)).toString("hex")}.tmp`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to another user.
    return codeOf(error) !== "ESRCH";
  }
}
