/**
 * The names of objects. A key says all that an audit needs (node, epoch, range, rows), so a delivery is checked from a
 * listing, without opening an object.
 */
import { type HourRange, type SeqRange, sizeOf } from "../core/seq-range.ts";
import type { Stage } from "../core/stage.ts";
import { hourOf } from "../core/time/duration.ts";

const SEQ_DIGITS = 12;

/**
 * One object of a reading stage: the rows of one hour (of event time) out of a planned range of seqs. Rows of the range that
 * belong to other hours or stages are not in this object.
 */
export type ReadingKey = HourRange & {
  readonly node: string;
  readonly epoch: string;
  /** Rows inside. */
  readonly count: number;
};

/** One object of the aggregated stage: one revision of one window, a row per sensor. */
export type WindowKey = {
  readonly windowStartMs: number;
  readonly node: string;
  readonly epoch: string;
  readonly revision: number;
  readonly count: number;
};

export type ParsedKey = ({ readonly kind: "readings" } & ReadingKey) | ({ readonly kind: "window" } & WindowKey);

/** `date=YYYY-MM-DD/hour=HH/{node}/{epoch}.{first}-{last}.{count}.json.gz` */
export function readingKey(of: ReadingKey): string {
  return `${folderOf(of.hourMs, of.node)}/${of.epoch}.${seqText(of.first)}-${seqText(of.last)}.${of.count}.json.gz`;
}

/** `date=YYYY-MM-DD/hour=HH/{node}/{epoch}.{window_start}.r{revision}.{count}.json.gz` */
export function windowKey(of: WindowKey): string {
  const start = windowText(of.windowStartMs);
  return `${folderOf(of.windowStartMs, of.node)}/${of.epoch}.${start}.r${of.revision}.${of.count}.json.gz`;
}

const FOLDER = /^date=([+-]\d{6}|\d{4})-\d\d-\d\d\/hour=\d\d\/(?<node>[A-Za-z0-9._-]+)\/(?<epoch>[0-9a-z]+)\./;
const RANGE = /^(?<first>\d{12,16})-(?<last>\d{12,16})\.(?<count>\d{1,16})\.json\.gz$/;
const WINDOW =
  /^(?<year>[+-]\d{6}|\d{4})(?<month>\d\d)(?<day>\d\d)T(?<hour>\d\d)(?<minute>\d\d)(?<second>\d\d)(?<ms>\d{3})?Z\.r(?<revision>\d{1,16})\.(?<count>\d{1,16})\.json\.gz$/;

/** The parts of a key of this stage, or null when it is not one of the agent's: other text, or not exactly as it is written. */
export function parseKey(stage: Stage, key: string): ParsedKey | null {
  const folder = FOLDER.exec(key);
  if (folder === null) return null;
  const { node = "", epoch = "" } = folder.groups ?? {};
  const rest = key.slice(folder[0].length);
  return stage === "aggregated" ? parseWindow(key, node, epoch, rest) : parseRange(key, node, epoch, rest);
}

function parseRange(key: string, node: string, epoch: string, rest: string): ParsedKey | null {
  const groups = RANGE.exec(rest)?.groups;
  if (groups === undefined) return null;
  const { first: firstText, last: lastText, count: countText } = groups;
  const range: SeqRange = { first: Number(firstText), last: Number(lastText) };
  const count = Number(countText);
  if (sizeOf(range) === 0 || count > sizeOf(range)) return null;
  const parsed: ParsedKey = { kind: "readings", hourMs: hourInKey(key), node, epoch, ...range, count };
  return isWritable(parsed.hourMs) && readingKey(parsed) === key ? parsed : null;
}

function parseWindow(key: string, node: string, epoch: string, rest: string): ParsedKey | null {
  const groups = WINDOW.exec(rest)?.groups;
  if (groups === undefined) return null;
  const { year, month, day, hour, minute, second, ms = "000", revision, count } = groups;
  const windowStartMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
  const parsed: ParsedKey = {
    kind: "window",
    windowStartMs,
    node,
    epoch,
    revision: Number(revision),
    count: Number(count),
  };
  return isWritable(windowStartMs) && windowKey(parsed) === key ? parsed : null;
}

function isWritable(timeMs: number): boolean {
  return !Number.isNaN(timeMs);
}

function hourInKey(key: string): number {
  const [date = "", hour = ""] = key.split("/", 2);
  return Date.parse(`${date.slice("date=".length)}T${hour.slice("hour=".length)}:00:00.000Z`);
}

function folderOf(timeMs: number, node: string): string {
  const text = new Date(hourOf(timeMs)).toISOString();
  const t = text.indexOf("T");
  return `date=${text.slice(0, t)}/hour=${text.slice(t + 1, t + 3)}/${node}`;
}

function seqText(seq: number): string {
  return String(seq).padStart(SEQ_DIGITS, "0");
}

/** `20261123T080000Z`; milliseconds only where there are any, and without a dot: dots separate the parts of a key. */
function windowText(startMs: number): string {
  const iso = new Date(startMs).toISOString();
  // A year outside 0…9999 has a sign, which is kept; every other sign between digits goes.
  const sign = /^[+-]/.exec(iso)?.[0] ?? "";
  return sign + iso.slice(sign.length).replace(/[-:.]/g, "").replace("000Z", "Z");
}
