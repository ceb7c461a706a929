/**
 * The socket on which systemd listens to its services (`NOTIFY_SOCKET`): Unix datagrams, which neither Bun nor node has. They
 * are sent by the C library of the machine, glibc or musl. Only `agent run` under systemd imports this.
 */
import { dlopen, ptr } from "bun:ffi";
import { messageOf } from "../core/errors.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** `sun_path` of Linux. */
const MAX_PATH_BYTES = 108;

/** glibc's name. musl takes every name that begins with "libc." for itself, without a file. */
const LIBRARY = "libc.so.6";
const SYMBOLS = {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
} as const;

export interface NotifySocket {
  /** Hands the text over, or returns false when nothing takes it now. Never waits, and never throws. */
  send(text: string): boolean;
}

/** `address`: a path, or "@" and an abstract name. Returns the reason, a sentence, where there can be no socket. */
export function openNotifySocket(address: string): NotifySocket | string {
  const target = unixAddress(address);
  if (typeof target === "string") return target;
  try {
    const { socket, sendto } = dlopen(LIBRARY, SYMBOLS).symbols;
    const descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return "the system gives no Unix socket";
    return {
      send: (text) => {
        const bytes = new TextEncoder().encode(text);
        const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
        return Number(sendto(descriptor, ptr(bytes), bytes.length, flags, ptr(target), target.length)) === bytes.length;
      },
    };
  } catch (error) {
    return `the C library cannot be called: ${messageOf(error)}`;
  }
}

/** `struct sockaddr_un`: the family, then the path with its NUL, or a NUL and the abstract name without one. */
function unixAddress(address: string): Uint8Array | string {
  const isAbstract = address.startsWith("@");
  if (!isAbstract && !address.startsWith("/")) return `"${address}" is neither a path nor an abstract name`;
  const name = new TextEncoder().encode(isAbstract ? `\0${address.slice(1)}` : `${address}\0`);
  if (name.length > MAX_PATH_BYTES) return `"${address}" is longer than the ${MAX_PATH_BYTES} bytes of a Unix address`;
  const bytes = new Uint8Array(2 + name.length);
  // In the byte order of the machine, as all that Bun runs on: little-endian.
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(name, 2);
  return bytes;
}
