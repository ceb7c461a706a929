/** New files, until it is known which ones they are: whether they continue one that was read, are a copy of one, or are new. */
import { codeOf } from "../../core/errors.ts";
import type { FileStats } from "./file-stats.ts";
import { FollowedFile, type FormatFor } from "./followed-file.ts";
import { type Content, type Identified, identify } from "./identify.ts";
import type { FileMemory } from "./memory.ts";
import { examinePacked, type PackedPlace, rangeName, type Unpacked, unpackedHolds } from "./packed-file.ts";
import type { FileAt, Places } from "./places.ts";
import { PlainFile } from "./plain-file.ts";
import { AT_BEGINNING, type FilePosition, PRINT_BYTES } from "./records.ts";
import { isGzip, isTaken, notUnpacked, otherwisePacked, unreadable } from "./trouble.ts";

/** The other sources of files of this run. */
export type Neighbours = {
  /** The one that has this file; null: it is free. */
  readonly holderOf: (file: FileStats) => string | null;
  /** A file that both match was found. */
  readonly shared: (path: string, holder: string) => void;
};

export type NewcomersOptions = Neighbours & {
  readonly memory: FileMemory;
  readonly formatFor: FormatFor;
  readonly places: Places;
  readonly files: Map<string, FollowedFile>;
  readonly follow: (file: FollowedFile) => void;
  /** It has other content than the one that was read. */
  readonly restart: (file: FollowedFile) => void;
  /** What was read so far goes into the memory. */
  readonly remember: () => void;
  readonly ready: () => void;
};

/** All of it is in a file that is followed and will be read there. */
type Copy = FileAt & { readonly of: FollowedFile; readonly length: number };

/** A file that begins with fewer bytes may still become one that is packed. */
const MAGIC_BYTES = 6;

export class Newcomers {
  readonly #options: NewcomersOptions;
  #queue: FileAt[] = [];
  readonly #copies = new Map<string, Copy>();
  /** The packed file that is being unpacked for the first time. */
  #examining: FollowedFile | null = null;
  #hasRemembered = false;

  constructor(options: NewcomersOptions) {
    this.#options = options;
  }

  get copies(): number {
    return this.#copies.size;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  get isIdle(): boolean {
    return this.#queue.length === 0 && this.#examining === null;
  }

  /** Whether it waits here to be followed, or is a copy of one that is. */
  has(key: string): boolean {
    return this.#copies.has(key) || this.#queue.some(({ stats }) => stats.key === key);
  }

  /** Those that are there now, oldest first. */
  come(fresh: readonly FileAt[]): void {
    this.#queue = fresh.filter(
      (file) => this.#copies.get(file.stats.key)?.stats.mark !== file.stats.mark && this.#isFree(file),
    );
    const there = new Set(fresh.map(({ stats }) => stats.key));
    for (const key of this.#copies.keys()) if (!there.has(key)) this.#copies.delete(key);
    this.#hasRemembered = false;
  }

  #isFree({ path, stats }: FileAt): boolean {
    const { holderOf, shared, places } = this.#options;
    const holder = holderOf(stats);
    if (holder === null) return true;
    if (!places.troubles.has(path)) shared(path, holder);
    places.trouble(isTaken(path, holder));
    return false;
  }

  /** A copy whose other file is gone, or has other content now, is a file of its own. */
  lookAtCopies(): void {
    for (const [key, copy] of this.#copies) {
      const { of } = copy;
      if (of.position < copy.length && this.#options.files.get(of.key) === of) continue;
      this.#copies.delete(key);
      this.#queue.push(copy);
    }
  }

  /** Meets them for about so long. False: there are more. */
  meet(forMs: number): boolean {
    const until = performance.now() + forMs;
    for (let file = this.#queue.shift(); file !== undefined; file = this.#queue.shift()) {
      if (!this.#hasRemembered) this.#options.remember();
      this.#hasRemembered = true;
      this.#meet(file);
      if (performance.now() >= until) break;
    }
    return this.#queue.length === 0;
  }

  #meet({ path, stats }: FileAt): void {
    const { memory, follow, places } = this.#options;
    const known = memory.of(stats.key);
    if (known !== undefined && known.whole === stats.mark) {
      const file = new FollowedFile(stats, path, { at: known, isPacked: known.isPacked });
      file.isUnread = false;
      if (known.isPacked) file.examined(known, new Map());
      follow(file);
      return;
    }
    try {
      this.#open({ path, stats });
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      places.trouble(unreadable(path, error));
    }
  }

  #open({ path, stats }: FileAt): void {
    const { follow, places } = this.#options;
    const plain = new PlainFile(places.absolute(path));
    try {
      if (plain.stats.key !== stats.key || plain.stats.kind !== "file") return;
      const first = plain.bytes(0, MAGIC_BYTES);
      const other = otherwisePacked(path, first);
      if (other !== null) {
        places.trouble(other);
        return;
      }
      if (isGzip(first)) {
        follow(new FollowedFile(stats, path, { at: AT_BEGINNING, isPacked: true }));
        return;
      }
      const found = this.#identified({ key: stats.key, path, isPacked: false }, contentOf(plain, stats.size));
      if ("copyOf" in found) this.#copies.set(stats.key, { path, stats, of: found.copyOf, length: stats.size });
      else follow(new FollowedFile(stats, path, { at: found.at, isPacked: false }));
    } finally {
      plain.close();
    }
  }

  #identified(file: { key: string; path: string; isPacked: boolean }, content: Content): Identified {
    const { memory } = this.#options;
    return identify(file, content, { memory, intact: (key) => this.#intact(key) });
  }

  #intact(key: string): FollowedFile | null {
    // One that is new as well, after a start: it is the file, and the other its copy.
    const waiting = this.#queue.findIndex(({ stats }) => stats.key === key);
    for (const file of waiting < 0 ? [] : this.#queue.splice(waiting, 1)) this.#meet(file);
    const file = this.#options.files.get(key) ?? null;
    if (file === null || file.isPacked) return null;
    try {
      if (!file.open(this.#options.places.absolute(file.path))) return null;
      if (file.isIntact()) return file;
    } catch {
      return null;
    }
    this.#options.restart(file);
    return null;
  }

  /** Unpacks a packed file for the first time, to know from where on it is to be read; calls `ready` when it is known. */
  examine(file: FollowedFile): void {
    if (this.#examining !== null) return;
    this.#examining = file;
    void this.#examine(file).finally(() => {
      this.#examining = null;
      this.#options.ready();
    });
  }

  async #examine(file: FollowedFile): Promise<void> {
    const { places, files } = this.#options;
    const place = { ...file.place, path: places.absolute(file.path) };
    try {
      const unpacked = await this.#unpacked(file, place);
      if (file.stats.mark !== place.mark) return;
      const found = this.#identified({ key: file.key, path: file.path, isPacked: true }, unpackedContent(unpacked));
      if ("copyOf" in found) {
        const { copyOf } = found;
        file.isUnread = false;
        files.delete(file.key);
        this.#copies.set(file.key, { path: file.path, stats: file.stats, of: copyOf, length: unpacked.length });
        return;
      }
      const ranges = this.#rangesOf(file, found.at);
      const read = ranges.length === 0 ? unpacked : await examinePacked(place, { ends: [], ranges });
      if (file.stats.mark === place.mark) file.examined(found.at, read.ranges);
    } catch (error) {
      places.trouble(notUnpacked(file.path, error));
      file.isUnread = false;
    }
  }

  /** With the bytes before every position that it may continue at, also those that were reached meanwhile. */
  async #unpacked(file: FollowedFile, place: PackedPlace): Promise<Unpacked> {
    for (let asked = new Set<number>(); ; ) {
      const ends = this.#endsFor(file);
      const unpacked = await examinePacked(place, { ends, ranges: [] });
      asked = new Set(ends);
      if (this.#endsFor(file).every((end) => asked.has(end) || end > unpacked.length)) return unpacked;
    }
  }

  #endsFor(file: FollowedFile): number[] {
    const { memory, remember } = this.#options;
    remember();
    const alike = [memory.of(file.key), ...memory.alike(file.path)];
    return [...new Set(alike.flatMap((one) => (one === undefined ? [] : [one.tail.end])))];
  }

  /** What its format will ask for where it continues. */
  #rangesOf(file: FollowedFile, { position, state }: FilePosition): [number, number][] {
    const asked: [number, number][] = [];
    if (position === 0) return asked;
    const bytes = (from: number, to: number) => {
      asked.push([from, to]);
      return new Uint8Array(0);
    };
    this.#options.formatFor(file.path, { position, state, bytes });
    const names = new Set<string>();
    return asked.filter(([from, to]) => names.size < names.add(rangeName(from, to)).size);
  }
}

function contentOf(plain: PlainFile, length: number): Content {
  return {
    length,
    first: plain.bytes(0, Math.min(length, PRINT_BYTES)),
    last: plain.bytes(Math.max(0, length - PRINT_BYTES), length),
    holds: (at) => plain.holds(at),
  };
}

function unpackedContent(unpacked: Unpacked): Content {
  const { length, first, before } = unpacked;
  return {
    length,
    first,
    last: before.get(length) ?? new Uint8Array(0),
    holds: (at) => length >= at.position && unpackedHolds(unpacked, at),
  };
}
