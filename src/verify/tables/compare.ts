/** Compares the objects of some hours as a bucket lists them with the same hours of a table: each difference by name. Pure. */
import type { Stage } from "../../core/stage.ts";
import type { HeldObject, TwiceHeld } from "./sql.ts";
import { hourOfKey, nodeOfKey, type OwnObject, windowOfKey } from "./sums.ts";

/**
 * lost: listed, was there when the table was last loaded, and no row of it is in the table. waiting: the same, but it came
 * later. quarantined: set aside by the notebook. older: the table holds an earlier revision of the window. short, surplus:
 * fewer or more rows than the name says. twice: a reading with several rows. unread: rows that the table cannot read as readings.
 * unlisted: in the table, and the bucket does not have it.
 */
export const KINDS = [
  "lost",
  "waiting",
  "quarantined",
  "older",
  "short",
  "surplus",
  "twice",
  "unread",
  "unlisted",
] as const;
export type Kind = (typeof KINDS)[number];

export type TableFinding = {
  readonly kind: Kind;
  readonly stage: Stage;
  readonly node: string;
  /** The object; of a window its highest revision; of a reading that is there twice, one that has it. */
  readonly key: string;
  /** Rows that should be there, and that are there. */
  readonly expected: number;
  readonly found: number;
  /** The reason of the quarantine, when a waiting object was stored, the object of the older revision, the reading that is twice. */
  readonly note: string | null;
};

export type HoursCompared = {
  readonly stage: Stage;
  /** By key: what the table should hold. */
  readonly wanted: ReadonlyMap<string, OwnObject>;
  readonly held: readonly HeldObject[];
  readonly twice: readonly TwiceHeld[];
  /** Listed names that are not the agent's. */
  readonly foreign: ReadonlySet<string>;
  /** By `stage/key`, with the reason. */
  readonly quarantined: ReadonlyMap<string, string>;
  /** An object that was stored before this was there when the table was last loaded; null: it never was loaded. */
  readonly loadedMs: number | null;
  /** The first hour that the bucket lists: objects of earlier hours were deleted. */
  readonly firstHour: string;
};

export function compareHours(hours: HoursCompared): TableFinding[] {
  const { stage, wanted, held, twice, foreign, firstHour } = hours;
  const findings: TableFinding[] = [];
  const add = (kind: Kind, key: string, rows: { expected: number; found: number }, note: string | null = null) =>
    void findings.push({ kind, stage, node: nodeOfKey(key), key, ...rows, note });
  const newest = stage === "aggregated" ? newestByWindow(wanted) : new Map<string, OwnObject>();
  const heldKeys = new Set(held.map(({ key }) => key));
  const replaced = new Set<string>();
  for (const { key, rows, unread } of held) {
    const object = wanted.get(key);
    if (unread > 0) add("unread", key, { expected: 0, found: unread });
    if (object !== undefined) {
      const { count } = object.of;
      if (rows !== count) add(rows < count ? "short" : "surplus", key, { expected: count, found: rows });
      continue;
    }
    const instead = newest.get(windowOfKey(key) ?? "");
    if (instead === undefined) {
      if (!foreign.has(key) && hourOfKey(key) >= firstHour) add("unlisted", key, { expected: 0, found: rows });
      continue;
    }
    // Until its newest revision comes, the one before it is what the table should hold.
    if (!heldKeys.has(instead.key) && (isWaiting(hours, instead) || isQuarantined(hours, instead))) continue;
    replaced.add(instead.key);
    add("older", instead.key, { expected: instead.of.count, found: rows }, key);
  }
  for (const [key, object] of wanted) {
    if (heldKeys.has(key) || replaced.has(key)) continue;
    const reason = hours.quarantined.get(`${stage}/${key}`);
    const none = { expected: object.of.count, found: 0 };
    if (reason !== undefined) add("quarantined", key, none, reason);
    else if (isWaiting(hours, object)) add("waiting", key, none, new Date(object.storedMs).toISOString());
    else add("lost", key, none);
  }
  for (const { id, times, key } of twice) add("twice", key, { expected: 1, found: times }, id);
  // By hour and node; a stable sort keeps the findings of one object in their order.
  return findings.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

function isWaiting({ loadedMs }: HoursCompared, { storedMs }: OwnObject): boolean {
  return loadedMs === null || storedMs >= loadedMs;
}

function isQuarantined({ stage, quarantined }: HoursCompared, { key }: OwnObject): boolean {
  return quarantined.has(`${stage}/${key}`);
}

function newestByWindow(wanted: ReadonlyMap<string, OwnObject>): Map<string, OwnObject> {
  return new Map([...wanted.values()].map((object) => [windowOfKey(object.key) ?? "", object]));
}
