/**
 * Sees that a rules folder has changed, by looking: names, sizes and times of its files a few times a second, and now and
 * then their content. The system's own notices are not used: they stay silent on bind mounts and network folders, and say
 * nothing of a folder that was replaced. A change counts once the folder has stood still for a look, so that an editor, a
 * copy of many files or a save storm is seen once, and whole.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileBytes } from "../../core/outside/file-text.ts";

/** A folder that never stands still is taken as it is after this long. */
const RESTLESS_MS = 2_000;
/** An edit of the same size in the same tick of the file system's clock shows only in the content. */
const CONTENT_MS = 5_000;
/** Larger folders are not read again and again: their times must do. */
const CONTENT_BYTES = 1024 * 1024;

export class FolderWatch {
  readonly #dir: string;
  /** What the folder looked like when it was last told. */
  #told: string;
  #toldContent: string;
  #seen: string;
  #restlessSinceMs: number | null = null;
  #contentAtMs = Number.NEGATIVE_INFINITY;

  /** The folder as it is now is known. Made before it is read, so that an edit meanwhile is seen. */
  constructor(dir: string) {
    this.#dir = dir;
    this.#told = this.#seen = appearance(dir);
    this.#toldContent = content(dir);
  }

  /**
   * Whether the folder is to be read again; then as it is now is known. To be called a few times a second: a change is told
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
    if (now === this.#told && !mayHide) {
      this.#restlessSinceMs = null;
      return false;
    }
    this.#contentAtMs = runningMs;
    const text = content(this.#dir);
    const changed = now !== this.#told || text !== this.#toldContent;
    this.#told = now;
    this.#toldContent = text;
    this.#restlessSinceMs = null;
    return changed;
  }
}

function namesIn(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => name.endsWith(".json") && !name.startsWith("."))
    .sort();
}

/** Everything about the files but their content; why they cannot be looked at, where that is so. */
function appearance(dir: string): string {
  try {
    return namesIn(dir)
      .map((name) => `${name} ${appearanceOf(join(dir, name))}`)
      .join("\n");
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

/** A hash of all that the files hold; empty where that is too much, or cannot be read. */
function content(dir: string): string {
  try {
    const paths = namesIn(dir).map((name) => join(dir, name));
    if (paths.reduce((sum, path) => sum + statSync(path).size, 0) > CONTENT_BYTES) return "";
    return paths.map((path) => Bun.hash(fileBytes(path, CONTENT_BYTES)).toString(36)).join(" ");
  } catch {
    return "";
  }
}
