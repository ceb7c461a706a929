/**
 * The layer as a process: `bun main.ts FOLDER` mounts a disk in memory there, and ends when it is unmounted. Orders are JSON
 * that is written into `.power` of its root (power-cuts-run/power.ts writes them); the answer is read from there.
 */

import { diskAfter, type Lie } from "./cut.ts";
import { type Change, Disk, type History } from "./disk.ts";
import { FuseDevice } from "./fuse-device.ts";
import { FuseServer } from "./fuse-server.ts";

/** What the harness asks for. Histories are kept under a name: a cut is made in one of them. */
export type Order =
  | { readonly do: "mark"; readonly seen: number }
  /** What is there now is on the disk, and a new history begins. */
  | { readonly do: "settle" }
  /** Answers how many changes there were. */
  | { readonly do: "keep"; readonly as: string }
  | { readonly do: "length" }
  | { readonly do: "forget"; readonly name: string }
  | { readonly do: "cut"; readonly of: string; readonly at: number; readonly seed: number; readonly lie: Lie }
  | { readonly do: "list"; readonly name: string };

/** A change as the harness sees it: `path` is the name that the file had last. */
export type ListedChange = { readonly op: Change["op"]; readonly path: string; readonly seen?: number };

const disk = new Disk();
const kept = new Map<string, History>();

function historyOf(name: string): History {
  const history = kept.get(name);
  if (history === undefined) throw new Error(`Cannot find the history "${name}"`);
  return history;
}

function obey(text: string): unknown {
  // Written by power.ts, which has this type.
  const order = JSON.parse(text) as Order;
  if (order.do === "mark") disk.mark(order.seen);
  else if (order.do === "keep") kept.set(order.as, disk.history);
  else if (order.do === "settle") disk.settle();
  else if (order.do === "length") return disk.history.changes.length;
  else if (order.do === "forget") kept.delete(order.name);
  else if (order.do === "cut") disk.become(diskAfter(historyOf(order.of), order));
  else return list(historyOf(order.name));
  return null;
}

function list({ first, born, changes }: History): ListedChange[] {
  const paths = new Map<number, string>([[1, ""]]);
  const place = (folder: number, name: string, node: number) => paths.set(node, `${paths.get(folder) ?? "?"}/${name}`);
  const visit = (folder: number): void => {
    const node = first.get(folder);
    if (node?.kind !== "folder") return;
    for (const [name, child] of node.entries) {
      place(folder, name, child);
      visit(child);
    }
  };
  visit(1);
  return changes.map((change) => {
    if (change.op === "mark") return { op: change.op, path: "", seen: change.seen };
    if (change.op === "enter") place(change.folder, change.name, change.node);
    if (change.op === "move") place(change.toFolder, change.toName, change.node);
    return { op: change.op, path: paths.get(change.node) ?? (born.has(change.node) ? "?" : "") };
  });
}

const [place = ""] = process.argv.slice(2);
new Worker(new URL("./end-with-harness.ts", import.meta.url));
const device = new FuseDevice(place);
new FuseServer(disk, (text) => JSON.stringify(obey(text))).serve(device);
device.close();
process.exit(0);
