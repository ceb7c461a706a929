/**
 * SQLite reads its log (WAL) up to the first frame whose checksum is wrong and does not report the rest: a damaged frame
 * silently undoes commits that were acknowledged, and their seqs would be given out again. So the log is checked before a
 * buffer is opened, and a copy of a damaged one gets new checksums for salvage.
 * Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { codeOf } from "../../core/errors.ts";

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const PAGE_BYTES = 4_096;
const FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES;
/** Checksums over little-endian words: what every platform of this binary writes. */
const MAGIC = 0x377f0682;

type Sum = { a: number; b: number };
type Frame = { readonly page: number; readonly isCommit: boolean; readonly salt: bigint };

/**
 * Whether commits are lost in the middle. Frames that crashes leave are not damage: at the end those of one transaction that
 * was never synced, then those of an earlier crash that are not overwritten yet, and those of an earlier use of the file.
 */
export function isLogDamaged(path: string): boolean {
  return withFile(path, "r", (file) => {
    const log = new LogFile(file);
    if (log.frames === 0) return false;
    return log.isHeaderWhole ? log.hasLostCommit() : log.salts().commits > 0;
  });
}

/** Gives every frame of the log's last use a right checksum. The damaged page itself stays damaged. */
export function sealLog(path: string): void {
  withFile(path, "r+", (file) => {
    const log = new LogFile(file);
    const salt = log.isHeaderWhole ? log.salt : log.salts().salt;
    log.seal(salt);
    return true;
  });
}

/**
 * Writes the commits of a copy's log into its file and deletes the log, as a checkpoint does. SQLite itself does it only where
 * the schema reads and the file is not much shorter than it should be.
 */
export function foldLog(path: string): void {
  withFile(`${path}-wal`, "r", (log) => withFile(path, "r+", (file) => new LogFile(log).foldInto(file)));
  for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
}

class LogFile {
  readonly frames: number;
  readonly isHeaderWhole: boolean;
  /** Both salts of the header: they distinguish this use of the file from earlier ones. */
  readonly salt: bigint;
  readonly #file: number;
  readonly #header = new Uint8Array(HEADER_BYTES);
  readonly #bytes = new Uint8Array(FRAME_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #words = new Uint32Array(this.#bytes.buffer);
  readonly #sum: Sum = { a: 0, b: 0 };

  constructor(file: number) {
    this.#file = file;
    const size = fstatSync(file).size;
    this.frames = Math.max(0, Math.floor((size - HEADER_BYTES) / FRAME_BYTES));
    readSync(file, this.#header, 0, HEADER_BYTES, 0);
    const view = new DataView(this.#header.buffer);
    this.salt = view.getBigUint64(16);
    add(this.#sum, new Uint32Array(this.#header.buffer), 0, 6);
    this.isHeaderWhole =
      view.getUint32(0) === MAGIC &&
      view.getUint32(8) === PAGE_BYTES &&
      view.getUint32(24) === this.#sum.a &&
      view.getUint32(28) === this.#sum.b;
  }

  frame(at: number): Frame {
    readSync(this.#file, this.#bytes, 0, FRAME_BYTES, HEADER_BYTES + at * FRAME_BYTES);
    const view = this.#view;
    return { page: view.getUint32(0), isCommit: view.getUint32(4) !== 0, salt: view.getBigUint64(8) };
  }

  /** How many frames from the first on have the right checksum. */
  wholeFrames(): number {
    for (let at = 0; at < this.frames; at++) {
      if (this.frame(at).salt !== this.salt) return at;
      const next = this.#sumAfter(this.#sum);
      if (!this.#isStored(next)) return at;
      Object.assign(this.#sum, next);
    }
    return this.frames;
  }

  /**
   * Whether a commit behind the whole frames was synced: a transaction begins only then, and its checksum continues that of the
   * commit. What an earlier crash left has the same salt, but continues what was written over.
   */
  hasLostCommit(): boolean {
    const whole = this.wholeFrames();
    // The sum of the first frame that is not whole, by its content and as it is stored: one of them may be damaged.
    let before: Sum[] = [];
    for (let at = whole; at < this.frames; at++) {
      const { salt, isCommit } = this.frame(at);
      if (salt === this.salt && before.some((sum) => this.#isStored(this.#sumAfter(sum)))) return true;
      const byContent = at === whole ? [this.#sumAfter(this.#sum)] : [];
      before = isCommit ? [this.#storedSum(), ...byContent] : [];
    }
    return false;
  }

  /** The salt of most commits: it identifies this use of the file where the header is damaged. */
  salts(): { readonly salt: bigint; readonly commits: number } {
    const commits = new Map<bigint, number>();
    for (let at = 0; at < this.frames; at++) {
      const { salt, isCommit } = this.frame(at);
      if (isCommit) commits.set(salt, (commits.get(salt) ?? 0) + 1);
    }
    const [most] = [...commits].sort((x, y) => y[1] - x[1]);
    // Two commits with one salt cannot be chance.
    return most === undefined || most[1] < 2 ? { salt: 0n, commits: 0 } : { salt: most[0], commits: most[1] };
  }

  seal(salt: bigint): void {
    const kept: number[] = [];
    let end = 0;
    let pages = 0;
    for (let at = 0; at < this.frames; at++) {
      const frame = this.frame(at);
      if (frame.salt !== salt) continue;
      kept.push(at);
      pages = Math.max(pages, frame.isCommit ? this.#view.getUint32(4) : 0);
      if (frame.isCommit) end = kept.length;
    }
    this.#sealHeader(salt);
    let to = 0;
    for (const at of kept.slice(0, end)) {
      const { page } = this.frame(at);
      // A page that the database never had: its number is what was damaged.
      if (page === 0 || page > pages) continue;
      this.#addFrame();
      this.#view.setUint32(16, this.#sum.a);
      this.#view.setUint32(20, this.#sum.b);
      writeSync(this.#file, this.#bytes, 0, FRAME_BYTES, HEADER_BYTES + to++ * FRAME_BYTES);
    }
    ftruncateSync(this.#file, HEADER_BYTES + to * FRAME_BYTES);
  }

  /** Whether it holds a commit. */
  foldInto(file: number): boolean {
    if (!this.isHeaderWhole) return false;
    let end = 0;
    for (let at = this.wholeFrames() - 1; at >= 0 && end === 0; at--) if (this.frame(at).isCommit) end = at + 1;
    for (let at = 0; at < end; at++) {
      const { page } = this.frame(at);
      writeSync(file, this.#bytes, FRAME_HEADER_BYTES, PAGE_BYTES, (page - 1) * PAGE_BYTES);
    }
    return end > 0;
  }

  #sealHeader(salt: bigint): void {
    const view = new DataView(this.#header.buffer);
    view.setUint32(0, MAGIC);
    view.setUint32(4, 3_007_000);
    view.setUint32(8, PAGE_BYTES);
    view.setBigUint64(16, salt);
    Object.assign(this.#sum, { a: 0, b: 0 });
    add(this.#sum, new Uint32Array(this.#header.buffer), 0, 6);
    view.setUint32(24, this.#sum.a);
    view.setUint32(28, this.#sum.b);
    writeSync(this.#file, this.#header, 0, HEADER_BYTES, 0);
  }

  #storedSum(): Sum {
    return { a: this.#view.getUint32(16), b: this.#view.getUint32(20) };
  }

  /** Whether it is the checksum of the frame that was read last. */
  #isStored({ a, b }: Sum): boolean {
    const stored = this.#storedSum();
    return a === stored.a && b === stored.b;
  }

  /** The checksum of the frame that was read last, behind a frame with the checksum `sum`. */
  #sumAfter(sum: Sum): Sum {
    const next = { ...sum };
    this.#addFrame(next);
    return next;
  }

  #addFrame(to = this.#sum): void {
    add(to, this.#words, 0, 2);
    add(to, this.#words, FRAME_HEADER_BYTES / 4, FRAME_BYTES / 4);
  }
}

/** SQLite's checksum, over words [from, to). */
function add(sum: Sum, words: Uint32Array, from: number, to: number): void {
  let { a, b } = sum;
  for (let i = from; i < to; i += 2) {
    a = (a + (words[i] ?? 0) + b) >>> 0;
    b = (b + (words[i + 1] ?? 0) + a) >>> 0;
  }
  sum.a = a;
  sum.b = b;
}

function withFile(path: string, flags: "r" | "r+", use: (file: number) => boolean): boolean {
  let file: number;
  try {
    file = openSync(path, flags);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}
