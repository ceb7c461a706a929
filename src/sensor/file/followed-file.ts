/** One file that is followed: what is known of it, and what of it is being read. */
import { LINE_FEED } from "../../core/ascii.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import type { RecordContext } from "../context.ts";
import type { FormatStart, RecordFormat } from "../format.ts";
import type { FileStats } from "./file-stats.ts";
import type { KnownFile } from "./memory.ts";
import { contextOf } from "./names.ts";
import { PackedFeed, type PackedPlace, rangeName } from "./packed-file.ts";
import { PlainFile, type Pushed } from "./plain-file.ts";
import { type FilePosition, FileRecords } from "./records.ts";

/** `path`: its format goes by the name. */
export type FormatFor = (path: string, start: FormatStart | null) => RecordFormat;

/** `full`: the block is. `read`: everything that was there. `changed`: it has other content now. `wait`: more is being unpacked. */
export type FileRead = "full" | "read" | "changed" | "wait";

const NO_BYTES = new Uint8Array(0);

export class FollowedFile {
  readonly key: string;
  readonly isPacked: boolean;
  stats: FileStats;
  /** A name that the glob matches, or had when it did. */
  path: string;
  /** The glob no longer matches a name of it, or no name is left. */
  hasLeft = false;
  /** Looks since it changed, was renamed, or left. */
  quietLooks = 0;
  /** The look at which it is looked at again. */
  nextLook = 0;
  /** It has, or may have, bytes that were not read. */
  isUnread = true;
  /** Another name than when it was written to: a rotation is done with it. */
  isRotated = false;
  /** The last look at it. */
  lastLook = 0;
  /** Of a packed file: it was unpacked once, and it is known from where on it is to be read. */
  isExamined = false;
  /** Read up to here, while nothing of it is being read. */
  #at: FilePosition;
  #records: FileRecords | null = null;
  #plain: PlainFile | null = null;
  #feed: PackedFeed | null = null;
  #context: RecordContext;
  #absolute: string;
  /** Bytes that its format asks for of a text that is packed, by `rangeName`. */
  #ranges: ReadonlyMap<string, Uint8Array> = new Map();

  constructor(stats: FileStats, path: string, from: { readonly at: FilePosition; readonly isPacked: boolean }) {
    this.key = stats.key;
    this.stats = stats;
    this.path = path;
    this.#context = contextOf(path);
    this.#at = from.at;
    this.#absolute = path;
    this.isPacked = from.isPacked;
  }

  get at(): FilePosition {
    return this.#records?.at() ?? this.#at;
  }

  get position(): number {
    return this.#records?.position ?? this.#at.position;
  }

  /** Bytes on the disk that were not read; of a packed file all, until it was read. */
  get behind(): number {
    if (this.isPacked) return this.isUnread ? this.stats.size : 0;
    return Math.max(0, this.stats.size - this.position);
  }

  /** Records of it wait for others, until then at most. */
  get dueAtMs(): number | null {
    return this.#records?.dueAtMs ?? null;
  }

  /** Something of it is open. */
  get isOpen(): boolean {
    return this.#plain !== null || this.#feed !== null;
  }

  get isReading(): boolean {
    return this.#records !== null;
  }

  /** What the system says of the file that is open, whatever its names are by now; null where none is. */
  get openStats(): FileStats | null {
    return this.#plain?.stats ?? null;
  }

  get isDeleted(): boolean {
    return this.#plain?.isDeleted ?? false;
  }

  renamed(path: string): void {
    if (path === this.path) return;
    this.path = path;
    this.quietLooks = 0;
    this.isRotated = true;
    // Records of the same file stay of the same sensor where a rotation added a number to its name.
    this.#context = contextOf(path);
  }

  /** What the buffer keeps of it. */
  known(nowMs: number): KnownFile {
    const whole = this.isUnread || (!this.isPacked && this.behind > 0) ? null : this.stats.mark;
    return { key: this.key, path: this.path, ...this.at, whole, seenMs: Math.max(0, nowMs), isPacked: this.isPacked };
  }

  /** Opens it, where it is not open, at this absolute path. Throws the system's error; false where another file is there. */
  open(path: string): boolean {
    this.#absolute = path;
    if (this.isPacked || this.#plain !== null) return true;
    const plain = new PlainFile(path);
    if (plain.stats.key !== this.key) {
      plain.close();
      return false;
    }
    this.#plain = plain;
    return true;
  }

  /** Whether it has the content that it had up to where it was read. It must be open. */
  isIntact(): boolean {
    return this.#plain?.holds(this.at) ?? true;
  }

  /** The bytes `[from, to)` of a file that is open. */
  bytes(from: number, to: number): Uint8Array {
    return this.#plain?.bytes(from, to) ?? NO_BYTES;
  }

  /** Appends what is there up to `stats.size`. It must be open. Throws the system's error. */
  read(
    block: ReadingBlock,
    nowMs: number,
    how: { readonly formatFor: FormatFor; readonly ready: () => void },
  ): FileRead {
    const records = this.#records ?? this.#begin(how.formatFor);
    if (records === null) return "changed";
    for (;;) {
      records.read(block, nowMs);
      if (block.full) return "full";
      const pushed = this.#push(records, how.ready);
      if (pushed === "end") return "read";
      if (pushed !== "chunk") return pushed;
    }
  }

  /** Appends what is left without an end of its own: no more comes. True: all of it is appended. */
  finish(block: ReadingBlock, nowMs: number, formatFor: FormatFor): boolean {
    const records = this.#records ?? this.#begin(formatFor);
    if (records === null) return true;
    records.end();
    records.read(block, nowMs);
    return records.done;
  }

  /** It was unpacked once: it is to be read from here on. */
  examined(at: FilePosition, ranges: ReadonlyMap<string, Uint8Array>): void {
    this.#at = at;
    this.#ranges = ranges;
    this.isExamined = true;
  }

  /** Nothing of it is kept in memory until there is more. */
  rest(): void {
    this.#at = this.at;
    this.#records = null;
    this.close();
  }

  close(): void {
    this.#plain?.close();
    this.#plain = null;
    this.#feed?.close();
    this.#feed = null;
  }

  #begin(formatFor: FormatFor): FileRecords | null {
    if (!this.isPacked && !this.isIntact()) return null;
    const { position, state } = this.#at;
    const bytes = (from: number, to: number) =>
      this.isPacked ? (this.#ranges.get(rangeName(from, to)) ?? NO_BYTES) : this.bytes(from, to);
    const format = formatFor(this.path, position === 0 ? null : { position, state, bytes });
    format.context = this.#context;
    this.#records = new FileRecords(format, this.#at);
    return this.#records;
  }

  #push(records: FileRecords, ready: () => void): Pushed | "wait" {
    if (!this.isPacked) return this.#plain?.pushTo(records, this.stats.size) ?? "end";
    this.#feed ??= new PackedFeed(this.place, ready);
    return this.#feed.pushTo(records);
  }

  get place(): PackedPlace {
    return { path: this.#absolute, key: this.key, mark: this.stats.mark };
  }
}

/** A file that is quiet is looked at less often: after a twentieth of the time that it was quiet for, and at least this often. */
const LOOK_MOST_MS = 5_000;
const QUIET_PARTS = 20;
/** A file that has left, or was renamed, is complete when it was quiet for so long: its writer has opened another one. */
export const LEFT_MS = 60_000;
/** What is open of a file is closed when it was quiet for so long. */
export const CLOSE_MS = 10_000;
/** A clock that was set is no reason alone to take a line that is being written. */
const SEEN_QUIET_MS = 10_000;
/** A JSON value is complete without a newline. */
const WHOLE_VALUE_MS = 2_000;
const WHOLE_VALUE_BYTES = 16 * 1024 * 1024;

export type Patience = {
  readonly pollMs: number;
  /** A file that was not written to for so long is complete. */
  readonly settleMs: number;
  /** The same with `once`. */
  readonly onceSettleMs: number;
  readonly once: boolean;
  /** The last line of this file is left for the next run. */
  readonly left: (path: string) => void;
  readonly formatOf: (path: string) => { readonly name: string };
};

/** In how many looks it is looked at again. */
export function looksUntil({ quietLooks }: FollowedFile, { pollMs }: Patience): number {
  const waitMs = Math.min(LOOK_MOST_MS, (quietLooks * pollMs) / QUIET_PARTS);
  return Math.max(1, Math.floor(waitMs / pollMs));
}

/** Its last line is complete, although it has no end. The file must be open. */
export function isSettled(file: FollowedFile, patience: Patience, nowMs: number): boolean {
  const quietMs = file.quietLooks * patience.pollMs;
  const settleMs = file.hasLeft || file.isRotated ? Math.min(LEFT_MS, patience.settleMs) : patience.settleMs;
  if (quietMs >= settleMs) return true;
  if (quietMs >= Math.min(SEEN_QUIET_MS, settleMs) && nowMs - file.stats.writtenMs >= settleMs) return true;
  const isJson = !/^(?:csv|tsv|influx)$/.test(patience.formatOf(file.path).name);
  return isJson && quietMs >= WHOLE_VALUE_MS && isWholeValue(file);
}

/** Of a file that was read as far as its last look: what is left of it, if anything, is to be taken too. It must be open. */
export function isRestWhole(file: FollowedFile, patience: Patience, nowMs: number): boolean {
  if (file.isPacked) return true;
  if (!patience.once) return file.behind > 0 && isSettled(file, patience, nowMs);
  const { size, writtenMs } = file.stats;
  if (file.behind === 0 || nowMs - writtenMs >= patience.onceSettleMs) return true;
  if (file.bytes(size - 1, size)[0] === LINE_FEED || isWholeValue(file)) return true;
  patience.left(file.path);
  return false;
}

function isWholeValue(file: FollowedFile): boolean {
  if (file.behind > WHOLE_VALUE_BYTES) return false;
  const text = Buffer.from(file.bytes(file.position, file.stats.size)).toString("utf8").trim();
  if (!/^[[{]/.test(text) || !/[\]}]$/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Files that are open at once. */
const OPEN_MOST = 64;

/** The ones that were read last stay open. */
export function closeMany(files: Iterable<FollowedFile>): void {
  const open = [...files].filter((file) => file.isOpen && !file.isPacked && !file.hasLeft && file.dueAtMs === null);
  if (open.length <= OPEN_MOST) return;
  for (const file of open.sort((a, b) => b.quietLooks - a.quietLooks).slice(0, open.length - OPEN_MOST)) file.rest();
}
