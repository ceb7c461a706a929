/**
 * Notices changes of a rules folder by polling: names, sizes and times of its files a few times a second, and now and then
 * their content. The system's own notifications are not used: they are missing on bind mounts and network folders, and for a
 * folder that was replaced. A change counts once the folder is the same at two looks, so that an editor, a copy of many files
 * or a save storm is seen once, and whole.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileBytes } from "../../core/outside/file-text.ts";
import { doubtfulNames, ruleFileNames } from "./folder-names.ts";

/** A folder that never stops changing is read as it is after this long. */
const RESTLESS_MS = 2_000;
/** An edit of the same size within one tick of the file system's clock shows only in the content. */
const CONTENT_MS = 5_000;
/** The content of larger folders is not read: their times must do. */
const CONTENT_BYTES = 1024 * 1024;

export class FolderWatch {
  readonly #dir: string;
  /** The folder's appearance when a change was last reported. */
  #reported: string;
  #reportedContent: string;
  #seen: string;
  #restlessSinceMs: number | null = null;
  #contentAtMs = Number.NEGATIVE_INFINITY;

  /** The folder as it is now counts as known. Make the watch before reading the folder, so that it sees an edit meanwhile. */
  constructor(dir: string) {
    this.#dir = dir;
    this.#reported = this.#seen = appearance(dir);
    this.#reportedContent = content(dir);
  }

  /** The place may be watched before anything is there. */
  get isThere(): boolean {
    return existsSync(this.#dir);
  }

  /**
   * Whether the folder must be read again; from then on it counts as known. Call it a few times a second: it reports a change
   * at the second look after the last write. `runningMs` never goes back.
   */
  look(runningMs: number): boolean {
    const now = appearance(this.#dir);
    if (now !== this.#seen) {
      this.#seen = now;
      this.#restlessSinceMs ??= runningMs;
      if (runningMs - this.#restlessSinceMs < RESTLESS_MS) return false;
    }
    const mayHide = this.#restlessSinceMs === null && runningMs - this.#contentAtMs >= CONTENT_MS;
    if (now === this.#reported && !mayHide) {
      this.#restlessSinceMs = null;
      return false;
    }
    this.#contentAtMs = runningMs;
    const text = content(this.#dir);
    const changed = now !== this.#reported || text !== this.#reportedContent;
    this.#reported = now;
    this.#reportedContent = text;
    this.#restlessSinceMs = null;
    return changed;
  }
}

/** Everything about the files but their content; or why they cannot be read. */
function appearance(dir: string): string {
  try {
    const files = ruleFileNames(dir).map((name) => `${name} ${appearanceOf(join(dir, name))}`);
    return [...files, ...doubtfulNames(dir)].join("\n");
  } catch (error) {
    return `! ${error instanceof Error ? error.message : String(error)}`;
  }
}

function appearanceOf(path: string): string {
  try {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  } catch (error) {
    return `! ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A hash of the content of all files; empty where that is too large, or cannot be read. */
function content(dir: string): string {
  try {
    const paths = ruleFileNames(dir).map((name) => join(dir, name));
    if (paths.reduce((sum, path) => sum + statSync(path).size, 0) > CONTENT_BYTES) return "";
    return paths.map((path) => Bun.hash(fileBytes(path, CONTENT_BYTES)).toString(36)).join(" ");
  } catch {
    return "";
  }
}
