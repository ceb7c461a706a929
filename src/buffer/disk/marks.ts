/**
 * What distinguishes this data dir on this machine from a copy of it: the machine, and the buffer's file. Marks are compared
 * where both sides have them; what is unknown proves nothing. A device number is no mark: it changes when a machine starts.
 */
import { type BigIntStats, readdirSync, readFileSync, statfsSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { nullable } from "../../core/outside/composed-shapes.ts";
import { text } from "../../core/outside/scalar-shapes.ts";
import { list, type Shape } from "../../core/outside/shape.ts";
import { atLeast } from "../../core/outside/stored-json.ts";

export type Marks = {
  /** Given by the user: nothing else is compared of the machine. */
  readonly given: string | null;
  /** The serial number of the board. */
  readonly serial: string | null;
  /** Permanent addresses of network interfaces that are devices. */
  readonly addresses: readonly string[];
  /** The operating system's id of this installation. */
  readonly machineId: string | null;
  /** The file's number and when it was made, on file systems that keep them. */
  readonly file: string | null;
};

export const NO_MARKS: Marks = { given: null, serial: null, addresses: [], machineId: null, file: null };

const anyText = text(/^/, "a text");
/** In the buffer's `meta`. */
export const META_MARKS = "marks";

export const MARKS: Shape<Marks> = atLeast({
  given: nullable(anyText),
  serial: nullable(anyText),
  addresses: list(anyText, { least: 0, most: 1_000 }),
  machineId: nullable(anyText),
  file: nullable(anyText),
});

/** The marks of a machine and of the buffer's file at `path`. */
export type ReadMarks = (path: string) => Marks;

/** Of this machine. `given`: AGENT_MACHINE_ID. */
export function marksOfMachine(given: string | null, root = "/"): ReadMarks {
  return (path) => ({
    given,
    serial: serialOf(root),
    addresses: addressesOf(root),
    machineId: plausible(readText(join(root, "etc/machine-id"))),
    file: fileMark(path),
  });
}

/** How the data dir differs from the one that was open before, or null: nothing shows that it is a copy. */
export function differenceOf(before: Marks, now: Marks): "machine" | "file" | null {
  if (isOtherMachine(before, now)) return "machine";
  return before.file !== null && now.file !== null && before.file !== now.file ? "file" : null;
}

/** The first of these that both sides have decides: a board keeps its serial number when a network card is replaced. */
function isOtherMachine(before: Marks, now: Marks): boolean {
  if (before.given !== null || now.given !== null) {
    return before.given !== null && now.given !== null && before.given !== now.given;
  }
  if (before.serial !== null && now.serial !== null) return before.serial !== now.serial;
  if (before.addresses.length > 0 && now.addresses.length > 0) {
    return !before.addresses.some((address) => now.addresses.includes(address));
  }
  return before.machineId !== null && now.machineId !== null && before.machineId !== now.machineId;
}

/** What is unknown now is remembered from before: a network card may be missing for one start. What is given is given each time. */
export function joinMarks(before: Marks | null, now: Marks): Marks {
  if (before === null) return now;
  const { given, serial, addresses, machineId, file } = now;
  return {
    given,
    serial: serial ?? before.serial,
    addresses: addresses.length > 0 ? addresses : before.addresses,
    machineId: machineId ?? before.machineId,
    file: file ?? before.file,
  };
}

/** Boards without a number of their own say zeros. */
function plausible(text: string | null): string | null {
  return text !== null && /^[0-9A-Za-z-]{8,64}$/.test(text) && !/^[0-]+$/.test(text) ? text.toLowerCase() : null;
}

function serialOf(root: string): string | null {
  return plausible(readText(join(root, "sys/firmware/devicetree/base/serial-number")));
}

function addressesOf(root: string): string[] {
  const folder = join(root, "sys/class/net");
  const found = listed(folder).flatMap((name) => {
    const own = join(folder, name);
    // Interfaces of containers, bridges and tunnels have no device, and new addresses at each start.
    if (!listed(own).includes("device")) return [];
    // 0: the device's own address; others are random or set.
    if (readText(join(own, "addr_assign_type")) !== "0") return [];
    const address = readText(join(own, "address")) ?? "";
    return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(address) && address !== "00:00:00:00:00:00" ? [address] : [];
  });
  return [...new Set(found)].sort();
}

/** Linux: ext4, xfs, btrfs, f2fs, zfs. A file keeps its number and its birth there, over renames and restarts. */
const STEADY: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x2fc12fc1]);

function fileMark(path: string): string | null {
  if (process.platform !== "linux") return null;
  try {
    // The type may come as a signed number.
    if (!STEADY.has(statfsSync(path).type >>> 0)) return null;
    const first = statSync(path, { bigint: true });
    if (first.birthtimeNs <= 0n) return null;
    if (isBirthKnown(first)) return markOf(first);
    // A file that was just made, or a file system without births, which gives another time of the file.
    Bun.sleepSync(TICK_MS);
    utimesSync(path, new Date(), new Date());
    const second = statSync(path, { bigint: true });
    return isBirthKnown(second) && second.birthtimeNs === first.birthtimeNs ? markOf(second) : null;
  } catch {
    return null;
  }
}

/** Two times of a file differ after this. */
const TICK_MS = 20;

const isBirthKnown = ({ birthtimeNs, ctimeNs, mtimeNs }: BigIntStats) =>
  birthtimeNs !== ctimeNs && birthtimeNs !== mtimeNs;

const markOf = ({ ino, birthtimeNs }: BigIntStats) => `${ino}.${birthtimeNs}`;

function readText(path: string): string | null {
  try {
    return readFileSync(path, "latin1").replaceAll("\0", "").trim();
  } catch {
    return null;
  }
}

function listed(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
