/**
 * The epochs that a buffer had before its present one. A data dir that was moved, restored or cloned may be at work twice, so
 * its buffer begins a new epoch in place: seqs continue, readings that no batch promises yet get ids of the new epoch, and
 * promised ones keep the ids of the old one, because every copy promised the same rows under the same keys.
 */
import type { Database } from "bun:sqlite";
import { text } from "../core/outside/scalar-shapes.ts";
import type { Shape } from "../core/outside/shape.ts";
import { anyNumber, atLeast, storedEntries } from "../core/outside/stored-json.ts";

/** Whose ids a reading has, and whose name is in its keys. */
export type SeqOwner = { readonly epoch: string; readonly nodeId: string };

/** Readings `first` to `last` keep these ids; `last` may be `first - 1`: it has none. */
export type EarlierEpoch = SeqOwner & {
  readonly first: number;
  readonly last: number;
  readonly endedAtMs: number;
};

const META_EARLIER = "earlier_epochs";

const anyText = text(/^/, "a text");
const EARLIER: Shape<EarlierEpoch> = atLeast({
  epoch: anyText,
  nodeId: anyText,
  first: anyNumber,
  last: anyNumber,
  endedAtMs: anyNumber,
});

/** Oldest first. Where both places are damaged, a record that cannot be read is left out. */
export function earlierEpochs(of: {
  readonly db: Database;
  meta(key: string): string | null;
}): readonly EarlierEpoch[] {
  const again = copyIn(of.db);
  const copy = again.slice(again.indexOf(" ") + 1);
  return storedEntries(EARLIER, again === withSum(copy) ? copy : (of.meta(META_EARLIER) ?? "[]")) ?? [];
}

/** Keeps them, in the caller's transaction. */
export function keepEarlier(db: Database, earlier: readonly EarlierEpoch[]): void {
  const text = JSON.stringify(earlier);
  db.query("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2").run(META_EARLIER, text);
  db.query("INSERT INTO earlier_epochs_copy VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET text = ?1").run(
    withSum(text),
  );
}

/** Empty where there is none, or the table is of a newer buffer, or damaged. */
function copyIn(db: Database): string {
  try {
    const text = db.query<{ text: unknown }, []>("SELECT text FROM earlier_epochs_copy").get()?.text;
    return typeof text === "string" ? text : "";
  } catch {
    return "";
  }
}

function withSum(text: string): string {
  return `${Bun.hash.crc32(text).toString(16)} ${text}`;
}

/** The first seq that can be of the present epoch. */
export function firstSeqOf(earlier: readonly EarlierEpoch[]): number {
  return (earlier.at(-1)?.last ?? 0) + 1;
}

/** The owner of a seq. */
export function ownerOf(seq: number, present: SeqOwner, earlier: readonly EarlierEpoch[]): SeqOwner {
  return earlier.find(({ first, last }) => seq >= first && seq <= last) ?? present;
}

/**
 * The revision with which a window went out in the epoch before, of a stored `revision` below 0: -1 where it did not, and is known
 * from an epoch before that one.
 */
export function revisionBefore(revision: number): number {
  return -2 - revision;
}

/**
 * Ends the epoch of a buffer that is not open yet for its agent, and gives it `epoch`, in the caller's transaction. Windows begin
 * again, without the readings that went out in them: the new epoch's windows have other ids.
 */
export function endEpoch(db: Database, epoch: string, nowMs: number): EarlierEpoch {
  const meta = (key: string) =>
    db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(key)?.value ?? null;
  const set = db.query<null, [string, string]>(
    "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2",
  );
  const before = earlierEpochs({ db, meta });
  const first = firstSeqOf(before);
  const last = Math.max(first - 1, Number(meta("planned_through") ?? "0"));
  const ended = { epoch: meta("epoch") ?? "", nodeId: meta("node_id") ?? "", first, last, endedAtMs: nowMs };
  keepEarlier(db, [...before, ended]);
  set.run("epoch", epoch);
  db.run("UPDATE window SET revision = CASE WHEN revision >= 0 THEN -2 - revision ELSE -1 END");
  db.run("DELETE FROM window_state");
  return ended;
}
