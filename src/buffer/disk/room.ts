/**
 * What the disk leaves the buffer. Besides the database there must always be room for three things: the log (WAL), what
 * folding the log into the database adds to it, and a reserve, which is released when others have filled the disk. So
 * the database may grow only as far as the log still has its room, and the log is folded before that would need more
 * than the reserve. Then, however full the disk is, giving up the reserve and folding the log makes room to continue.
 */
import type { Database } from "bun:sqlite";
import { rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { BUSY_TIMEOUT_MS, LOG_BYTES, PAGE_BYTES } from "../schema.ts";
import { BUFFER_FILE } from "../sqlite-buffer.ts";
import { holdReserve, releaseReserve, reservedBytes } from "./reserve.ts";
import { CHUNK_ROWS } from "./retention.ts";

type Sizes = {
  readonly reserveBytes: number;
  /** For the log: it is folded at half of it, which leaves the other half to the transaction that passes the mark. */
  readonly logBytes: number;
};

const KIB = 1_024;
const MIB = 1_024 * KIB;
/** Of the disk. A commit of 1,000 readings is about 100 KiB of log, windows of some hundred sensors are as much. */
const RESERVE = { share: 16, leastBytes: 256 * KIB, mostBytes: 8 * MIB };
const LOG = { share: 16, leastBytes: 256 * KIB, mostBytes: 2 * LOG_BYTES };
/** A share of the database that readings may not use: deleting them needs it (batches and windows). */
const BOOKKEEPING = { share: 8, mostBytes: 64 * MIB };

/** Where there is this much, one commit does not bring the end of the disk near. */
const FAR_BYTES = 256 * MIB;
/** For the files beside the database: the log's index, the report, the lock. */
const OTHERS_BYTES = 128 * KIB;
const LEAST_ROW_BYTES = 64;

export class DiskRoom {
  readonly #dataDir: string;
  readonly #db: Database;
  /** The sizes in force; null while there is no reserve. */
  #sizes: Sizes | null = null;

  constructor(dataDir: string, db: Database) {
    this.#dataDir = dataDir;
    this.#db = db;
    removeCopy(dataDir);
    removeSnapshot(dataDir);
  }

  /** There is no reserve: no reading may be taken. */
  get isShort(): boolean {
    return this.#sizes === null;
  }

  /** The reserve is smaller than it would be if others had not filled the disk. */
  get isTight(): boolean {
    return this.#sizes !== null && this.#sizes.reserveBytes < sizesFor(this.#space().diskBytes).reserveBytes;
  }

  /** Readings are taken while pages in use are no more than this. Infinite where the file system does not say. */
  limitBytes(): number {
    const { freeBytes, diskBytes } = this.#space();
    const { reserveBytes, logBytes } = this.#sizes ?? sizesFor(diskBytes);
    const missingBytes = this.isShort ? reserveBytes : 0;
    const mostBytes = sizeOf(this.#path()) + freeBytes + sizeOf(this.#path("-wal")) - logBytes - missingBytes;
    return mostBytes - Math.min(BOOKKEEPING.mostBytes, mostBytes / BOOKKEEPING.share);
  }

  /** What one transaction of the upkeep may write at most: the log must have room for it, and must still be foldable. */
  get chunkBytes(): number {
    return (this.#sizes?.logBytes ?? LOG.leastBytes) / 4;
  }

  /** Rows that one transaction may delete: SQLite writes every page that it frees to the log. */
  get chunkRows(): number {
    return Math.min(CHUNK_ROWS, this.chunkBytes / LEAST_ROW_BYTES);
  }

  /**
   * The database may never grow so far that the smallest reserve and log had no room beside it: its file does not shrink,
   * so nothing could be taken any more, though all of it was delivered. Beyond this a write says that the disk is full.
   */
  limitGrowth(): void {
    const { freeBytes } = this.#space();
    if (freeBytes > FAR_BYTES) return;
    const ownBytes = freeBytes + reservedBytes(this.#dataDir) + sizeOf(this.#path()) + sizeOf(this.#path("-wal"));
    const mostBytes = ownBytes - RESERVE.leastBytes - LOG.leastBytes - OTHERS_BYTES;
    // Never less than it has: SQLite sees to that.
    this.#db.run(`PRAGMA max_page_count = ${Math.max(1, Math.floor(mostBytes / PAGE_BYTES))}`);
  }

  /** After a commit: folds the log where, on a full disk, folding it could come to need more than the reserve. */
  keepLogFoldable(): void {
    const pages = Number(this.#db.query("PRAGMA page_count").values()[0]?.[0] ?? 0);
    const growthBytes = pages * PAGE_BYTES - sizeOf(this.#path());
    const reserveBytes = this.#sizes?.reserveBytes ?? 0;
    // Folding costs a sync and writes the newest pages again: as seldom as the room allows.
    const isFar = this.#space().freeBytes > FAR_BYTES;
    if (growthBytes > (isFar ? reserveBytes - RESERVE.leastBytes : reserveBytes / 2))
      this.#db.query("PRAGMA wal_checkpoint(PASSIVE)").get();
  }

  /** A write met a full disk: the reserve goes, and the log is folded with the room that this makes. */
  giveUp(): void {
    releaseReserve(this.#dataDir);
    this.#sizes = null;
    this.#limitLog(LOG.leastBytes);
    this.fold();
  }

  /**
   * Sets a reserve aside again: what this disk should have, or else a smaller one, so that a disk that others keep full is
   * no reason to stop while the database has free pages. False where not even the smallest leaves room for a log.
   */
  hold(): boolean {
    if (!this.#fits(sizesFor(this.#space().diskBytes))) this.fold();
    for (let sizes = sizesFor(this.#space().diskBytes); ; sizes = halfOf(sizes)) {
      if (this.#fits(sizes) && holdReserve(this.#dataDir, sizes.reserveBytes)) {
        this.#sizes = sizes;
        this.#limitLog(sizes.logBytes);
        return true;
      }
      if (sizes.reserveBytes === RESERVE.leastBytes) return false;
    }
  }

  #fits({ reserveBytes, logBytes }: Sizes): boolean {
    const ownBytes = this.#space().freeBytes + reservedBytes(this.#dataDir);
    return ownBytes >= reserveBytes + Math.max(LOG.leastBytes, logBytes / 2);
  }

  /** Others made room: the reserve has its full size again. */
  grow(): void {
    const { freeBytes, diskBytes } = this.#space();
    const { reserveBytes, logBytes } = sizesFor(diskBytes);
    if (this.isTight && freeBytes + reservedBytes(this.#dataDir) >= reserveBytes + logBytes) this.hold();
  }

  /** Folds the log into the database and gives its bytes back. False while a reader needs it, or where even that has no room. */
  fold(): boolean {
    try {
      // A reader (verify) may take its time: it is not waited for.
      this.#db.run("PRAGMA busy_timeout = 0");
      const done = this.#db.query<{ busy: number }, []>("PRAGMA wal_checkpoint(TRUNCATE)").get();
      return done?.busy === 0;
    } catch {
      // Nothing is lost: the rest stays in the log.
      return false;
    } finally {
      this.#db.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }

  #limitLog(bytes: number): void {
    this.#db.run(`PRAGMA wal_autocheckpoint = ${Math.floor(bytes / 2 / PAGE_BYTES)}`);
    this.#db.run(`PRAGMA journal_size_limit = ${bytes}`);
  }

  #space(): { readonly freeBytes: number; readonly diskBytes: number } {
    try {
      const { bavail, blocks, bsize } = statfsSync(this.#dataDir);
      return { freeBytes: bavail * bsize, diskBytes: blocks * bsize };
    } catch {
      // A file system that does not say: the next write will.
      return { freeBytes: Number.POSITIVE_INFINITY, diskBytes: Number.POSITIVE_INFINITY };
    }
  }

  #path(suffix = ""): string {
    return join(this.#dataDir, BUFFER_FILE + suffix);
  }
}

/** Where the buffer is copied to, to make it smaller (compact.ts). */
export function copyPath(dataDir: string): string {
  return join(dataDir, `${BUFFER_FILE}.compact`);
}

/** A copy that is not finished, as a killed process leaves one, only takes room. */
export function removeCopy(dataDir: string): void {
  for (const suffix of ["", "-journal"]) rmSync(copyPath(dataDir) + suffix, { force: true });
}

/** Where a snapshot of the newest readings is, while it is made and sent. */
export function snapshotPath(dataDir: string): string {
  return join(dataDir, "snapshot.db");
}

/** A killed process leaves the journal of its last transaction too. */
export function removeSnapshot(dataDir: string): void {
  for (const suffix of ["", "-journal", "-wal", "-shm"]) rmSync(snapshotPath(dataDir) + suffix, { force: true });
}

function sizesFor(diskBytes: number): Sizes {
  const of = ({ share, leastBytes, mostBytes }: typeof LOG) =>
    Math.min(mostBytes, Math.max(leastBytes, Math.floor(diskBytes / share / PAGE_BYTES) * PAGE_BYTES));
  return { reserveBytes: of(RESERVE), logBytes: of(LOG) };
}

function halfOf({ reserveBytes }: Sizes): Sizes {
  const half = Math.max(RESERVE.leastBytes, reserveBytes / 2);
  return { reserveBytes: half, logBytes: Math.max(LOG.leastBytes, half / 2) };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
