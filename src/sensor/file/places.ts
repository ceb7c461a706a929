/** What is at the paths of a source of files, and why some of it cannot be read. */
import { readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { codeOf } from "../../core/errors.ts";
import { type FileStats, statsOf } from "./file-stats.ts";
import { type FileTrouble, notAFile, unreadable } from "./trouble.ts";

export type FileAt = { readonly path: string; readonly stats: FileStats };

type Trouble = FileTrouble & { readonly sinceMs: number };

/** A file that is being packed is no trouble that a person must know. */
const PATIENCE_MS = 10_000;

export class Places {
  readonly #cwd: string;
  readonly #now: () => number;
  /** By path. */
  readonly troubles = new Map<string, Trouble>();

  constructor(cwd: string, now: () => number) {
    this.#cwd = cwd;
    this.#now = now;
  }

  absolute(path: string): string {
    return resolve(this.#cwd, path);
  }

  /** Null where nothing is that can be looked at. */
  stats(path: string): FileStats | null {
    try {
      return statsOf(statSync(this.absolute(path), { bigint: true }));
    } catch {
      return null;
    }
  }

  /** The same; what is there and is no file, or cannot be looked at, is a trouble. */
  judged(path: string): FileStats | null {
    try {
      const stats = statsOf(statSync(this.absolute(path), { bigint: true }));
      if (stats.kind === "other") this.trouble(notAFile(path));
      return stats;
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined) throw error;
      if (code !== "ENOENT" && code !== "ENOTDIR") this.trouble(unreadable(path, error));
      return null;
    }
  }

  trouble(trouble: FileTrouble): void {
    const sinceMs = this.troubles.get(trouble.path)?.sinceMs ?? this.#now();
    this.troubles.set(trouble.path, { ...trouble, sinceMs });
  }

  /** With `isPatient` without those that may be over in a moment. */
  known(isPatient: boolean): readonly FileTrouble[] {
    const isNew = ({ mayPass = false, sinceMs }: Trouble) => mayPass && this.#now() - sinceMs < PATIENCE_MS;
    return [...this.troubles.values()].filter((trouble) => !isPatient || !isNew(trouble));
  }

  /** The file with this key in the folder of `path`, under whatever name. */
  seek(key: string, path: string): FileAt | null {
    return this.filesIn(dirname(path)).get(key) ?? null;
  }

  /** By their keys. */
  filesIn(folder: string): Map<string, FileAt> {
    const files = new Map<string, FileAt>();
    try {
      for (const name of readdirSync(this.absolute(folder))) {
        const path = join(folder, name);
        const stats = this.stats(path);
        if (stats?.kind === "file") files.set(stats.key, { path, stats });
      }
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
    }
    return files;
  }
}

/** Oldest first, by the time of the last change; then by name, 9 before 10. */
export function inOrder(a: FileAt, b: FileAt): number {
  return a.stats.writtenMs - b.stats.writtenMs || a.path.localeCompare(b.path, "en", { numeric: true });
}
