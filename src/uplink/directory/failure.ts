/** What a file system's error means for an object: wait, ask a person, or give this object up. */

import { AgentError, codeOf, DeniedError, messageOf, TooLargeError, TransientError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";

/** The file system will never take such a name or such a size. Everything unknown waits: a wait loses nothing. */
const FOR_GOOD = new Set(["ENAMETOOLONG", "EINVAL", "EILSEQ", "EISDIR"]);
/** Errors that a person must repair, by code, each with the missing permission. */
const DENIED: Readonly<Record<string, string>> = {
  EACCES: "permission to write",
  EPERM: "permission to write",
  EROFS: "a file system that is mounted for writing",
};
/** A folder is made where it is missing, so these mean that its name is taken. */
const IN_THE_WAY = new Set(["ENOTDIR", "EEXIST"]);
const TRANSIENT: Readonly<Record<string, string>> = {
  ENOSPC: "no room on the disk",
  EDQUOT: "the disk quota is used up",
  EIO: "the disk reports an error",
};

export function explainFailure(error: unknown, verb: string, path: string, root: string): Error {
  const code = codeOf(error) ?? "";
  const denied = DENIED[code];
  if (denied !== undefined) {
    return new DeniedError(`Cannot ${verb} "${path}": ${code}`, {
      missing: `${denied} in "${root}"`,
      tryHint:
        code === "EROFS"
          ? `findmnt -T ${shellWord(root)}`
          : `ls -ld ${shellWord(root)} && sudo chown -R "$(id -un)" ${shellWord(root)}`,
      cause: error,
    });
  }
  if (IN_THE_WAY.has(code)) {
    const what = "there is a file where a folder should be";
    return new DeniedError(`Cannot ${verb} "${path}": ${what}`, {
      missing: `a folder in "${root}": there is a file of that name`,
      tryHint: `ls -ld ${shellWord(root)}`,
      cause: error,
    });
  }
  if (code === "EFBIG") return new TooLargeError(`Cannot ${verb} "${path}": ${code}`, { cause: error });
  if (FOR_GOOD.has(code)) return new AgentError(`Cannot ${verb} "${path}": ${code}`, { cause: error });
  const cause = TRANSIENT[code] ?? messageOf(error);
  return new TransientError(`Cannot ${verb} "${path}": ${cause}`, {
    tryHint: `df -h ${shellWord(root)}`,
    cause: error,
  });
}
