/**
 * What a disk may hold after the power failed: at least as mean as POSIX allows, within reason.
 *
 * - What was synced before the cut is there: the bytes and the size of a file after its fsync or fdatasync, the names in a
 *   folder after an fsync of the folder. An fsync of a file does not make its name durable, nor that of its folder.
 * - Of the other writes each sector of 512 bytes has any of the contents that it had since the last sync (or each page of 4
 *   KiB, or each file; or all of them stop at one moment, in the middle of a write). A size is any that the file had since then.
 *   What was never written is zeros. A file that was cut off is so with all of its sectors, or with none.
 * - Of the other names each change is there or not: none, all, those before one moment, or any subset. One rename is one change;
 *   a folder whose name is not there takes with it everything inside.
 *
 * Not tried: bytes of other files in sectors that were never written, and sectors that are neither old nor new.
 */
import { between, hashAt, hashText, pick, unit } from "../../../src/core/random.ts";
import {
  apply,
  type Change,
  cloneNode,
  cloneNodes,
  type FileNode,
  type History,
  type Nodes,
  ROOT,
  SECTOR,
  setSize,
} from "./disk.ts";

export type Lie = "none" | "files" | "folders";
export type Cut = { readonly at: number; readonly seed: number; readonly lie: Lie };

/** A disk that lies about its syncs has written what is older than so many changes, at least and at most. */
const LATE_CHANGES = [50, 500] as const;

/** What was not synced is among about so many newest changes. */
const RECENT_CHANGES = 40;

type Way = "nothing" | "everything" | "until" | "file" | "page" | "sector";
const WAYS: readonly Way[] = ["nothing", "everything", "until", "until", "file", "page", "sector", "sector"];
type NameWay = "nothing" | "everything" | "until" | "any";
const NAME_WAYS: readonly NameWay[] = ["nothing", "everything", "until", "until", "any", "any"];
const SECTORS_OF_A_PAGE = 8;
/** A disk that lies loses some of what it was to sync: the control shows that this is found, not how rare it is. */
const LOSING_WAYS: readonly Way[] = ["nothing", "file", "page", "sector"];
const LOSING_NAME_WAYS: readonly NameWay[] = ["nothing", "any"];

/** The disk after the cut: only what a name leads to. */
export function diskAfter(history: History, cut: Cut): Nodes {
  const changes = history.changes.slice(0, cut.at);
  const nodes = cloneNodes(history.first);
  for (const [number, node] of history.born) nodes.set(number, cloneNode(node));
  // Where all changes stop at one moment, as in a journal.
  const until = cut.at - between(hashText(cut.seed, "until"), 0, RECENT_CHANGES);
  const syncs = new Map<number, number>();
  for (const [n, change] of changes.entries()) if (change.op === "sync") syncs.set(change.node, n);
  const late = cut.at - between(hashText(cut.seed, "late"), ...LATE_CHANGES);
  /** Changes before this position are durable, of the bytes of a file or the names in a folder. */
  const durableOf = (node: number, lies: boolean) => (lies ? late : (syncs.get(node) ?? 0));

  const loses = cut.lie === "folders";
  const way = pick(hashText(cut.seed, "names"), loses ? LOSING_NAME_WAYS : NAME_WAYS);
  keepNames(nodes, changes, { seed: cut.seed, way, until, durableOf: (node) => durableOf(node, loses) });
  const byteWay = pick(hashText(cut.seed, "bytes"), cut.lie === "files" ? LOSING_WAYS : WAYS);
  const ofFiles: OfFile[] = [];
  for (const [n, change] of changes.entries()) {
    if (change.op === "write" || change.op === "resize") ofFiles.push([n, change]);
  }
  for (const [number, own] of Map.groupBy(ofFiles, ([, { node }]) => node)) {
    const file = nodes.get(number);
    const durable = durableOf(number, cut.lie === "files");
    if (file?.kind === "file") keepBytes(file, own, { seed: cut.seed, way: byteWay, until, durable });
  }
  return reachable(nodes);
}

type NameChoice = {
  readonly seed: number;
  readonly way: NameWay;
  readonly until: number;
  readonly durableOf: (folder: number) => number;
};

function keepNames(nodes: Nodes, changes: readonly Change[], { seed, way, until, durableOf }: NameChoice): void {
  const isKept = (n: number): boolean => {
    if (way === "until") return n < until;
    return way === "everything" || (way === "any" && unit(hashAt(hashText(seed, "name"), n)) < 0.5);
  };
  for (const [n, change] of changes.entries()) {
    if (change.op !== "enter" && change.op !== "leave" && change.op !== "move") continue;
    const into = change.op === "move" ? change.toFolder : change.folder;
    if (n < durableOf(into) || isKept(n)) apply(nodes, change);
  }
}

type OfFile = readonly [number, Extract<Change, { op: "write" | "resize" }>];
type ByteChoice = { readonly seed: number; readonly way: Way; readonly until: number; readonly durable: number };

function keepBytes(file: FileNode, own: readonly OfFile[], { seed, way, until, durable }: ByteChoice): void {
  const node = own[0]![1].node;
  for (const [n, change] of own) if (n < durable) apply(new Map([[node, file]]), change);
  const pending = own.filter(([n]) => n >= durable);
  if (pending.length === 0) return;
  const key = hashAt(seed, node);
  const anyMoment = (place: number) => Math.floor(unit(hashAt(key, place)) * (pending.length + 1));
  /** How many of the pending changes have reached a sector. */
  const reached = (sector: number): number => {
    if (way === "nothing") return 0;
    if (way === "everything") return pending.length;
    if (way === "until") return pending.filter(([n]) => n < until).length;
    if (way === "file") return anyMoment(0);
    return anyMoment(way === "page" ? Math.floor(sector / SECTORS_OF_A_PAGE) : sector);
  };
  const sizeReached = way === "page" || way === "sector" ? anyMoment(-1) : reached(0);
  rewrite(file, pending, { reached, sizeReached, tornAt: way === "until" ? until : -1, key });
}

function sizeAfter(size: number, change: OfFile[1]): number {
  return change.op === "resize" ? change.size : Math.max(size, change.at + change.bytes.length);
}

type Sectors = {
  readonly reached: (sector: number) => number;
  readonly sizeReached: number;
  readonly tornAt: number;
  readonly key: number;
};

/**
 * Sector by sector. A file that was cut off is so with all of its sectors or with none: its size says which. What was written
 * after a cutting off that did not reach the disk is not there either.
 */
function rewrite(file: FileNode, pending: readonly OfFile[], { reached, sizeReached, tornAt, key }: Sectors): void {
  const sizes = [file.size];
  for (const [, change] of pending) sizes.push(sizeAfter(sizes.at(-1)!, change));
  const largest = Math.max(...sizes);
  const isCutOff = (place: number) => sizes[place + 1]! < sizes[place]!;
  const firstLost = pending.findIndex((_, place) => place >= sizeReached && isCutOff(place));
  setSize(file, largest);
  for (const [place, [n, change]] of pending.slice(0, firstLost === -1 ? undefined : firstLost).entries()) {
    if (change.op === "resize") {
      if (isCutOff(place)) file.bytes.fill(0, change.size, largest);
      continue;
    }
    const [from, to] = [change.at, change.at + change.bytes.length];
    const first = Math.floor(from / SECTOR);
    const torn = n === tornAt ? first + ((hashAt(key, n) >>> 0) % (Math.ceil(to / SECTOR) - first + 1)) : first;
    for (let sector = first; sector * SECTOR < to; sector++) {
      if (place >= reached(sector) && sector >= torn) continue;
      const start = Math.max(from, sector * SECTOR);
      const end = Math.min(to, (sector + 1) * SECTOR);
      file.bytes.set(change.bytes.subarray(start - from, end - from), start);
    }
  }
  setSize(file, sizes[sizeReached]!);
}

function reachable(nodes: Nodes): Nodes {
  const found: Nodes = new Map();
  const visit = (number: number): void => {
    const node = nodes.get(number);
    if (node === undefined || found.has(number)) return;
    found.set(number, node);
    if (node.kind === "folder") for (const child of node.entries.values()) visit(child);
  };
  visit(ROOT);
  return found;
}
