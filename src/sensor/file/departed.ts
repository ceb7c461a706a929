/** Files that the glob does not match any more, and that may have more than was read. */
import { dirname } from "node:path";
import type { FileStats } from "./file-stats.ts";
import { FollowedFile } from "./followed-file.ts";
import { type FileMemory, isGone } from "./memory.ts";
import type { FileAt, Places } from "./places.ts";

/** Under the name that it had, or another one in its folder; null: there is none. */
export function statsUnderAnyName(file: FollowedFile, places: Places): FileStats | null {
  const stats = places.stats(file.path);
  if (stats?.key === file.key) return stats;
  const found = places.seek(file.key, file.path);
  if (found === null) return null;
  file.renamed(found.path);
  return found.stats;
}

/** Those that were renamed while no agent was there, and have more. What is not there any more is remembered by its content. */
export function lostFiles(memory: FileMemory, places: Places, found: ReadonlyMap<string, FileAt>): FollowedFile[] {
  const lost: FollowedFile[] = [];
  const folders = new Map<string, ReadonlyMap<string, FileAt>>();
  for (const known of [...memory.files()]) {
    if (isGone(known) || found.has(known.key)) continue;
    const folder = dirname(known.path);
    const files = folders.get(folder) ?? places.filesIn(folder);
    folders.set(folder, files);
    const there = files.get(known.key);
    if (there === undefined) memory.bury(known.key);
    else if (known.whole !== there.stats.mark && !known.isPacked) {
      const file = new FollowedFile(there.stats, there.path, { at: known, isPacked: false });
      file.hasLeft = true;
      file.isRotated = true;
      lost.push(file);
    }
  }
  return lost;
}
