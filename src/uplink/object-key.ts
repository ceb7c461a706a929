/**
 * The names of objects. A key says all that an audit needs (node, epoch, range, rows), so a delivery is checked from a
 * listing, without opening an object.
 */
import { type HourRange, type SeqRange, sizeOf } from "../core/seq-range.ts";
import type { Stage } from "../core/stage.ts";
import { hourOf, MS_PER_DAY, MS_PER_HOUR } from "../core/time/duration.ts";

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
  /** A range that is thin over many hours: the event times are of the day that begins at `hourMs`. */
  readonly isDay?: boolean;
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

/** `date=YYYY-MM-DD/hour=HH/{node}/{epoch}.{first}-{last}.{count}.json.gz`, of a whole day `hour=all` */
export function readingKey(of: ReadingKey): string {
  const folder = of.isDay === true ? dayFolderOf(of.hourMs, of.node) : folderOf(of.hourMs, of.node);
  return `${folder}/${of.epoch}.${seqText(of.first)}-${seqText(of.last)}.${of.count}.json.gz`;
}

/** `date=YYYY-MM-DD/hour=HH/{node}/{epoch}.{window_start}.r{revision}.{count}.json.gz` */
export function windowKey(of: WindowKey): string {
  const start = windowText(of.windowStartMs);
  return `${folderOf(of.windowStartMs, of.node)}/${of.epoch}.${start}.r${of.revision}.${of.count}.json.gz`;
}

/** The keys of an epoch's objects of one hour begin with this. */
export function epochPrefix(
  hourMs: number,
  { nodeId, epoch }: { readonly nodeId: string; readonly epoch: string },
): string {
  return `${folderOf(hourMs, nodeId)}/${epoch}.`;
}

const FOLDER = /^date=([+-]\d{6}|\d{4})-\d\d-\d\d\/hour=(\d\d|all)\/(?<node>[A-Za-z0-9._-]+)\/(?<epoch>[0-9a-z]+)\./;
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

/** What a reader needs of a key. */
export type KeyFacts = {
  /** The event times inside are before this. */
  readonly endMs: number;
  readonly count: number;
};

/** Many windows in one object, of an hour or a day, by their issue numbers. */
const GATHERED = /^date=[^/]+\/hour=(\d\d|all)\/(?<node>[^/]+)\/(?<epoch>[0-9a-z]+)\./;

/**
 * The facts of a key of the agent, also of aggregates in the form that no agent of this version writes: a reader takes both.
 * Null where the key is not the agent's.
 */
export function readKey(stage: Stage, key: string): KeyFacts | null {
  const of = parseKey(stage, key) ?? (stage === "aggregated" ? gathered(key) : null);
  if (of === null) return null;
  if (of.kind === "window") return { endMs: hourOf(of.windowStartMs) + MS_PER_HOUR, count: of.count };
  return { endMs: of.hourMs + spanOf(of), count: of.count };
}

/** How much event time the object of a key may span. */
export function spanOf({ isDay }: Pick<ReadingKey, "isDay">): number {
  return isDay === true ? MS_PER_DAY : MS_PER_HOUR;
}

/** A window has a row for each of its sensors, so the count may be any. */
function gathered(key: string): ({ readonly kind: "readings" } & ReadingKey) | null {
  const folder = GATHERED.exec(key);
  const { node = "", epoch = "" } = folder?.groups ?? {};
  return folder === null ? null : parseNumbers(key, { node, epoch }, key.slice(folder[0].length));
}

function parseRange(key: string, node: string, epoch: string, rest: string): ParsedKey | null {
  const parsed = parseNumbers(key, { node, epoch }, rest);
  return parsed !== null && parsed.count <= sizeOf(parsed) ? parsed : null;
}

function parseNumbers(
  key: string,
  of: Pick<ReadingKey, "node" | "epoch">,
  rest: string,
): ({ readonly kind: "readings" } & ReadingKey) | null {
  const groups = RANGE.exec(rest)?.groups;
  if (groups === undefined) return null;
  const { first: firstText, last: lastText, count: countText } = groups;
  const range: SeqRange = { first: Number(firstText), last: Number(lastText) };
  if (sizeOf(range) === 0) return null;
  const isDay = key.split("/", 2)[1] === "hour=all" ? ({ isDay: true } as const) : {};
  const parsed = {
    kind: "readings",
    hourMs: hourInKey(key),
    ...isDay,
    ...of,
    ...range,
    count: Number(countText),
  } as const;
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
  const of = hour.slice("hour=".length);
  return Date.parse(`${date.slice("date=".length)}T${of === "all" ? "00" : of}:00:00.000Z`);
}

function folderOf(timeMs: number, node: string): string {
  const text = new Date(hourOf(timeMs)).toISOString();
  const t = text.indexOf("T");
  return `date=${text.slice(0, t)}/hour=${text.slice(t + 1, t + 3)}/${node}`;
}

function dayFolderOf(timeMs: number, node: string): string {
  return folderOf(timeMs, node).replace(/hour=\d\d/, "hour=all");
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
