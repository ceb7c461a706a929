/** Why a file cannot be read, and what to type. */
import { codeOf, messageOf } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";

export type FileTrouble = {
  readonly path: string;
  readonly reason: string;
  readonly try: string;
  /** It may be over soon: a file that is being packed. */
  readonly mayPass?: boolean;
};

const PACKED: readonly (readonly [magic: readonly number[], name: string])[] = [
  [[0x28, 0xb5, 0x2f, 0xfd], "zstd"],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], "xz"],
  [[0x42, 0x5a, 0x68], "bzip2"],
  [[0x50, 0x4b, 0x03, 0x04], "zip"],
];
const GZIP = [0x1f, 0x8b] as const;

/** By its first bytes. */
export function isGzip(first: Uint8Array): boolean {
  return GZIP.every((byte, i) => first[i] === byte);
}

/** Packed by a program that is not gzip; null: it is text, as far as its first bytes say. */
export function otherwisePacked(path: string, first: Uint8Array): FileTrouble | null {
  const found = PACKED.find(([magic]) => magic.every((byte, i) => first[i] === byte));
  if (found === undefined) return null;
  const [, name] = found;
  return { path, reason: `it is packed by ${name}, and only gzip is read`, try: `ls -ld ${shellWord(path)}` };
}

export function notAFile(path: string): FileTrouble {
  return { path, reason: "it is not a regular file", try: `ls -ld ${shellWord(path)}` };
}

/** `holder`: another source. */
export function isTaken(path: string, holder: string): FileTrouble {
  return { path, reason: `"${holder}" takes it already, and nothing is taken twice`, try: "agent config show" };
}

export function unreadable(path: string, error: unknown): FileTrouble {
  const code = codeOf(error);
  const look = `ls -ld ${shellWord(path)}`;
  if (code === "EACCES" || code === "EPERM") return { path, reason: `${us()} has no permission to read it`, try: look };
  if (code === "EMFILE" || code === "ENFILE")
    return {
      path,
      reason: "too many files are open in this process or on this machine",
      try: "agent status",
      mayPass: true,
    };
  return { path, reason: messageOf(error), try: look };
}

export function unlistable(path: string, code: string): FileTrouble {
  const reason = /^(EACCES|EPERM)$/.test(code)
    ? `${us()} has no permission to list this folder`
    : `it cannot be listed (${code})`;
  return { path, reason, try: `ls -ld ${shellWord(path)}` };
}

export function notUnpacked(path: string, error: unknown): FileTrouble {
  const isCut = codeOf(error) === "Z_BUF_ERROR";
  const reason = isCut
    ? "it ends within its gzip data: nothing of it is taken until it is whole"
    : `its gzip data is damaged (${messageOf(error)}): nothing of it is taken`;
  return { path, reason, try: `ls -ld ${shellWord(path)}`, mayPass: isCut };
}

function us(): string {
  const uid = process.getuid?.();
  return uid === undefined ? "the agent's user" : `the agent's user (uid ${uid})`;
}
