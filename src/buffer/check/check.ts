/**
 * Whether a buffer is sound: SQLite's own check of every page, then our own rules for what the pages say. Read-only, in one
 * snapshot, beside a running agent or without one.
 */
import { join } from "node:path";
import { AgentError, messageOf } from "../../core/errors.ts";
import { grouped, roughBytes } from "../../core/readable-numbers.ts";
import { breathe } from "../../core/time/bell.ts";
import { isCorruption, isDamage } from "../corruption.ts";
import { BufferLedger } from "../ledger/ledger.ts";
import { readAll } from "../salvage/examine.ts";
import { isLogDamaged } from "../salvage/log.ts";
import { BUFFER_FILE } from "../sqlite-buffer.ts";
import { type Damage, DamageList, type Part } from "./damage.ts";
import { checkBatches, checkCounters, checkPlan, checkWindows, type PromisesLook } from "./promises.ts";
import { checkReadings } from "./readings.ts";

export type CheckHow = {
  /** An agent has the data dir's lock: its log changes while it is looked at, and is not examined by itself. */
  readonly isRunning: boolean;
  readonly stop: AbortSignal;
  /** How far it is. */
  readonly tell: (text: () => string) => void;
  /** Runs work during which no signal is heard. */
  readonly alone: <T>(work: () => T) => T;
  readonly readsWindow: PromisesLook["readsWindow"];
};

export type Checked = {
  /** Null where the buffer cannot be opened because it is damaged. */
  readonly nodeId: string | null;
  readonly epoch: string | null;
  /** What was examined, and what it is: `5,000,000 readings were read back`. */
  readonly looked: readonly string[];
  /** What was not examined, and why. */
  readonly skipped: readonly string[];
  readonly damage: readonly Damage[];
  /** Damage that was found and is not named. */
  readonly unnamed: number;
};

/** What SQLite reports at most. */
const SQLITE_MOST = 100;

/**
 * Throws what `BufferLedger.open` throws where there is no buffer, and AgentError where the file cannot be read now, as on a
 * disk that fails: that is no damage of the buffer.
 */
export async function checkBuffer(dataDir: string, how: CheckHow): Promise<Checked> {
  const found = new DamageList();
  const looked: string[] = [];
  const skipped: string[] = [];
  const path = join(dataDir, BUFFER_FILE);
  let ledger: BufferLedger | null = null;
  try {
    if (how.isRunning) skipped.push("the log's checksums: the running agent writes it");
    else if (isLogDamaged(`${path}-wal`)) found.add("log", "Commits in the middle of the log (WAL) are damaged");
    else looked.push("the log (WAL): its checksums are right");
    ledger = BufferLedger.open(dataDir);
    await checkAll(ledger, { found, looked, how });
  } catch (error) {
    if (!isDamage(error)) throw error;
    found.add("file", messageOf(error));
  } finally {
    ledger?.close();
  }
  if (found.found.length > 0) await expectReadable(path, how.stop);
  const { nodeId = null, epoch = null } = ledger ?? {};
  return { nodeId, epoch, looked, skipped, damage: found.found, unnamed: found.unnamed };
}

type Looking = { readonly found: DamageList; readonly looked: string[]; readonly how: CheckHow };

async function checkAll(ledger: BufferLedger, { found, looked, how }: Looking): Promise<void> {
  const turn = async () => {
    await breathe();
    if (how.stop.aborted) throw new AgentError("Cannot finish the check: it was stopped");
  };
  checkPages(ledger, { found, looked, how });
  const look = { ledger, found, turn, readsWindow: how.readsWindow };
  const guarded = async (part: Part, work: () => Promise<string> | string) => {
    try {
      looked.push(await work());
    } catch (error) {
      if (!isCorruption(error)) throw error;
      found.add(part, `The ${part} cannot be read: ${messageOf(error)}`);
    }
    await turn();
  };
  await guarded("readings", async () => {
    const rows = await checkReadings({
      ledger,
      found,
      turn: async (done, of) => {
        how.tell(() => `${grouped(done)} of ${grouped(of)} readings read back`);
        await turn();
      },
    });
    return `${grouped(rows)} readings: each read back, in one commit, without a gap that no loss counts`;
  });
  how.tell(() => "Batches and windows");
  await guarded("batches", async () => {
    const batches = await checkBatches(look);
    checkPlan(look);
    return `${grouped(batches)} batches: what is not delivered can be made, and every promised reading has one`;
  });
  await guarded("windows", async () => {
    return `${grouped(await checkWindows(look))} windows that went out: their accumulators read`;
  });
  await guarded("counters", () => `${grouped(checkCounters(look))} kinds of loss, and the counters: they add up`);
}

function checkPages({ db }: BufferLedger, { found, looked, how }: Looking): void {
  const pragma = (name: string) => Number(db.query(`PRAGMA ${name}`).values()[0]?.[0] ?? 0);
  const bytes = pragma("page_count") * pragma("page_size");
  how.tell(() => `SQLite checks ${roughBytes(bytes)}`);
  db.run("PRAGMA cell_size_check = ON");
  let said: readonly string[];
  try {
    const rows = how.alone(() =>
      db.query<{ integrity_check: string }, []>(`PRAGMA integrity_check(${SQLITE_MOST})`).all(),
    );
    said = rows.map((row) => row.integrity_check).filter((text) => text !== "ok");
  } catch (error) {
    if (!isCorruption(error)) throw error;
    said = [messageOf(error)];
  }
  for (const text of said) found.add("file", `SQLite's check says: ${text}`);
  if (said.length === 0)
    looked.push(`${grouped(pragma("page_count"))} pages (${roughBytes(bytes)}): SQLite's check is ok`);
}

/** SQLite also calls a page damaged that the device could not read. Throws AgentError where a byte cannot be read now. */
async function expectReadable(path: string, stop: AbortSignal): Promise<void> {
  const unread = (await readAll(path, stop)) ?? (await readAll(`${path}-wal`, stop));
  if (unread === null) return;
  throw new AgentError(`Cannot read all of buffer "${path}": ${messageOf(unread)}; the disk may be failing`, {
    cause: unread,
    tryHint: "dmesg | tail -20",
  });
}
