/** The files that a glob matches, and those that it matched: looked at again and again, and read in their order. */
import { codeOf } from "../../core/errors.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { lostFiles, statsUnderAnyName } from "./departed.ts";
import type { FileStats } from "./file-stats.ts";
import {
  CLOSE_MS,
  closeMany,
  type FollowedFile,
  type FormatFor,
  isRestWhole,
  isSettled,
  LEFT_MS,
  looksUntil,
  type Patience,
} from "./followed-file.ts";
import type { FileMemory } from "./memory.ts";
import { type Neighbours, Newcomers } from "./newcomers.ts";
import { type FileAt, inOrder, Places } from "./places.ts";
import { FileTree } from "./tree.ts";
import { type FileTrouble, unlistable, unreadable } from "./trouble.ts";
import type { FileUri } from "./uri.ts";

/** How often files that could not be read are tried again. */
const RETRY_MS = 2_000;

export type FollowingOptions = Neighbours & {
  readonly at: FileUri;
  readonly once: boolean;
  readonly cwd: string;
  readonly memory: FileMemory;
  readonly pollMs: number;
  readonly formatFor: FormatFor;
  /** With `once`: the last line of this file is not taken. */
  readonly left: (path: string) => void;
  /** Something that was waited for is there. */
  readonly ready: () => void;
};

export class Following {
  readonly files = new Map<string, FollowedFile>();
  readonly #options: FollowingOptions;
  readonly #patience: Patience;
  readonly #places: Places;
  readonly tree: FileTree;
  readonly newcomers: Newcomers;
  readonly #moved = new Set<FollowedFile>();
  #paths: readonly string[] = [];
  /** Paths that match and lead to no file, or to an empty one that is not followed. */
  #absent = new Set<string>();
  #unread: FollowedFile[] = [];
  #looks = 0;
  #nowMs = 0;
  #mustLookAtAll = true;
  /** With `once`: a second look was taken. */
  #lookedAgain = false;

  constructor(options: FollowingOptions) {
    const { at, cwd, pollMs, once, left } = options;
    this.#options = options;
    this.#patience = { ...at, pollMs, once, left };
    this.#places = new Places(cwd, () => this.#nowMs);
    this.tree = new FileTree(at.paths, cwd);
    this.newcomers = new Newcomers({
      ...options,
      places: this.#places,
      files: this.files,
      follow: (file) => this.#follow(file),
      restart: (file) => this.#restart(file),
      remember: () => this.remember(),
    });
  }

  /** Nothing that matches is a file. */
  isNothingThere(nowMs: number): boolean {
    return !this.tree.look(nowMs).some((path) => this.#places.stats(path)?.kind === "file");
  }

  /** Looks which files are there, and which of them were written to. */
  look(nowMs: number): void {
    this.#looks++;
    this.#nowMs = nowMs;
    const paths = this.tree.look(nowMs);
    if (paths !== this.#paths) this.#mustLookAtAll = true;
    this.#paths = paths;
    if (!this.#mustLookAtAll) {
      for (const file of this.files.values()) {
        if (file.nextLook <= this.#looks) this.#lookAt(file);
        if ((file.dueAtMs ?? Number.POSITIVE_INFINITY) <= nowMs) file.isUnread = true;
      }
      for (const path of this.#absent) if ((this.#places.stats(path)?.size ?? 0) > 0) this.#mustLookAtAll = true;
      const isDue = this.#looks % Math.ceil(RETRY_MS / this.#patience.pollMs) === 0;
      if (isDue && this.#places.troubles.size > 0) this.#mustLookAtAll = true;
    }
    if (this.#mustLookAtAll) this.#lookAtAll();
    this.newcomers.lookAtCopies();
    closeMany(this.files.values());
    this.#options.memory.prune((key) => this.files.has(key));
    this.#sort();
  }

  /** Finds out which files the new ones are, for about so long. False: there are more. */
  meet(forMs: number): boolean {
    const before = this.files.size;
    const isDone = this.newcomers.meet(forMs);
    if (this.files.size !== before) this.#sort();
    return isDone;
  }

  /** The oldest with something to read. */
  next(): FollowedFile | null {
    for (;;) {
      const [file] = this.#unread;
      if (file === undefined || (file.isUnread && this.files.get(file.key) === file)) return file ?? null;
      this.#unread.shift();
    }
  }

  /** Appends what the file has. False: the block is full, or the rest of the file is not unpacked yet. */
  read(file: FollowedFile, block: ReadingBlock, nowMs: number): boolean {
    const { formatFor, ready, once } = this.#options;
    if (file.isPacked && !file.isExamined) {
      this.newcomers.examine(file);
      return !file.isUnread;
    }
    try {
      if (!file.open(this.#places.absolute(file.path))) return this.#passOver(file);
      const outcome = file.read(block, nowMs, { formatFor, ready });
      this.#moved.add(file);
      if (outcome === "full" || outcome === "wait") return false;
      if (outcome === "changed") return this.#changed(file);
      const isWhole = isRestWhole(file, this.#patience, nowMs);
      if (isWhole && !file.finish(block, nowMs, formatFor)) return false;
      file.isUnread = false;
      if (isWhole || once) file.rest();
      this.#places.troubles.delete(file.path);
      return true;
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      this.#places.trouble(unreadable(file.path, error));
      return this.#passOver(file);
    }
  }

  /** With `once`: nothing is left of what was there. */
  isComplete(nowMs: number): boolean {
    if (!this.newcomers.isIdle) return false;
    if (this.#lookedAgain) return true;
    this.#lookedAgain = true;
    // What was written meanwhile is for the next run; a file that was not there before may be one that was renamed.
    const known = new Set(this.files.keys());
    this.#mustLookAtAll = true;
    this.look(nowMs);
    for (const [key, file] of this.files) if (known.has(key)) file.isUnread = false;
    return this.newcomers.isIdle && this.next() === null;
  }

  /** What was read goes into the memory. */
  remember(): void {
    for (const file of this.#moved) this.#keep(file);
  }

  committed(): void {
    this.#moved.clear();
  }

  get hasMoved(): boolean {
    return this.#moved.size > 0;
  }

  /** With `isPatient` without those that may be over in a moment. */
  troubles(isPatient = false): readonly FileTrouble[] {
    const folders = this.tree.troubles().map(({ path, code }) => unlistable(path === "" ? "." : path, code));
    return [...folders, ...this.#places.known(isPatient)];
  }

  #keep(file: FollowedFile): void {
    if (this.files.get(file.key) === file && file.position > 0) this.#options.memory.keep(file.known(this.#nowMs));
  }

  #lookAtAll(): void {
    this.#mustLookAtAll = false;
    const { troubles } = this.#places;
    const paths = new Set(this.#paths);
    for (const path of troubles.keys()) if (!paths.has(path)) troubles.delete(path);
    const found = new Map<string, FileAt>();
    this.#absent = new Set();
    for (const path of paths) {
      const stats = this.#places.judged(path);
      if (stats?.kind !== "file" || stats.size === 0) this.#absent.add(path);
      if (stats?.kind === "file" && !found.has(stats.key)) found.set(stats.key, { path, stats });
    }
    for (const file of this.files.values()) {
      const there = found.get(file.key);
      if (there === undefined) this.#leave(file);
      else {
        file.hasLeft = false;
        file.renamed(there.path);
        this.#update(file, there.stats);
      }
    }
    const fresh = [...found.values()].filter(({ stats }) => stats.size > 0 && !this.files.has(stats.key));
    this.newcomers.come(fresh.sort(inOrder));
    if (this.#looks > 1) return;
    for (const file of lostFiles(this.#options.memory, this.#places, found)) this.#follow(file);
  }

  #lookAt(file: FollowedFile): void {
    if (file.hasLeft) {
      this.#leave(file);
      return;
    }
    const stats = this.#places.judged(file.path);
    if (stats?.key === file.key) this.#update(file, stats);
    else this.#mustLookAtAll = true;
  }

  #update(file: FollowedFile, stats: FileStats): void {
    const isNew = stats.mark !== file.stats.mark;
    file.quietLooks = isNew ? 0 : file.quietLooks + this.#looks - file.lastLook;
    file.lastLook = this.#looks;
    file.stats = stats;
    if (isNew) {
      if (file.isPacked || stats.size < file.position) {
        this.#restart(file);
        return;
      }
      file.isUnread = true;
    }
    file.nextLook = this.#looks + looksUntil(file, this.#patience);
    if (file.isUnread || file.isPacked) return;
    if (file.behind > 0) file.isUnread = this.#mayBeSettled(file);
    else if (file.quietLooks * this.#patience.pollMs >= CLOSE_MS) file.rest();
  }

  #mayBeSettled(file: FollowedFile): boolean {
    try {
      return file.open(this.#places.absolute(file.path)) && isSettled(file, this.#patience, this.#nowMs);
    } catch {
      return false;
    }
  }

  /** The glob does not match it any more: it is read to its end under the name that it has now, if any. */
  #leave(file: FollowedFile): void {
    const { memory, once } = this.#options;
    if (!file.hasLeft) file.quietLooks = 0;
    file.hasLeft = true;
    const stats = file.openStats ?? statsUnderAnyName(file, this.#places);
    if (stats !== null) {
      this.#update(file, stats);
      const isQuiet = once || file.quietLooks * this.#patience.pollMs >= LEFT_MS;
      if (file.isUnread || !isQuiet || this.files.get(file.key) !== file) return;
    }
    const isDeleted = stats === null || file.isDeleted;
    this.#keep(file);
    file.rest();
    this.files.delete(file.key);
    if (isDeleted) memory.bury(file.key);
  }

  #changed(file: FollowedFile): true {
    // A line whose end was cut off may be all that is missing.
    const isIntact = !file.isPacked && file.stats.size >= file.position && file.isIntact();
    if (isIntact) file.rest();
    else this.#restart(file);
    return isIntact ? this.#passOver(file) : true;
  }

  /** It has other content: it is met again as a new file. */
  #restart(file: FollowedFile): void {
    this.#keep(file);
    this.#options.memory.bury(file.key);
    file.isUnread = false;
    file.close();
    this.files.delete(file.key);
    this.#mustLookAtAll = true;
  }

  #passOver(file: FollowedFile): true {
    file.isUnread = false;
    file.nextLook = 0;
    file.stats = { ...file.stats, mark: "" };
    return true;
  }

  #follow(file: FollowedFile): void {
    this.files.set(file.key, file);
    file.lastLook = this.#looks;
    file.nextLook = this.#looks + 1;
    // Where it continues another one, the buffer learns it although nothing of it is read yet.
    if (this.#options.memory.of(file.key) === undefined) this.#moved.add(file);
    this.#places.troubles.delete(file.path);
  }

  #sort(): void {
    this.#unread = [...this.files.values()].filter((file) => file.isUnread).sort(inOrder);
  }
}
