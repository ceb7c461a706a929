/**
 * Which file a new one is. A device and an inode are not enough: they are given again, a copy has others, and so has a file that was
 * written as a whole and renamed into place (rsync, editors). So contents are compared with what was read:
 *
 * - the same inode, and it holds what was read of it: it continues;
 * - another file that was read under this name, or under one that a rotation makes of it, in this folder: it continues after what was
 *   read of that one. So nothing is read twice after `copytruncate`, `gzip` or `rsync`;
 * - a copy of a file that is still there: nothing of it is read while the other one has it all.
 *
 * Files of other names or folders are never compared: two rooms may well write the same bytes.
 */
import { LINE_FEED } from "../../core/ascii.ts";
import type { FollowedFile } from "./followed-file.ts";
import type { FileMemory } from "./memory.ts";
import { isGone } from "./memory.ts";
import { AT_BEGINNING, type FilePosition, PRINT_BYTES, printOf } from "./records.ts";

/** The content of a new file, unpacked where it is packed. */
export type Content = {
  readonly length: number;
  /** Its first and last bytes, `PRINT_BYTES` at most. */
  readonly first: Uint8Array;
  readonly last: Uint8Array;
  /** Whether it begins as what was read up to there. */
  readonly holds: (at: FilePosition) => boolean;
};

export type Identified =
  | { readonly at: FilePosition }
  /** All of it is in another file that is followed, which was not read so far. */
  | { readonly copyOf: FollowedFile };

export type Identify = {
  readonly memory: FileMemory;
  /** The file with this key that is followed, open and with the content that was read of it; else null. */
  readonly intact: (key: string) => FollowedFile | null;
};

export function identify(
  file: { readonly key: string; readonly path: string; readonly isPacked: boolean },
  content: Content,
  { memory, intact }: Identify,
): Identified {
  const own = memory.of(file.key);
  const isOwn = own !== undefined && own.isPacked === file.isPacked && content.holds(own);
  if (!isOwn) memory.bury(file.key);
  for (const known of memory.alike(file.path)) {
    const other = isGone(known) ? null : intact(known.key);
    if (isOwn || other === null || other.path === file.path) continue;
    const copied = copiedFrom(other, content);
    if (copied !== null) return copied;
  }
  // The number of its inode may be that of an older file with the same beginning.
  const known = memory.alike(file.path).find((one) => content.holds(one)) ?? AT_BEGINNING;
  return { at: isOwn && own.position > known.position ? own : known };
}

function copiedFrom(other: FollowedFile, { length, first, last }: Content): Identified | null {
  if (other.isPacked || length > other.stats.size) return null;
  const isSame = (bytes: Uint8Array, from: number) =>
    Buffer.compare(other.bytes(from, from + bytes.length), bytes) === 0;
  if (!isSame(first, 0) || !isSame(last, length - last.length)) return null;
  // Where a record of it may have been cut, more of it will be written, or none of it is needed.
  if (other.position < length || last.at(-1) !== LINE_FEED) return { copyOf: other };
  const head = printOf(first.subarray(0, PRINT_BYTES), Math.min(length, PRINT_BYTES));
  return { at: { position: length, state: other.at.state, head, tail: printOf(last, length) } };
}
