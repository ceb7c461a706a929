/** A file system in memory that logs every change and every sync, in order and with the data. */

export const SECTOR = 512;
export const ROOT = 1;

export type FileNode = { readonly kind: "file"; bytes: Uint8Array; size: number; mode: number; changedMs: number };
export type FolderNode = { readonly kind: "folder"; entries: Map<string, number>; mode: number; changedMs: number };
export type DiskNode = FileNode | FolderNode;
export type Nodes = Map<number, DiskNode>;

/** One entry of the log. `node` is a file for a write, a resize and a data sync, and else what a name means. */
export type Change =
  | { readonly op: "write"; readonly node: number; readonly at: number; readonly bytes: Uint8Array }
  | { readonly op: "resize"; readonly node: number; readonly size: number }
  | { readonly op: "enter"; readonly folder: number; readonly name: string; readonly node: number }
  | { readonly op: "leave"; readonly folder: number; readonly name: string; readonly node: number }
  | {
      readonly op: "move";
      readonly folder: number;
      readonly name: string;
      readonly node: number;
      readonly toFolder: number;
      readonly toName: string;
    }
  | { readonly op: "sync"; readonly node: number }
  /** Not a change: what an onlooker knew at this moment. */
  | { readonly op: "mark"; readonly seen: number };

/** What was on the disk at first, and what happened since. `born`: what each number was when it was made. */
export type History = { readonly first: Nodes; readonly changes: Change[]; readonly born: Map<number, DiskNode> };

type DiskErrorCode = "ENOENT" | "EEXIST" | "ENOTDIR" | "EISDIR" | "ENOTEMPTY" | "EINVAL" | "EPERM";

export class DiskError extends Error {
  readonly code: DiskErrorCode;

  constructor(code: DiskErrorCode) {
    super(code);
    this.code = code;
  }
}

export class Disk {
  history: History;
  #nodes: Nodes;
  /** Numbers are never used again, also not after a cut. */
  #next = 16;

  constructor() {
    this.#nodes = new Map([[ROOT, emptyFolder(0o755)]]);
    this.history = { first: cloneNodes(this.#nodes), changes: [], born: new Map() };
  }

  /** The disk is this from now on, and a new history begins. */
  become(nodes: Nodes): void {
    this.#nodes = cloneNodes(nodes);
    this.history = { first: nodes, changes: [], born: new Map() };
  }

  settle(): void {
    this.become(cloneNodes(this.#nodes));
  }

  mark(seen: number): void {
    this.history.changes.push({ op: "mark", seen });
  }

  node(number: number): DiskNode {
    const node = this.#nodes.get(number);
    if (node === undefined) throw new DiskError("ENOENT");
    return node;
  }

  file(number: number): FileNode {
    const node = this.node(number);
    if (node.kind !== "file") throw new DiskError("EISDIR");
    return node;
  }

  folder(number: number): FolderNode {
    const node = this.node(number);
    if (node.kind !== "folder") throw new DiskError("ENOTDIR");
    return node;
  }

  find(folder: number, name: string): number {
    const number = this.folder(folder).entries.get(name);
    if (number === undefined) throw new DiskError("ENOENT");
    return number;
  }

  make(folder: number, name: string, node: DiskNode): number {
    if (this.folder(folder).entries.has(name)) throw new DiskError("EEXIST");
    const number = this.#next++;
    this.#nodes.set(number, node);
    this.history.born.set(number, cloneNode(node));
    this.#enter(folder, name, number);
    return number;
  }

  link(number: number, folder: number, name: string): void {
    this.file(number);
    if (this.folder(folder).entries.has(name)) throw new DiskError("EEXIST");
    this.#enter(folder, name, number);
  }

  #enter(folder: number, name: string, node: number): void {
    this.#log({ op: "enter", folder, name, node });
  }

  remove(folder: number, name: string, kind: DiskNode["kind"]): void {
    const number = this.find(folder, name);
    const node = this.node(number);
    if (node.kind !== kind) throw new DiskError(kind === "file" ? "EISDIR" : "ENOTDIR");
    if (node.kind === "folder" && node.entries.size > 0) throw new DiskError("ENOTEMPTY");
    this.#log({ op: "leave", folder, name, node: number });
  }

  move(change: { folder: number; name: string; toFolder: number; toName: string; replace: boolean }): void {
    const { folder, name, toFolder, toName, replace } = change;
    const node = this.find(folder, name);
    const there = this.folder(toFolder).entries.get(toName);
    if (there !== undefined && !replace) throw new DiskError("EEXIST");
    if (there === node) return;
    const replaced = there === undefined ? undefined : this.node(there);
    if (replaced?.kind === "folder" && replaced.entries.size > 0) throw new DiskError("ENOTEMPTY");
    this.#log({ op: "move", folder, name, node, toFolder, toName });
  }

  write(node: number, at: number, bytes: Uint8Array): void {
    this.file(node);
    this.#log({ op: "write", node, at, bytes });
  }

  resize(node: number, size: number): void {
    if (this.file(node).size !== size) this.#log({ op: "resize", node, size });
  }

  sync(node: number): void {
    this.node(node);
    this.#log({ op: "sync", node });
  }

  #log(change: Change): void {
    this.history.changes.push(change);
    apply(this.#nodes, change);
  }
}

export function emptyFile(mode: number): FileNode {
  return { kind: "file", bytes: new Uint8Array(0), size: 0, mode, changedMs: Date.now() };
}

export function emptyFolder(mode: number): FolderNode {
  return { kind: "folder", entries: new Map(), mode, changedMs: Date.now() };
}

export function cloneNode(node: DiskNode): DiskNode {
  return node.kind === "file"
    ? { ...node, bytes: node.bytes.slice(0, node.size) }
    : { ...node, entries: new Map(node.entries) };
}

export function cloneNodes(nodes: Nodes): Nodes {
  return new Map([...nodes].map(([number, node]) => [number, cloneNode(node)]));
}

/** Carries out a change as far as it applies: after a cut the name that it moves or removes may never have been there. */
export function apply(nodes: Nodes, change: Change): void {
  if (change.op === "write" || change.op === "resize") {
    const node = nodes.get(change.node);
    if (node?.kind !== "file") return;
    if (change.op === "write") setBytes(node, change.at, change.bytes);
    else setSize(node, change.size);
  } else if (change.op === "enter") {
    entriesOf(nodes, change.folder)?.set(change.name, change.node);
  } else if (change.op === "leave") {
    leave(nodes, change.folder, change.name, change.node);
  } else if (change.op === "move") {
    const into = entriesOf(nodes, change.toFolder);
    if (into === undefined) return;
    leave(nodes, change.folder, change.name, change.node);
    into.set(change.toName, change.node);
  }
}

function entriesOf(nodes: Nodes, folder: number): Map<string, number> | undefined {
  const node = nodes.get(folder);
  if (node?.kind !== "folder") return undefined;
  node.changedMs = Date.now();
  return node.entries;
}

function leave(nodes: Nodes, folder: number, name: string, node: number): void {
  const entries = entriesOf(nodes, folder);
  if (entries?.get(name) === node) entries.delete(name);
}

export function setBytes(file: FileNode, at: number, bytes: Uint8Array): void {
  if (at + bytes.length > file.size) setSize(file, at + bytes.length);
  file.bytes.set(bytes, at);
  file.changedMs = Date.now();
}

export function setSize(file: FileNode, size: number): void {
  if (size > file.bytes.length) {
    const grown = new Uint8Array(Math.max(size, Math.min(2 * file.bytes.length, file.bytes.length + 4 * 1024 * 1024)));
    grown.set(file.bytes.subarray(0, file.size));
    file.bytes = grown;
  } else if (size < file.size) {
    file.bytes.fill(0, size, file.size);
  }
  file.size = size;
  file.changedMs = Date.now();
}
