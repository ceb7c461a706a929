/** The folder of a buffer, whose own name must outlive a power cut: else a cut takes everything in it, synced or not. */
import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { syncFolder } from "../salvage/set-aside.ts";

/** On return the folder exists; if it was made now, only for this user, then durably, with those above it. */
export function makeFolder(path: string): void {
  const folder = resolve(path);
  const firstMade = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (firstMade === undefined) return;
  for (let at = folder; at.length >= firstMade.length && at !== dirname(at); at = dirname(at)) syncNameOf(at);
}

/** For a folder whose maker may have been killed before it synced the name, or was another program. */
export function syncNameOf(folder: string): void {
  try {
    syncFolder(dirname(resolve(folder)));
  } catch {
    // This user may not open the folder above, or its file system refuses to sync it: there is no more to do.
  }
}
