/** Which readings a snapshot has, and how large it will be, by a sample of them: some milliseconds, however large the buffer is. */

import { grouped, roughBytes } from "../../core/readable-numbers.ts";
import { type SeqRange, sizeOf } from "../../core/seq-range.ts";
import { SNAPSHOT_BYTES_MOST, SNAPSHOT_READINGS_MOST, type SnapshotSize } from "../wire.ts";
import { SnapshotCopy } from "./copy.ts";

/** The newest readings: their number, or those that the agent took in the last hours. */
export type AskedSnapshot = { readonly readings: number } | { readonly hours: number };

export type SnapshotLimits = { readonly readings: number; readonly bytes: number };
export const SNAPSHOT_LIMITS: SnapshotLimits = { readings: SNAPSHOT_READINGS_MOST, bytes: SNAPSHOT_BYTES_MOST };

export const HOURS_MOST = 24 * 366;

/** Null: the query does not say it, or wrongly. */
export function askedSnapshot(query: URLSearchParams): AskedSnapshot | null {
  const [readings, hours] = [query.get("readings"), query.get("hours")];
  if (readings !== null && hours === null && /^[1-9]\d{0,14}$/.test(readings)) return { readings: Number(readings) };
  if (hours !== null && readings === null && /^\d{1,5}(\.\d{1,4})?$/.test(hours)) {
    const given = Number(hours);
    if (given > 0 && given <= HOURS_MOST) return { hours: given };
  }
  return null;
}

/** `range` null: the buffer holds no such reading. */
export type ChosenReadings = { readonly range: SeqRange | null; readonly size: SnapshotSize };

const SAMPLE = { pieces: 8, rows: 64 };
/** Of a sensor with all its texts. */
const SENSOR_BYTES = 280;
const EMPTY_BYTES = 100_000;
const HOUR_MS = 3_600_000;

export type RoomBytes = { readonly free: number; readonly leaves: number };

/** `room`: what the disk has, and what a snapshot leaves of it. */
export function chooseReadings(
  bufferPath: string,
  asked: AskedSnapshot,
  { nowMs, room, limits }: { readonly nowMs: number; readonly room: RoomBytes; readonly limits: SnapshotLimits },
): ChosenReadings {
  const sample = new SnapshotCopy(":memory:", bufferPath);
  try {
    const held = sample.held();
    const none = { readings: 0, bytes: 0, cut: null, held: 0, fromMs: null };
    if (held === null) return { range: null, size: none };
    const wanted = wantedRange(sample, asked, { held, nowMs });
    if (wanted === null) return { range: null, size: { ...none, held: sizeOf(held) } };
    const fixedBytes = EMPTY_BYTES + sample.lastHandle() * SENSOR_BYTES;
    const bytesEach = sampledBytes(sample, wanted);
    const within = (bytes: number) => Math.max(0, Math.floor((bytes - fixedBytes) / bytesEach));
    const byRoom = room.free - room.leaves;
    const cuts = [
      { most: limits.readings, why: `a snapshot has at most ${grouped(limits.readings)} readings` },
      { most: within(limits.bytes), why: `a snapshot has at most ${roughBytes(limits.bytes)}` },
      { most: within(byRoom), why: `the disk of the device has room for ${roughBytes(Math.max(0, byRoom))}` },
    ];
    const least = cuts.reduce((one, other) => (other.most < one.most ? other : one));
    const readings = Math.min(sizeOf(wanted), least.most);
    const cut = readings < sizeOf(wanted) ? least.why : null;
    const range = readings === 0 ? null : { first: wanted.last - readings + 1, last: wanted.last };
    const bytes = readings === 0 ? 0 : Math.round(fixedBytes + readings * bytesEach);
    const fromMs = range === null ? null : sample.takenMs(range.first);
    return { range, size: { readings, bytes, cut, held: sizeOf(held), fromMs } };
  } finally {
    sample.close();
  }
}

function wantedRange(
  copy: SnapshotCopy,
  asked: AskedSnapshot,
  { held, nowMs }: { readonly held: SeqRange; readonly nowMs: number },
): SeqRange | null {
  if ("readings" in asked) return { first: Math.max(held.first, held.last - asked.readings + 1), last: held.last };
  const first = firstSince(copy, nowMs - asked.hours * HOUR_MS, held);
  return first === null ? null : { first, last: held.last };
}

/** The first reading that was taken at this time or later, where the clock never went back; else about that one. */
function firstSince(copy: SnapshotCopy, sinceMs: number, held: SeqRange): number | null {
  const isSince = (seq: number) => (copy.takenMs(seq) ?? Number.NEGATIVE_INFINITY) >= sinceMs;
  if (!isSince(held.last)) return null;
  let [low, high] = [held.first, held.last];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isSince(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Bytes of a snapshot for each reading, with all that comes with it. */
function sampledBytes(sample: SnapshotCopy, { first, last }: SeqRange): number {
  const emptyBytes = sample.bytes;
  const step = Math.max(SAMPLE.rows, Math.floor((last - first + 1) / SAMPLE.pieces));
  let rows = 0;
  for (let from = first; from <= last; from += step) {
    const piece = { first: from, last: Math.min(last, from + SAMPLE.rows - 1) };
    sample.readings(piece);
    sample.commits(piece, false);
    rows += sizeOf(piece);
  }
  // A whole page more for each table that was begun would be much of a small sample.
  return Math.max(24, (sample.bytes - emptyBytes) / rows);
}
