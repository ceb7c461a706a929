/**
 * The paths that match a glob, as often as a caller looks. A folder is listed again only where its own time has changed; links to
 * folders are followed where the glob names their place, and never by `**`, which would not end in a loop of links.
 */
import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { codeOf } from "../../core/errors.ts";
import type { GlobPath, GlobStep } from "./glob.ts";

/** More paths are not followed. */
export const PATHS_MOST = 100_000;
const DEPTH_MOST = 64;
/** A folder that changed so shortly before it was listed may have changed again at the same time. */
const SETTLED_MS = 2_000;
/** Of a file system that does not say when a folder changed. */
const LISTED_AGAIN_LOOKS = 40;

type Listed = { readonly name: string; readonly isFolder: boolean; readonly isLink: boolean };
type Folder = {
  /** The look that listed it. */
  readonly look: number;
  readonly changedMs: number;
  readonly listedMs: number;
  readonly listed: readonly Listed[];
  readonly trouble: string | null;
};

export class FileTree {
  readonly #globs: readonly GlobPath[];
  readonly #cwd: string;
  readonly #folders = new Map<string, Folder>();
  #visited = new Set<string>();
  #paths: readonly string[] | null = null;
  #looks = 0;
  /** More paths match than are followed. */
  isFull = false;

  constructor(globs: readonly GlobPath[], cwd: string) {
    this.#globs = globs;
    this.#cwd = cwd;
  }

  /** Paths as the glob writes them, relative to `cwd` where it is relative: the same array for as long as nothing changed. */
  look(nowMs: number): readonly string[] {
    this.#looks++;
    if (this.#paths !== null && this.#looks % LISTED_AGAIN_LOOKS !== 0 && !this.#hasChanged(nowMs)) return this.#paths;
    const before = this.#paths;
    const found = new Set<string>();
    this.#visited = new Set();
    for (const { isAbsolute, steps } of this.#globs) this.#walk(isAbsolute ? "/" : "", steps, found, nowMs);
    for (const folder of this.#folders.keys()) if (!this.#visited.has(folder)) this.#folders.delete(folder);
    this.isFull = found.size >= PATHS_MOST;
    const isSame = before !== null && before.length === found.size && before.every((path) => found.has(path));
    this.#paths = isSame ? before : [...found];
    return this.#paths;
  }

  /** Folders that cannot be listed, and why. */
  troubles(): readonly { readonly path: string; readonly code: string }[] {
    return [...this.#folders].flatMap(([path, { trouble }]) => (trouble === null ? [] : [{ path, code: trouble }]));
  }

  #hasChanged(nowMs: number): boolean {
    for (const [path, { changedMs, listedMs }] of this.#folders) {
      const now = this.#changedMs(path);
      // A clock that was set back makes every folder one that was listed in the future.
      if (now !== changedMs || now > listedMs - SETTLED_MS || listedMs > nowMs) return true;
    }
    return false;
  }

  #walk(folder: string, steps: readonly GlobStep[], found: Set<string>, nowMs: number): void {
    const [step, ...rest] = steps;
    if (step === undefined || found.size >= PATHS_MOST) return;
    if (step.kind === "folders") {
      this.#walkFolders(folder, rest, { found, nowMs, depth: 0 });
      return;
    }
    if (step.literal !== null) {
      // In a folder that is listed anyway it is there or not; elsewhere its reader finds out.
      const isListed = this.#visited.has(folder) && step.literal !== "..";
      const listed = isListed ? this.#list(folder, nowMs) : null;
      if (listed !== null && !listed.some(({ name }) => name === step.literal)) return;
      const path = join(folder, step.literal);
      if (rest.length === 0) found.add(path);
      else this.#walk(path, rest, found, nowMs);
      return;
    }
    for (const { name, isFolder, isLink } of this.#list(folder, nowMs)) {
      if (!step.matches(name)) continue;
      const path = join(folder, name);
      if (rest.length > 0) {
        if (isFolder || isLink) this.#walk(path, rest, found, nowMs);
      } else if (!isFolder && found.size < PATHS_MOST) found.add(path);
    }
  }

  #walkFolders(
    folder: string,
    rest: readonly GlobStep[],
    at: { readonly found: Set<string>; readonly nowMs: number; readonly depth: number },
  ): void {
    const listed = this.#list(folder, at.nowMs);
    this.#walk(folder, rest, at.found, at.nowMs);
    if (at.depth >= DEPTH_MOST) return;
    for (const { name, isFolder } of listed) {
      if (isFolder && !name.startsWith("."))
        this.#walkFolders(join(folder, name), rest, { ...at, depth: at.depth + 1 });
    }
  }

  #list(folder: string, nowMs: number): readonly Listed[] {
    this.#visited.add(folder);
    const known = this.#folders.get(folder);
    if (known?.look === this.#looks) return known.listed;
    const changedMs = this.#changedMs(folder);
    const isKnown =
      known !== undefined &&
      known.changedMs === changedMs &&
      changedMs < known.listedMs - SETTLED_MS &&
      known.listedMs <= nowMs;
    if (isKnown && this.#looks % LISTED_AGAIN_LOOKS !== 0) return known.listed;
    const made = this.#read(folder, changedMs, nowMs);
    this.#folders.set(folder, made);
    return made.listed;
  }

  #read(folder: string, changedMs: number, listedMs: number): Folder {
    const look = this.#looks;
    try {
      const entries = readdirSync(resolve(this.#cwd, folder), { withFileTypes: true });
      const listed = entries.map((entry) => ({
        name: entry.name,
        isFolder: entry.isDirectory(),
        isLink: entry.isSymbolicLink(),
      }));
      return { look, changedMs, listedMs, listed, trouble: null };
    } catch (error) {
      const code = codeOf(error) ?? "EIO";
      // A folder that is not there yet, or a link to a file: nothing in it matches.
      const isNothing = code === "ENOENT" || code === "ENOTDIR";
      return { look, changedMs, listedMs, listed: [], trouble: isNothing ? null : code };
    }
  }

  /** -1 where it is not there. */
  #changedMs(folder: string): number {
    try {
      return statSync(resolve(this.#cwd, folder)).mtimeMs;
    } catch {
      return -1;
    }
  }
}
