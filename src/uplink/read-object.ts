/** Reads the rows of an object back: for `verify --deep`, `lake head` and tests. */
import { isUtf8 } from "node:buffer";
import { free } from "../core/bytes/bytes.ts";
import { gunzipMembers } from "../core/bytes/gunzip.ts";
import { AgentError, codeOf, messageOf } from "../core/errors.ts";
import { formatBytes } from "../core/time/duration.ts";

/** The largest object when it is unpacked: 200,000 rows of 1 KiB fit. A foreign one must not fill the memory. */
export const UNPACKED_BYTES = 256 * 1024 * 1024;
const NEWLINE = 10;

/**
 * The lines of an object, without their ends; empty lines are none. Throws AgentError naming the object when it is corrupt
 * anywhere, and then before its first line: no reader gets half of an object. `most`: bytes when it is unpacked.
 */
export function* gunzipLines(body: Uint8Array, name: string, most = UNPACKED_BYTES): Iterable<string> {
  const bytes = unpack(body, name, Math.min(most, UNPACKED_BYTES));
  if (!isUtf8(bytes)) throw new AgentError(`Cannot read "${name}": a line is not valid UTF-8`);
  try {
    for (let from = 0; from < bytes.length; ) {
      const end = bytes.indexOf(NEWLINE, from);
      const to = end === -1 ? bytes.length : end;
      if (to > from) yield bytes.toString("utf8", from, to);
      from = to + 1;
    }
  } finally {
    // Twenty times the body's size, outside the engine's heap.
    free(bytes);
  }
}

/** Why an object is not fetched: it is larger as it is stored than any may be when it is unpacked. Null: it may be. */
export function whyNotFetched(name: string, storedBytes: number): AgentError | null {
  return storedBytes <= UNPACKED_BYTES
    ? null
    : new AgentError(`Cannot read "${name}": it is larger than ${formatBytes(UNPACKED_BYTES)}, and is left alone`, {
        tryHint: "agent verify --deep",
      });
}

/** The rows of an object. Throws AgentError, naming object and line, at the first that is not a JSON object. */
export function* gunzipRows(body: Uint8Array, name: string): Iterable<Record<string, unknown>> {
  let line = 0;
  for (const text of gunzipLines(body, name)) {
    line++;
    yield rowOf(text, name, line);
  }
}

function unpack(body: Uint8Array, name: string, most: number): Buffer {
  try {
    return gunzipMembers(body, most);
  } catch (error) {
    const isLarge = codeOf(error) === "ERR_BUFFER_TOO_LARGE";
    const why = isLarge ? `it unpacks to more than ${formatBytes(most)}, and is left alone` : messageOf(error);
    throw new AgentError(`Cannot read "${name}": ${why}`, {
      tryHint: "agent verify --deep",
      cause: error,
    });
  }
}

/** One line of an object. Throws as `gunzipRows` does. */
export function rowOf(text: string, name: string, line: number): Record<string, unknown> {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (error) {
    throw new AgentError(`Cannot read "${name}": line ${line} is not JSON`, { cause: error });
  }
  if (typeof row === "object" && row !== null && !Array.isArray(row)) return row as Record<string, unknown>;
  throw new AgentError(`Cannot read "${name}": line ${line} is not a JSON object`);
}
