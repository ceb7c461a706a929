/** Answers the kernel's requests from a disk in memory. A file of the root, `.power`, takes orders and has the answer to the last. */
import { type Disk, DiskError, emptyFile, emptyFolder, ROOT } from "./disk.ts";
import {
  type Attributes,
  attributesAnswer,
  entryAnswer,
  type FuseDevice,
  folderAnswer,
  initAnswer,
  openAnswer,
  type Request,
  type RequestKind,
  spaceAnswer,
} from "./fuse-device.ts";

export const ORDERS_FILE = ".power";
const ORDERS = 2;
const FILE_MODE = 0o100000;
const FOLDER_MODE = 0o040000;
const SET_MODE = 1;
const SET_SIZE = 8;
const NO_REPLACE = 1;
const KEEP_SIZE = 1;

type Handler = (node: number, body: Buffer) => Uint8Array;
const DONE = new Uint8Array(0);

export class FuseServer {
  readonly #disk: Disk;
  readonly #obey: (order: string) => string;
  #answer = Buffer.alloc(0);
  /** What a folder held when it was opened. */
  readonly #open = new Map<number, Parameters<typeof folderAnswer>[0]>();
  #nextHandle = 1;

  constructor(disk: Disk, obey: (order: string) => string) {
    this.#disk = disk;
    this.#obey = obey;
  }

  /** Until it is unmounted. */
  serve(device: FuseDevice): void {
    for (let request = device.read(); request !== null; request = device.read()) this.#serve(device, request);
  }

  #serve(device: FuseDevice, { kind, id, node, body }: Request): void {
    // These want no answer.
    if (kind === "forget" || kind === "batchForget" || kind === "interrupt") return;
    const handler = kind === null ? undefined : this.#handlers[kind];
    try {
      if (handler === undefined) device.refuse(id, "ENOSYS");
      else device.answer(id, handler(node, body));
    } catch (error) {
      if (!(error instanceof DiskError)) console.error(error);
      device.refuse(id, error instanceof DiskError ? error.code : "EINVAL");
    }
  }

  readonly #handlers: Partial<Record<RequestKind, Handler>> = {
    init: () => initAnswer(),
    statfs: () => spaceAnswer(),
    lookup: (folder, body) => {
      const name = nameAt(body, 0);
      return this.#entry(folder === ROOT && name === ORDERS_FILE ? ORDERS : this.#disk.find(folder, name));
    },
    getattr: (node) => attributesAnswer(this.#attributes(node)),
    setattr: (node, body) => {
      const what = body.readUInt32LE(0);
      if (node === ORDERS) return attributesAnswer(this.#attributes(node));
      if ((what & SET_SIZE) !== 0) this.#disk.resize(node, numberAt(body, 16));
      if ((what & SET_MODE) !== 0) this.#disk.node(node).mode = body.readUInt32LE(68) & 0o7777;
      return attributesAnswer(this.#attributes(node));
    },
    mknod: (folder, body) => {
      const mode = body.readUInt32LE(0);
      if ((mode & 0o170000) !== FILE_MODE) throw new DiskError("EPERM");
      return this.#entry(this.#disk.make(folder, nameAt(body, 16), emptyFile(mode & 0o7777)));
    },
    mkdir: (folder, body) =>
      this.#entry(this.#disk.make(folder, nameAt(body, 8), emptyFolder(body.readUInt32LE(0) & 0o7777))),
    create: (folder, body) => {
      const node = this.#disk.make(folder, nameAt(body, 16), emptyFile(body.readUInt32LE(4) & 0o7777));
      return Buffer.concat([this.#entry(node), openAnswer(0, false)]);
    },
    unlink: (folder, body) => this.#done(this.#disk.remove(folder, nameAt(body, 0), "file")),
    rmdir: (folder, body) => this.#done(this.#disk.remove(folder, nameAt(body, 0), "folder")),
    rename: (folder, body) => this.#rename(folder, body, 8, 0),
    rename2: (folder, body) => this.#rename(folder, body, 16, body.readUInt32LE(8)),
    link: (folder, body) => {
      const node = numberAt(body, 0);
      this.#disk.link(node, folder, nameAt(body, 8));
      return this.#entry(node);
    },
    open: (node) => openAnswer(0, node === ORDERS),
    read: (node, body) => {
      const [at, size] = [numberAt(body, 8), body.readUInt32LE(16)];
      if (node === ORDERS) return this.#answer.subarray(at, at + size);
      const file = this.#disk.file(node);
      return file.bytes.subarray(Math.min(at, file.size), Math.min(at + size, file.size));
    },
    write: (node, body) => {
      const size = body.readUInt32LE(16);
      const bytes = Uint8Array.from(body.subarray(40, 40 + size));
      if (node === ORDERS) this.#answer = Buffer.from(this.#obey(Buffer.from(bytes).toString("utf8")));
      else this.#disk.write(node, numberAt(body, 8), bytes);
      const answer = Buffer.alloc(8);
      answer.writeUInt32LE(size, 0);
      return answer;
    },
    fsync: (node) => this.#sync(node),
    fsyncdir: (node) => this.#sync(node),
    flush: () => DONE,
    release: () => DONE,
    fallocate: (node, body) => {
      const mode = body.readUInt32LE(24);
      if (mode > KEEP_SIZE) throw new DiskError("EINVAL");
      const end = numberAt(body, 8) + numberAt(body, 16);
      if (mode === 0 && end > this.#disk.file(node).size) this.#disk.resize(node, end);
      return DONE;
    },
    opendir: (node) => {
      const entries = [...this.#disk.folder(node).entries];
      const handle = this.#nextHandle++;
      this.#open.set(
        handle,
        entries.map(([name, child]) => ({ name, node: child, isFolder: this.#disk.node(child).kind === "folder" })),
      );
      return openAnswer(handle, false);
    },
    readdir: (_, body) =>
      folderAnswer(this.#open.get(numberAt(body, 0)) ?? [], numberAt(body, 8), body.readUInt32LE(16)),
    releasedir: (_, body) => this.#done(this.#open.delete(numberAt(body, 0))),
  };

  #done(_: unknown): Uint8Array {
    return DONE;
  }

  #sync(node: number): Uint8Array {
    if (node !== ORDERS) this.#disk.sync(node);
    return DONE;
  }

  #rename(folder: number, body: Buffer, namesAt: number, flags: number): Uint8Array {
    if (flags > NO_REPLACE) throw new DiskError("EINVAL");
    const name = nameAt(body, namesAt);
    const toName = nameAt(body, namesAt + Buffer.byteLength(name) + 1);
    this.#disk.move({ folder, name, toFolder: numberAt(body, 0), toName, replace: flags === 0 });
    return DONE;
  }

  #entry(node: number): Buffer {
    return entryAnswer(this.#attributes(node));
  }

  #attributes(number: number): Attributes {
    if (number === ORDERS) {
      return { node: ORDERS, size: 0, mode: FILE_MODE | 0o600, links: 1, changedMs: Date.now() };
    }
    const node = this.#disk.node(number);
    const isFolder = node.kind === "folder";
    return {
      node: number,
      size: isFolder ? 0 : node.size,
      mode: node.mode | (isFolder ? FOLDER_MODE : FILE_MODE),
      links: 1,
      changedMs: node.changedMs,
    };
  }
}

function nameAt(body: Buffer, at: number): string {
  return body.toString("utf8", at, body.indexOf(0, at));
}

function numberAt(body: Buffer, at: number): number {
  return Number(body.readBigUInt64LE(at));
}
