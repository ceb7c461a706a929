/** The C library for images: the loader and the libraries that Bun's binary names, taken from this machine. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DebTarget } from "./deb.ts";
import type { TarEntry } from "./tar.ts";

type Place = {
  /** Where the binary looks for its loader. */
  readonly loader: string;
  /** Folders of this machine, the first that has everything: its own, then those of Debian's packages for cross builds. */
  readonly from: readonly string[];
  /** The processor, in the header of an ELF file (e_machine). */
  readonly machine: number;
  readonly bringer: string;
};
const PLACES: Readonly<Record<DebTarget, Place>> = {
  "linux-x64": {
    loader: "lib64/ld-linux-x86-64.so.2",
    from: ["/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/x86_64-linux-gnu/lib", "/usr/lib"],
    machine: 62,
    bringer: "apt-get install libc6-amd64-cross",
  },
  "linux-arm64": {
    loader: "lib/ld-linux-aarch64.so.1",
    from: ["/lib/aarch64-linux-gnu", "/lib64", "/usr/lib64", "/usr/aarch64-linux-gnu/lib", "/usr/lib"],
    machine: 183,
    bringer: "apt-get install libc6-arm64-cross",
  },
};
const NEEDED = ["libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"];
/** Before version 2.34 of the C library, names of hosts are looked up by these. */
const FOR_NAMES = ["libresolv.so.2", "libnss_files.so.2", "libnss_dns.so.2"];
/** One folder under all names by which loaders of different distributions look for it. */
const FOLDER = "usr/lib";
const ALIASES = ["lib", "lib64", "usr/lib64"];

/** What to type, so that this machine has the C library of `target`; null: it has it. */
export function bringerOfLibc(target: DebTarget): string | null {
  return folderWith(PLACES[target]) === null ? PLACES[target].bringer : null;
}

/** Files of a root folder in which the binary of `target` starts. Throws an Error where this machine has no C library for it. */
export function libcFiles(target: DebTarget): TarEntry[] {
  const place = PLACES[target];
  const from = folderWith(place);
  if (from === null)
    throw new Error(`Cannot take the C library of ${target}: it is not on this machine\nTry: ${place.bringer}`);
  const loader = place.loader.split("/").at(-1) ?? "";
  const names = [loader, ...NEEDED, ...FOR_NAMES].filter((name) => existsSync(join(from, name)));
  return [
    ...ALIASES.map((path) => ({ path, mode: 0o777, link: `/${FOLDER}` })),
    ...names.map((name) => ({ path: `${FOLDER}/${name}`, mode: 0o755, bytes: readFileSync(join(from, name)) })),
  ];
}

function folderWith({ loader, from, machine }: Place): string | null {
  const all = [loader.split("/").at(-1) ?? "", ...NEEDED];
  return from.find((folder) => all.every((name) => machineOf(join(folder, name)) === machine)) ?? null;
}

/** Null: no file, or none that is ELF: GNU's linker scripts have such names, too. */
function machineOf(path: string): number | null {
  if (!existsSync(path)) return null;
  const bytes = readFileSync(path).subarray(0, 20);
  return bytes.length === 20 && bytes.readUInt32BE(0) === 0x7f454c46 ? bytes.readUInt16LE(18) : null;
}
