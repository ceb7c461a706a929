/**
 * Bun's engine with glibc needs /proc/self/maps and aborts without it, before any line of the agent runs. So a binary for glibc begins
 * with a few instructions of ours: they look for that file, and where it is missing they say so and exit with 2. Else they jump
 * to where the binary began before. The one for musl starts without /proc.
 *
 * The instructions lie in the unused bytes before the segment that is executed, which grows by them. They use system calls only: at that
 * moment there is no C library yet.
 */
import { readFileSync, writeFileSync } from "node:fs";

const NEEDED = "/proc/self/maps";
const SAYING =
  "ERROR Cannot start: there is no /proc, and the engine needs it (that of the musl binary does not)\n  Try: mount -t proc proc /proc\n";
/** More than both parts have, and a multiple of what any processor wants code to be aligned to. */
const ROOM = 512;

/** ELF for 64 bits, little-endian: where its headers have what. */
const ELF = { entry: 24, headers: 32, headerSize: 54, headerCount: 56 } as const;
const SEGMENT = { type: 0, flags: 4, offset: 8, address: 16, physical: 24, fileSize: 32, memorySize: 40 } as const;
const [LOADED, EXECUTED] = [1, 1];
const MACHINES = { 62: forX64, 183: forArm64 } as const;

type Jump = { readonly address: number; readonly original: number };

/** Changes the binary at `path`. Throws where it is none that this was made for: then look at the new version of Bun. */
export function sayThatProcIsNeeded(path: string): void {
  const file = readFileSync(path);
  const refuse = (why: string): never => {
    throw new Error(`Cannot change where "${path}" begins: ${why}`);
  };
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) refuse("it is no ELF file of 64 bits");
  const machine = file.readUInt16LE(18);
  const begin = machine === 62 || machine === 183 ? MACHINES[machine] : refuse(`its machine is ${machine}`);
  const segments = Array.from({ length: file.readUInt16LE(ELF.headerCount) }, (_, i) => {
    return Number(file.readBigUInt64LE(ELF.headers)) + i * file.readUInt16LE(ELF.headerSize);
  });
  const number = (at: number) => Number(file.readBigUInt64LE(at));
  const loaded = segments.filter((at) => file.readUInt32LE(at + SEGMENT.type) === LOADED);
  const at = loaded.findIndex((segment) => (file.readUInt32LE(segment + SEGMENT.flags) & EXECUTED) !== 0);
  const executed = loaded[at] ?? refuse("nothing of it is executed");
  const before = loaded[at - 1] ?? refuse("nothing lies before what is executed");
  const offset = number(executed + SEGMENT.offset);
  const address = number(executed + SEGMENT.address) - ROOM;
  const unused = file.subarray(number(before + SEGMENT.offset) + number(before + SEGMENT.fileSize), offset);
  if (unused.length < ROOM || unused.some((byte) => byte !== 0)) refuse("there is no room before what is executed");
  const code = begin({ address, original: number(ELF.entry) });
  if (code.length > ROOM) refuse(`the code has ${code.length} bytes`);
  code.copy(file, offset - ROOM);
  const add = (field: number, bytes: number) => file.writeBigUInt64LE(BigInt(number(field) + bytes), field);
  for (const field of [SEGMENT.offset, SEGMENT.address, SEGMENT.physical]) add(executed + field, -ROOM);
  for (const field of [SEGMENT.fileSize, SEGMENT.memorySize]) add(executed + field, ROOM);
  file.writeBigUInt64LE(BigInt(address), ELF.entry);
  writeFileSync(path, file);
}

const TEXT = Buffer.from(`${NEEDED}\0${SAYING}`);
const SAYING_AT = NEEDED.length + 1;

function forX64({ address, original }: Jump): Buffer {
  const int32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return [...bytes];
  };
  const length = 0x42;
  const bytes = [
    ...[0x52], //                                       push rdx: the loader's own, for the C library
    ...[0x48, 0x8d, 0x3d, ...int32(length - 0x08)], //  lea rdi, NEEDED
    ...[0xbe, ...int32(4)], //                          mov esi, R_OK
    ...[0xb8, ...int32(21)], //                         mov eax, access
    ...[0x0f, 0x05], //                                 syscall
    ...[0x5a], //                                       pop rdx
    ...[0x85, 0xc0], //                                 test eax, eax
    ...[0x75, 0x05], //                                 jne over the next one
    ...[0xe9, ...int32(original - (address + 0x1e))], // jmp to where it began
    ...[0x48, 0x8d, 0x35, ...int32(length + SAYING_AT - 0x25)], // lea rsi, SAYING
    ...[0xba, ...int32(Buffer.byteLength(SAYING))], //  mov edx, its length
    ...[0xbf, ...int32(2)], //                          mov edi, stderr
    ...[0xb8, ...int32(1)], //                          mov eax, write
    ...[0x0f, 0x05], //                                 syscall
    ...[0xbf, ...int32(2)], //                          mov edi, 2
    ...[0xb8, ...int32(231)], //                        mov eax, exit_group
    ...[0x0f, 0x05], //                                 syscall
  ];
  return Buffer.concat([Buffer.from(bytes), TEXT]);
}

function forArm64({ address, original }: Jump): Buffer {
  const count = 17;
  const textAt = (i: number, extra: number) => {
    const distance = (count - i) * 4 + extra;
    return (0x10000001 | ((distance & 3) << 29) | ((distance >> 2) << 5)) >>> 0;
  };
  const moved = (register: number, value: number) => (0xd2800000 | (value << 5) | register) >>> 0;
  const jump = ((original - (address + 8 * 4)) / 4) & 0x3ffffff;
  const words = [
    0xaa0003e9, //                                mov x9, x0: the loader's own, for the C library
    0x92800c60, //                                mov x0, AT_FDCWD
    textAt(2, 0), //                              adr x1, NEEDED
    moved(2, 4), //                               mov x2, R_OK
    moved(8, 48), //                              mov x8, faccessat
    0xd4000001, //                                svc
    0xb5000060, //                                cbnz x0, over the next two
    0xaa0903e0, //                                mov x0, x9
    (0x14000000 | jump) >>> 0, //                 b to where it began
    moved(0, 2), //                               mov x0, stderr
    textAt(10, SAYING_AT), //                     adr x1, SAYING
    moved(2, Buffer.byteLength(SAYING)), //       mov x2, its length
    moved(8, 64), //                              mov x8, write
    0xd4000001, //                                svc
    moved(0, 2), //                               mov x0, 2
    moved(8, 94), //                              mov x8, exit_group
    0xd4000001, //                                svc
  ];
  const code = Buffer.alloc(count * 4);
  for (const [i, word] of words.entries()) code.writeUInt32LE(word, i * 4);
  return Buffer.concat([code, TEXT]);
}
