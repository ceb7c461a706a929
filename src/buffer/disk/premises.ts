/**
 * The data dir of a running agent may be deleted (`rm -rf`, a cleaner of temporary files). Its files then exist for this
 * process only, and end with it. While it runs, everything can be restored: the database is copied to where it was, with its
 * epoch, its readings and its sources' cursors, and the agent continues from there.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../core/errors.ts";
import { syncFolder } from "../salvage/set-aside.ts";
import { BUFFER_FILE, type SqliteBuffer } from "../sqlite-buffer.ts";
import type { DataDirLock } from "./agent-lock.ts";
import { makeFolder } from "./made-folder.ts";
import { META_MARKS } from "./marks.ts";
import { privately } from "./private-files.ts";
import { WatchedFile } from "./watched-file.ts";

const TRIES = 5;

export class Premises {
  readonly #dataDir: string;
  readonly #buffer: SqliteBuffer;
  readonly #lock: DataDirLock;
  readonly #database: WatchedFile;
  readonly #log: WatchedFile;
  /** The copy that was put back. */
  #copy: WatchedFile | null = null;

  constructor(dataDir: string, buffer: SqliteBuffer, lock: DataDirLock) {
    this.#dataDir = dataDir;
    this.#buffer = buffer;
    this.#lock = lock;
    // The log's file is there from the first read on.
    buffer.meta("epoch");
    this.#database = new WatchedFile(join(dataDir, BUFFER_FILE));
    this.#log = new WatchedFile(join(dataDir, `${BUFFER_FILE}-wal`));
  }

  /** Database, log and lock are where they were when they were opened. */
  isInPlace(): boolean {
    return this.#database.isInPlace() && this.#log.isInPlace() && this.#lock.isInPlace();
  }

  /**
   * On null all of the buffer is durable in its place, and must be opened again before anything more is written. Else the
   * reason why it cannot be put back now. Another buffer in its place is never touched.
   */
  putBack(): string | null {
    try {
      makeFolder(this.#dataDir);
      if (!this.#lock.renew()) return "another agent has it now";
      if (this.#database.isInPlace()) {
        const folded = this.#buffer.db.query<{ busy: number }, []>("PRAGMA wal_checkpoint(TRUNCATE)").get();
        return folded?.busy === 0 ? null : "its log is being read";
      }
      if (!this.#database.isMissing()) return "another buffer is there now";
      this.#copyBack();
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  /**
   * Just before the buffer is closed, to be opened again after it was put back: a program that deletes the folder file by file may not
   * have ended then, and an empty buffer would be made where it was. False: it cannot be put back now.
   */
  isSecured(): boolean {
    for (let tries = 0; tries < TRIES; tries++) {
      if ((this.#copy ?? this.#database).isInPlace()) return true;
      if (this.putBack() !== null) return false;
    }
    return false;
  }

  #copyBack(): void {
    const path = join(this.#dataDir, BUFFER_FILE);
    const copy = `${path}.back`;
    rmSync(copy, { force: true });
    // The marks of the deleted file would make the copy look like one of another buffer. The next start notes its own.
    this.#buffer.db.query("DELETE FROM meta WHERE key = ?").run(META_MARKS);
    privately(() => this.#buffer.db.run("VACUUM INTO ?", [copy]));
    const file = openSync(copy, "r+");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    // SQLite would apply a log that the deleted database left to the copy.
    for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
    renameSync(copy, path);
    syncFolder(this.#dataDir);
    this.#copy = new WatchedFile(path);
  }
}
