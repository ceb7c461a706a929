/** A tar archive (POSIX ustar), whose bytes depend on nothing but its entries. */

export type TarEntry = {
  /** Without a slash at its start: at most 100 ASCII characters. A folder ends with a slash. */
  readonly path: string;
  readonly mode: number;
  /** The target of a symbolic link. Folders have neither this nor `bytes`. */
  readonly link?: string;
  readonly bytes?: Uint8Array;
  /** Of user and group; default 0. */
  readonly owner?: number;
};

const BLOCK = 512;
const ENCODER = new TextEncoder();

/** `time`: seconds since 1970, of every entry. Throws a RangeError for a name or a size that this form cannot hold. */
export function tar(entries: readonly TarEntry[], time: number): Uint8Array<ArrayBuffer> {
  const sizes = entries.map(({ bytes }) => BLOCK + Math.ceil((bytes?.length ?? 0) / BLOCK) * BLOCK);
  const archive = new Uint8Array(sizes.reduce((sum, size) => sum + size, 2 * BLOCK));
  let at = 0;
  for (const [index, entry] of entries.entries()) {
    archive.set(headerOf(entry, time), at);
    if (entry.bytes !== undefined) archive.set(entry.bytes, at + BLOCK);
    at += sizes[index] ?? 0;
  }
  return archive;
}

/** The folders above these paths, each before what is inside, for archives that name every folder. */
export function foldersAbove(paths: readonly string[]): TarEntry[] {
  const folders = new Set<string>();
  for (const path of paths) {
    const parts = path.replace(/\/$/, "").split("/").slice(0, -1);
    for (const [index] of parts.entries()) folders.add(`${parts.slice(0, index + 1).join("/")}/`);
  }
  return [...folders].toSorted().map((path) => ({ path, mode: 0o755 }));
}

function headerOf(entry: TarEntry, time: number): Uint8Array {
  const { path, mode, link = "", bytes, owner = 0 } = entry;
  const size = bytes?.length ?? 0;
  const isPlain = /^[\x20-\x7e]{1,100}$/.test(path) && /^[\x20-\x7e]{0,100}$/.test(link);
  if (!isPlain || path.startsWith("/") || size >= 8 ** 11) {
    throw new RangeError(`Cannot put "${path}" into an archive: its name or size does not fit`);
  }
  const kind = link !== "" ? "2" : bytes === undefined ? "5" : "0";
  const header = new Uint8Array(BLOCK);
  const write = (text: string, offset: number) => header.set(ENCODER.encode(text), offset);
  write(path, 0);
  write(octal(mode, 7), 100);
  write(octal(owner, 7), 108);
  write(octal(owner, 7), 116);
  write(octal(size, 11), 124);
  write(octal(time, 11), 136);
  // The checksum is that of a header whose checksum is blank.
  write("        ", 148);
  write(kind, 156);
  write(link, 157);
  write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  write(`${octal(sum, 6)}\u0000 `, 148);
  return header;
}

/** The byte after it stays zero. */
function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
