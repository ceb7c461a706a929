/** FUSE as the kernel speaks it (linux/fuse.h, 7.31, little-endian): requests from /dev/fuse, and answers. No library. */
import { closeSync, openSync, readSync, writeSync } from "node:fs";

/** The requests that are answered; the others are refused with ENOSYS, and the kernel does without them. */
export const REQUESTS = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  create: 35,
  interrupt: 36,
  batchForget: 42,
  fallocate: 43,
  rename2: 45,
} as const;
export type RequestKind = keyof typeof REQUESTS;
const KIND_OF = new Map<number, RequestKind>(
  // Each name was just given its number.
  Object.entries(REQUESTS).map(([kind, code]) => [code, kind as RequestKind]),
);

export const ERRORS = {
  EPERM: 1,
  ENOENT: 2,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOSYS: 38,
  ENOTEMPTY: 39,
} as const;
export type ErrorName = keyof typeof ERRORS;

const IN_HEADER = 40;
const OUT_HEADER = 16;
export const MAX_WRITE = 128 * 1024;
/** Writes of more than a page. */
const BIG_WRITES = 1 << 5;

export type Request = {
  readonly kind: RequestKind | null;
  readonly node: number;
  readonly body: Buffer;
  readonly id: bigint;
};

export class FuseDevice {
  readonly #file: number;
  readonly #buffer = Buffer.alloc(MAX_WRITE + 64 * 1024);

  /** Mounts at `place`, which only this machine's superuser may, or a user in a user namespace of its own. */
  constructor(place: string) {
    this.#file = openSync("/dev/fuse", "r+");
    const options = "fd=0,rootmode=40755,user_id=0,group_id=0,allow_other,default_permissions";
    const mount = Bun.spawnSync(["mount", "-i", "-t", "fuse", "-o", options, "power-cuts", place], {
      stdin: this.#file,
    });
    if (mount.exitCode !== 0) throw new Error(`Cannot mount FUSE at "${place}": ${mount.stderr.toString().trim()}`);
  }

  /** The next request, or null when the file system was unmounted. */
  read(): Request | null {
    for (;;) {
      try {
        const length = readSync(this.#file, this.#buffer, 0, this.#buffer.length, null);
        const bytes = this.#buffer.subarray(0, length);
        const kind = KIND_OF.get(bytes.readUInt32LE(4)) ?? null;
        return {
          kind,
          id: bytes.readBigUInt64LE(8),
          node: Number(bytes.readBigUInt64LE(16)),
          body: bytes.subarray(IN_HEADER),
        };
      } catch (error) {
        const code = error instanceof Error && "code" in error ? error.code : "";
        if (code === "ENODEV") return null;
        // ENOENT: the request was interrupted before we read it.
        if (code !== "EINTR" && code !== "EAGAIN" && code !== "ENOENT") throw error;
      }
    }
  }

  answer(id: bigint, body: Uint8Array): void {
    this.#send(id, 0, body);
  }

  refuse(id: bigint, error: ErrorName): void {
    this.#send(id, -ERRORS[error], new Uint8Array(0));
  }

  #send(id: bigint, error: number, body: Uint8Array): void {
    const bytes = Buffer.alloc(OUT_HEADER + body.length);
    bytes.writeUInt32LE(bytes.length, 0);
    bytes.writeInt32LE(error, 4);
    bytes.writeBigUInt64LE(id, 8);
    bytes.set(body, OUT_HEADER);
    try {
      writeSync(this.#file, bytes);
    } catch (failure) {
      // Its caller was killed meanwhile.
      if (!(failure instanceof Error && "code" in failure && failure.code === "ENOENT")) throw failure;
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** The answer to `init`: a version that every kernel since 2019 speaks, and no write-back cache, so that each write comes at once. */
export function initAnswer(): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(7, 0);
  bytes.writeUInt32LE(31, 4);
  bytes.writeUInt32LE(MAX_WRITE, 8);
  bytes.writeUInt32LE(BIG_WRITES, 12);
  bytes.writeUInt16LE(16, 16);
  bytes.writeUInt16LE(12, 18);
  bytes.writeUInt32LE(MAX_WRITE, 20);
  bytes.writeUInt32LE(1, 24);
  return bytes;
}

export type Attributes = {
  readonly node: number;
  readonly size: number;
  /** With the bits that say file or folder. */
  readonly mode: number;
  readonly links: number;
  readonly changedMs: number;
};

const ATTRIBUTES = 88;

function writeAttributes(bytes: Buffer, at: number, { node, size, mode, links, changedMs }: Attributes): void {
  bytes.writeBigUInt64LE(BigInt(node), at);
  bytes.writeBigUInt64LE(BigInt(size), at + 8);
  bytes.writeBigUInt64LE(BigInt(Math.ceil(size / 512)), at + 16);
  for (const place of [0, 1, 2]) {
    bytes.writeBigUInt64LE(BigInt(Math.floor(changedMs / 1_000)), at + 24 + 8 * place);
    bytes.writeUInt32LE((changedMs % 1_000) * 1_000_000, at + 48 + 4 * place);
  }
  bytes.writeUInt32LE(mode, at + 60);
  bytes.writeUInt32LE(links, at + 64);
  bytes.writeUInt32LE(4_096, at + 80);
}

/** Nothing is cached by the kernel: after a cut the same name is something else. */
export function attributesAnswer(attributes: Attributes): Buffer {
  const bytes = Buffer.alloc(16 + ATTRIBUTES);
  writeAttributes(bytes, 16, attributes);
  return bytes;
}

export function entryAnswer(attributes: Attributes): Buffer {
  const bytes = Buffer.alloc(40 + ATTRIBUTES);
  bytes.writeBigUInt64LE(BigInt(attributes.node), 0);
  writeAttributes(bytes, 40, attributes);
  return bytes;
}

export function openAnswer(handle: number, direct: boolean): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(BigInt(handle), 0);
  bytes.writeUInt32LE(direct ? 1 : 0, 8);
  return bytes;
}

/** A disk of 16 GiB that never fills. */
export function spaceAnswer(): Buffer {
  const bytes = Buffer.alloc(80);
  for (const place of [0, 1, 2]) bytes.writeBigUInt64LE(4n * 1024n * 1024n, 8 * place);
  for (const place of [3, 4]) bytes.writeBigUInt64LE(1_000_000n, 8 * place);
  bytes.writeUInt32LE(4_096, 40);
  bytes.writeUInt32LE(255, 44);
  bytes.writeUInt32LE(4_096, 48);
  return bytes;
}

/** As many entries as there is room for. `next`: the position behind each. */
export function folderAnswer(
  entries: readonly { readonly name: string; readonly node: number; readonly isFolder: boolean }[],
  from: number,
  room: number,
): Buffer {
  const parts: Buffer[] = [];
  let used = 0;
  for (const [n, { name, node, isFolder }] of entries.slice(from).entries()) {
    const text = Buffer.from(name);
    const length = (24 + text.length + 7) & ~7;
    if (used + length > room) break;
    const bytes = Buffer.alloc(length);
    bytes.writeBigUInt64LE(BigInt(node), 0);
    bytes.writeBigUInt64LE(BigInt(from + n + 1), 8);
    bytes.writeUInt32LE(text.length, 16);
    bytes.writeUInt32LE(isFolder ? 4 : 8, 20);
    bytes.set(text, 24);
    parts.push(bytes);
    used += length;
  }
  return Buffer.concat(parts);
}
