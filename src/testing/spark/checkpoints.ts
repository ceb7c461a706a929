/** The checkpoints of the notebook's streams, as they are on disk. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const namesIn = (path: string) => (existsSync(path) ? readdirSync(path) : []);

/** In the folder of a stage the one of its table, which is there from the first run on. */
export function checkpointIn(folderOfStage: string): string {
  return join(folderOfStage, namesIn(folderOfStage)[0] ?? "none");
}

/** How many micro-batches a stream has written down. */
export function batchesIn(checkpoint: string, log: "offsets" | "commits"): number {
  return namesIn(join(checkpoint, log)).filter((name) => /^\d+$/.test(name)).length;
}
