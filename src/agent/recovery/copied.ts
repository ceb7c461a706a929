/**
 * A data dir that was moved, restored or cloned: another copy of it may be at work, or have been, and its keys and ids must not
 * be used for anything new. The buffer then begins a new epoch in place, in one transaction, before anything else is done with it.
 */
import type { Database } from "bun:sqlite";
import { join } from "node:path";
import { differenceOf, joinMarks, MARKS, META_MARKS, NO_MARKS } from "../../buffer/disk/marks.ts";
import { type EarlierEpoch, earlierEpochs, endEpoch } from "../../buffer/earlier-epochs.ts";
import { newEpoch } from "../../buffer/epoch.ts";
import { outsideTrouble } from "../../buffer/outside-error.ts";
import { BUFFER_FILE, type SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import { storedJson } from "../../core/outside/stored-json.ts";
import type { Problem } from "../../core/problem.ts";
import { grouped } from "../../core/readable-numbers.ts";
import type { SeqRange } from "../../core/seq-range.ts";
import type { BufferInputs } from "../buffer-inputs.ts";
import { readLive } from "../live.ts";
import { oldEpochs, rememberCopied } from "./old-epochs.ts";

/** Another agent was seen at work with this epoch. */
const META_SHARED = "epoch_shared";

/** Why the epoch ended, as long as the store was not asked yet what another copy delivered of it; else empty. */
const META_UNASKED = "epoch_unasked";

const DIFFERENCES = ["machine", "file", "report", "shared"] as const;
type Difference = (typeof DIFFERENCES)[number];
const BECAUSE: Readonly<Record<Difference, string>> = {
  machine: "it was last open on another machine",
  file: "its buffer is not the file that was last open",
  report: "the last report of its agent knows more readings than it has",
  shared: "another agent reports under its epoch",
};

/** The next opening begins a new epoch. */
export function markShared(buffer: { setMeta(key: string, value: string): void }): void {
  buffer.setMeta(META_SHARED, "1");
}

/**
 * Called with a buffer that is just being opened. Compares the marks in it with those of this machine and file, and ends its
 * epoch where they differ. `isSame`: this process had it open; its marks are only noted. The first start that knows marks notes them.
 */
export function noticeCopy(inputs: BufferInputs, db: Database, isSame: boolean): void {
  const { settings, log, now, marks = () => NO_MARKS } = inputs;
  const store = metaOf(db);
  const here = marks(join(settings.dataDir, BUFFER_FILE));
  const before = storedJson(MARKS, store.meta(META_MARKS) ?? "null");
  const shared = store.meta(META_SHARED) === "1" ? "shared" : null;
  const isKnown = isSame || inputs.marks === undefined || store.meta("epoch") === null;
  const difference =
    shared ?? (isKnown ? null : ((before && differenceOf(before, here)) ?? behind(store, settings.dataDir, db)));
  if (difference === null) {
    if (inputs.marks !== undefined) note(() => store.setMeta(META_MARKS, JSON.stringify(joinMarks(before, here))));
    return;
  }
  const fresh = newEpoch(now(), crypto.getRandomValues(new Uint8Array(10)));
  const problem = db
    .transaction(() => {
      const ended = endEpoch(db, fresh, now());
      const found = problemOf(difference, { ended, epoch: fresh, lastSeq: lastSeqOf(db, store), asked: false });
      store.setMeta(META_UNASKED, difference);
      store.setMeta(META_MARKS, JSON.stringify(here));
      rememberCopied(store, found, now());
      store.setMeta(META_SHARED, "0");
      return found;
    })
    .immediate();
  log.warn(problem.code, problem.message, { try: problem.try });
}

export function isUnasked(buffer: Meta): boolean {
  return (buffer.meta(META_UNASKED) ?? "") !== "";
}

/** The store was asked, or cannot be: the problem now names the readings that may still be there twice. Inside a transaction. */
export function noteAsked(buffer: SqliteBuffer, ended: EarlierEpoch, asked: boolean, nowMs: number): void {
  const difference = DIFFERENCES.find((one) => one === buffer.meta(META_UNASKED));
  buffer.setMeta(META_UNASKED, "");
  if (difference === undefined || !asked) return;
  const { epoch, lastSeq } = buffer;
  rememberCopied(buffer, problemOf(difference, { ended, epoch, lastSeq, asked }), nowMs);
}

/** Marks that cannot be noted on a full disk are noted at a later start. */
function note(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (outsideTrouble(error) !== "full") throw error;
  }
}

type Meta = { readonly db: Database; meta(key: string): string | null; setMeta(key: string, value: string): void };

function metaOf(db: Database): Meta {
  return {
    db,
    meta: (key) =>
      db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(key)?.value ?? null,
    setMeta: (key, value) => {
      db.query("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2 WHERE value <> ?2").run(
        key,
        value,
      );
    },
  };
}

function lastSeqOf(db: Database, { meta }: Meta): number {
  const committed = db.query<{ seq: number | null }, []>("SELECT max(last_seq) AS seq FROM commit_group").get();
  return Math.max(Number(meta("last_seq") ?? "0"), committed?.seq ?? 0);
}

/** The report beside the buffer is of a later state of it, or of a buffer that this one never knew: an older copy was put back. */
function behind(store: Meta, dataDir: string, db: Database): "report" | null {
  const told = readLive(dataDir)?.buffer;
  if (told === undefined) return null;
  if (told.epoch === store.meta("epoch")) {
    const isBehind =
      told.lastSeq > lastSeqOf(db, store) || told.promisedThrough > Number(store.meta("planned_through") ?? "0");
    return isBehind ? "report" : null;
  }
  const known = [...earlierEpochs(store), ...oldEpochs(store)];
  return known.some(({ epoch }) => epoch === told.epoch) ? null : "report";
}

type NewEpoch = {
  readonly ended: EarlierEpoch;
  readonly epoch: string;
  readonly lastSeq: number;
  /** The store said what it has of the old epoch. */
  readonly asked: boolean;
};

function problemOf(difference: Difference, { ended, epoch, lastSeq, asked }: NewEpoch): Problem {
  const message =
    `The data dir was moved, restored or cloned: ${BECAUSE[difference]}. The node continues under epoch ${epoch}, after ` +
    `${ended.epoch}. ${doublesText({ first: ended.last + 1, last: lastSeq }, asked)}`;
  return { code: "data_dir_copied", message, try: "agent verify" };
}

function doublesText({ first, last }: SeqRange, asked: boolean): string {
  const aggregates = "The newest aggregates may count some readings twice";
  if (last < first) return `Every reading in it was promised, and no copy sends a promised one twice. ${aggregates}`;
  const store = asked ? ", are not in the store" : "";
  return `Readings ${grouped(first)} to ${grouped(last)} were not promised${store}, and go out under it: if another copy sends them too, they are there twice. ${aggregates}`;
}
