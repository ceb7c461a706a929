/** The name of a node, as it is in keys, folders and rows. */

/** A key has at most 1,024 bytes in S3 and a folder's name 255 in most file systems; host names have at most 64. */
const NODE_LENGTH = 64;

/**
 * A host name made safe for a key, a folder and a URL: ASCII letters, digits, `.`, `_`, `-`, at most 64 of them, and not
 * starting with `.` or `_` (readers of a lake skip such names as hidden). Two hosts may get the same id; their epochs differ.
 */
export function safeNodeId(text: string): string {
  const safe = text
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, NODE_LENGTH)
    .replace(/[.-]+$/, "");
  return safe === "" ? "node" : safe;
}

const RANDOM_LENGTH = 6;
/** Lower-case, without letters that are read as digits. */
const ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789";

/**
 * The id of a node that was given none: its host's name and a random part, `raspberrypi-7kq2xw`. Many devices have one host
 * name. `chance`: at least 6 random bytes.
 */
export function makeNodeId(hostName: string, chance: Uint8Array): string {
  const random = Array.from(chance.subarray(0, RANDOM_LENGTH), (byte) => ALPHABET[byte % ALPHABET.length]).join("");
  return `${safeNodeId(safeNodeId(hostName).slice(0, NODE_LENGTH - RANDOM_LENGTH - 1))}-${random}`;
}

/** The names that a user may give to a node: those that `safeNodeId` does not change. */
export const NODE_ID = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?$/;
