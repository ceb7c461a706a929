/** Files that the globs of two sources match: each would take all of its readings. A file is its device and inode, whatever its name. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { UsageError } from "../core/errors.ts";
import { shellWord } from "../core/shell-word.ts";
import { statsOf } from "./file/file-stats.ts";
import { FileTree } from "./file/tree.ts";
import { parseFileUri } from "./file/uri.ts";

/** A source of files, as the other ones of its run see it. */
export type FileHolder = {
  readonly uri: string;
  /** Whether it follows the file with this key, or has read all of it (`mark`: as it is now). */
  holds(key: string, mark: string): boolean;
};

/** The sources of files of one run. */
export class FileHolders {
  readonly #all: FileHolder[] = [];

  add(holder: FileHolder): void {
    this.#all.push(holder);
  }

  /** The other source that has this file; null: it is free. */
  other(than: FileHolder, key: string, mark: string): string | null {
    return this.#all.find((each) => each !== than && each.holds(key, mark))?.uri ?? null;
  }
}

/** Of every source that matches a file that is there and that one before it matches too. `uris`: such as can be opened. */
export function sharedFileProblems(uris: readonly string[], cwd: string): UsageError[] {
  const ofFiles = uris.filter((uri) => uri.startsWith("file:"));
  if (ofFiles.length < 2) return [];
  const seen = new Map<string, string>();
  return ofFiles.flatMap((uri) => {
    const shared: { path: string; earlier: string }[] = [];
    for (const [key, path] of filesOf(uri, cwd)) {
      const earlier = seen.get(key);
      if (earlier === undefined) seen.set(key, uri);
      else shared.push({ path, earlier });
    }
    return shared.length === 0 ? [] : [sharedProblem(uri, shared)];
  });
}

function sharedProblem(uri: string, shared: readonly { path: string; earlier: string }[]): UsageError {
  const [{ path, earlier } = { path: "", earlier: "" }] = shared;
  const more = shared.length > 1 ? `, and ${shared.length - 1} more` : "";
  return new UsageError(
    `Cannot open source "${uri}": "${path}"${more} would be taken twice, "${earlier}" matches it too`,
    { tryHint: `agent run --source ${shellWord(earlier)}` },
  );
}

/** Their paths by their keys. */
function filesOf(uri: string, cwd: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const path of new FileTree(parseFileUri(uri, cwd).paths, cwd).look(Date.now())) {
    const stats = statSync(resolve(cwd, path), { bigint: true, throwIfNoEntry: false });
    const { key, kind } = stats === undefined ? { key: "", kind: "other" } : statsOf(stats);
    if (kind === "file" && !files.has(key)) files.set(key, path);
  }
  return files;
}
