/**
 * The buffer for readers: read-only, beside a running agent or without one, in one consistent snapshot. Nothing here writes
 * or locks out a writer: `status` and `verify` must work on a device in any state.
 */

import { constants, Database } from "bun:sqlite";
import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { AgentError, codeOf, messageOf, UsageError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";
import { whyUnreadable, whyUnusable } from "../disk/trouble.ts";
import { type EarlierEpoch, earlierEpochs, ownerOf, type SeqOwner } from "../earlier-epochs.ts";
import { outsideTrouble } from "../outside-error.ts";
import { SCHEMA_VERSION, versionDamage } from "../schema.ts";
import { BUFFER_FILE } from "../sqlite-buffer.ts";

/** A checkpoint or a writer's start may hold the file for a moment. */
const BUSY_MS = 5_000;

/** There is no buffer in the data dir. Other errors are about one that is there. */
export class NoBufferError extends UsageError {}

export class BufferLedger {
  readonly db: Database;
  /** The version of the schema: an older one lacks the tables that later ones added. */
  readonly version: number;
  readonly epoch: string;
  readonly nodeId: string;

  private constructor(db: Database, version: number, dataDir: string) {
    this.db = db;
    this.version = version;
    const epoch = this.meta("epoch");
    if (epoch === null) throw noBuffer(dataDir, "its buffer was never opened by an agent");
    this.epoch = epoch;
    this.nodeId = this.meta("node_id") ?? "";
  }

  /**
   * Throws UsageError where there is no buffer that this binary and this user can read, AgentError where the file cannot be
   * understood (corruption). The snapshot is that of this call until `close`.
   */
  static open(dataDir: string): BufferLedger {
    const path = join(dataDir, BUFFER_FILE);
    lookFor(path, dataDir);
    let db: Database | null = null;
    try {
      db = openReadOnly(path);
      return new BufferLedger(db, versionOf(db, dataDir, path), dataDir);
    } catch (error) {
      db?.close();
      if (error instanceof AgentError) throw error;
      const trouble = outsideTrouble(error);
      if (trouble !== null && trouble !== "busy") throw unreadable(dataDir, messageOf(error), error);
      throw new AgentError(`Cannot read buffer "${path}": ${messageOf(error)}`, {
        cause: error,
        tryHint: `ls -la ${shellWord(dataDir)}`,
      });
    }
  }

  meta(key: string): string | null {
    return this.db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(key)?.value ?? null;
  }

  /** The epochs that the buffer had before its present one, oldest first. */
  earlier(): readonly EarlierEpoch[] {
    return earlierEpochs(this);
  }

  /** Whose ids the reading with this seq has. */
  ownerOf(seq: number): SeqOwner {
    const { epoch, nodeId } = this;
    return ownerOf(seq, { epoch, nodeId }, this.earlier());
  }

  /** The last seq that was ever given: how many readings the buffer has accepted. */
  accepted(): number {
    const committed = this.db.query<{ seq: number | null }, []>("SELECT max(last_seq) AS seq FROM commit_group").get();
    return Math.max(Number(this.meta("last_seq") ?? "0"), committed?.seq ?? 0);
  }

  plannedThrough(): number {
    return Number(this.meta("planned_through") ?? "0");
  }

  close(): void {
    this.db.close();
  }
}

/** Opens with a snapshot. A folder that cannot be written has no room for the shared-memory file of WAL. */
function openReadOnly(path: string): Database {
  try {
    return begun(new Database(path, { readonly: true }));
  } catch (error) {
    if (codeOf(error) !== "SQLITE_CANTOPEN" && codeOf(error) !== "SQLITE_READONLY_DIRECTORY") throw error;
    // With a log beside it the file alone is not complete. Without one no process is writing.
    if (existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0) throw error;
    const uri = `${Bun.pathToFileURL(resolve(path)).href}?immutable=1`;
    return begun(new Database(uri, constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI));
  }
}

function begun(db: Database): Database {
  try {
    db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    db.run("BEGIN");
    // A deferred transaction has its snapshot from its first read on.
    db.query("SELECT count(*) FROM sqlite_master").get();
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** An older schema is read as it is: its agent may still be running. */
function versionOf(db: Database, dataDir: string, path: string): number {
  const { user_version: found } = db.query<{ user_version: number }, []>("PRAGMA user_version").get()!;
  const damage = versionDamage(db);
  if (damage !== null) throw damage;
  if (found === 0) throw noBuffer(dataDir, `its "${BUFFER_FILE}" holds no buffer`);
  if (found <= SCHEMA_VERSION) return found;
  throw new UsageError(
    `Cannot read buffer "${path}": its schema is version ${found}, newer than this binary's ${SCHEMA_VERSION}`,
    { tryHint: "agent --version" },
  );
}

/** False only where there is none: of a data dir that cannot be looked at, `open` says why. */
export function mayHaveBuffer(dataDir: string): boolean {
  try {
    return statSync(join(dataDir, BUFFER_FILE), { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    return codeOf(error) !== "ENOTDIR";
  }
}

/** Throws UsageError where no file of this path can be read, and says why. */
function lookFor(path: string, dataDir: string): void {
  let isFile: boolean;
  try {
    isFile = statSync(path).isFile();
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOTDIR") throw unreadable(dataDir, "it is not a folder", error);
    if (code !== "ENOENT") throw unreadable(dataDir, messageOf(error), error);
    const why = whyUnusable(dataDir);
    const none = `there is no "${BUFFER_FILE}" in it`;
    throw noBuffer(dataDir, why === null ? none : `${none}, and an agent cannot make one now: ${why}`);
  }
  if (!isFile) throw unreadable(dataDir, `its "${BUFFER_FILE}" is not a file`);
}

/** `why`: where nothing keeps this user from it. */
function unreadable(dataDir: string, why: string, cause?: unknown): UsageError {
  return new UsageError(`Cannot read data dir "${dataDir}": ${whyUnreadable(dataDir) ?? why}`, {
    cause,
    tryHint: `ls -ld ${shellWord(dirname(resolve(dataDir)))} ${shellWord(resolve(dataDir))}`,
  });
}

function noBuffer(dataDir: string, cause: string): NoBufferError {
  return new NoBufferError(`Cannot find a buffer in data dir "${dataDir}": ${cause}`, {
    tryHint: `agent run --data-dir ${shellWord(dataDir)}`,
  });
}
