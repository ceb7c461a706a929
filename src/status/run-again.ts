/** How to start an agent again as the last one was: with other flags it would add readings of another source, or deliver elsewhere. */
import type { LiveReport } from "../agent/live.ts";
import { withoutPassword } from "../core/log/redact.ts";
import { shellWord } from "../core/shell-word.ts";

/** Of the agent that reported last. */
export type LastRun = Pick<LiveReport, "sources" | "store" | "cwd">;

/** `note`: the end of the sentence before the command; empty where the command says all. */
type Again = { readonly note: string; readonly command: string };

/** A report has the user of a broker, but not the password. */
const LOGIN = /^mqtts?:\/\/[^/?@]+@/;

/** Where it is not known how the last one was started, the command only looks. */
const LOOK = "agent status --json";

/** `last` null: not known. The sources that a buffer knows may have ended long ago, and it does not know the store. */
export function runAgain(dataDir: string, last: LastRun | null): Again {
  const uris = last?.sources.map(({ uri }) => uri) ?? [];
  const secret = uris.find((uri) => uri.includes("***") || withoutPassword(uri) !== uri);
  if (secret !== undefined) {
    const note = `. Start it as before: the source "${withoutPassword(secret)}" has a password, which is not shown`;
    return { note, command: LOOK };
  }
  if (last === null || uris.length === 0) {
    return { note: ". Start it with the same source and store as before", command: LOOK };
  }
  const flags = [...uris.flatMap((uri) => ["--source", uri]), "--store", last.store].map(shellWord).join(" ");
  // Of a relative path, the rules and `.env`, another folder has others.
  const place = last.cwd === undefined ? "" : `cd ${shellWord(last.cwd)} && `;
  const command = `${place}agent run --data-dir ${shellWord(dataDir)} ${flags}`;
  if (uris.some((uri) => LOGIN.test(uri))) {
    return { note: ". A password of its source must be given as before", command };
  }
  if (!uris.some((uri) => uri.startsWith("stdin:"))) return { note: "", command };
  // Without input it delivers the rest and ends.
  return { note: '; new readings need the same input to "stdin:" as before', command: `${command} < /dev/null` };
}
