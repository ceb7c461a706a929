/** What the outside world does to a buffer's files, by the error's code: callers decide by kind, not by text. */
import { codeOf } from "../core/errors.ts";
import { isCorruption } from "./corruption.ts";

/** full: no room. busy: another program has it locked. broken: it cannot be read or written now, for whatever reason. */
export type OutsideTrouble = "full" | "busy" | "broken";

const KINDS: readonly (readonly [OutsideTrouble, RegExp])[] = [
  ["full", /^(SQLITE_FULL|ENOSPC|EDQUOT)/],
  ["busy", /^SQLITE_(BUSY|LOCKED)/],
  ["broken", /^SQLITE_(IOERR|READONLY|CANTOPEN|PERM|AUTH|NOLFS|PROTOCOL)/],
  // Permissions, disks and mounts that went away, limits of the system: all of them can be repaired while the agent waits.
  [
    "broken",
    /^E(IO|ROFS|ACCES|PERM|BUSY|AGAIN|MFILE|NFILE|NOMEM|NODEV|NXIO|STALE|TIMEDOUT|NOTCONN|HOSTDOWN|REMOTEIO)$/,
  ],
];

/** Null: no trouble of the outside world, so a defect or a corrupt file. */
export function outsideTrouble(error: unknown): OutsideTrouble | null {
  const code = codeOf(error) ?? "";
  // A file that is too short is not the outside world any more, although SQLite's code begins like that of a bad disk.
  if (isCorruption(error)) return null;
  return KINDS.find(([, pattern]) => pattern.test(code))?.[0] ?? null;
}
