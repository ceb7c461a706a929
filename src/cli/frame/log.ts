/** The log of a long-running command: consola on a terminal, plain or JSON lines everywhere else. Always on stderr. */
import { jsonLine, type Log, type LogEntry, makeLog, oneLine, textLine, withFields } from "../../core/log/log.ts";
import { secretsOf } from "../../core/settings/settings.ts";
import type { Context } from "./command.ts";

export async function openLog(context: Context): Promise<Log> {
  const { settings, say, terminal } = context;
  const secrets = secretsOf(settings);
  const write = await writerFor(settings.logFormat, terminal, say);
  return makeLog({ least: () => settings.log, secrets, now: Date.now, write });
}

async function writerFor(
  format: "text" | "json",
  terminal: boolean,
  say: (line: string) => void,
): Promise<(entry: LogEntry) => void> {
  if (format === "json") return (entry) => say(jsonLine(entry));
  if (!terminal) return (entry) => say(textLine(entry));
  const { createConsola } = await import("consola");
  // Everything was filtered already; consola would also fold repeated lines, and a log that hides lines misleads.
  const consola = createConsola({ level: 5, throttle: 0, stdout: process.stderr, stderr: process.stderr });
  return (entry) => consola[entry.level](oneLine(withFields(entry)));
}
