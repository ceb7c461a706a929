/** What the system says of a file, as the followers of files need it. */
import type { BigIntStats } from "node:fs";

export type FileStats = {
  /** `DEVICE:INODE`. */
  readonly key: string;
  readonly size: number;
  /** When it was written to last. */
  readonly writtenMs: number;
  /** Changes whenever it is written to. */
  readonly mark: string;
  readonly kind: "file" | "folder" | "other";
};

export function statsOf(stats: BigIntStats): FileStats {
  return {
    key: `${stats.dev}:${stats.ino}`,
    size: Number(stats.size),
    writtenMs: Number(stats.mtimeNs / 1_000n) / 1_000,
    mark: `${stats.size}:${stats.mtimeNs}`,
    kind: stats.isFile() ? "file" : stats.isDirectory() ? "folder" : "other",
  };
}
