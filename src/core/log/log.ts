/** The log's port, and its two plain forms: a line of text, or a line of JSON. Both are without secrets. */
import { redactor } from "./redact.ts";

export const LEVELS = ["debug", "info", "warn", "error"] as const;
export type Level = (typeof LEVELS)[number];
export type Fields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/**
 * WARN: something is wrong, nothing is lost. ERROR: data is lost, or a person is needed. `code` is for programs
 * (`store_down`: lower case, stable), `message` is for people. Never throws and never waits.
 */
export interface Log {
  debug(code: string, message: string, fields?: Fields): void;
  info(code: string, message: string, fields?: Fields): void;
  warn(code: string, message: string, fields?: Fields): void;
  error(code: string, message: string, fields?: Fields): void;
}

export type LogEntry = {
  readonly level: Level;
  readonly timeMs: number;
  readonly code: string;
  readonly message: string;
  readonly fields: Fields;
};

/** Passes every entry of level `least` or above to `write`, without the secrets. A function: the level may change. */
export function makeLog(options: {
  readonly least: Level | (() => Level);
  readonly secrets: readonly string[];
  readonly now: () => number;
  readonly write: (entry: LogEntry) => void;
}): Log {
  const { least, now, write } = options;
  const clean = redactor(options.secrets);
  const at = (level: Level) => {
    return (code: string, message: string, fields: Fields = {}) => {
      const lowest = typeof least === "string" ? least : least();
      if (LEVELS.indexOf(level) < LEVELS.indexOf(lowest)) return;
      const cleaned = Object.entries(fields).map(([key, value]) => [
        key,
        typeof value === "string" ? clean(value) : value,
      ]);
      write({ level, timeMs: now(), code, message: clean(message), fields: Object.fromEntries(cleaned) });
    };
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** For tests, and for code that runs without a log. */
export const SILENT: Log = makeLog({ least: "error", secrets: [], now: () => 0, write: () => undefined });

/** `2026-11-23T08:00:00.000Z WARN  store_down: Cannot reach … (store="s3:", tries=3)`: always one line. */
export function textLine(entry: LogEntry): string {
  const time = new Date(entry.timeMs).toISOString();
  return oneLine(`${time} ${entry.level.toUpperCase().padEnd(5)} ${entry.code}: ${withFields(entry)}`);
}

/** The message and its fields, without time and level: for forms of a log that show these in their own way. */
export function withFields(entry: LogEntry): string {
  const fields = Object.entries(entry.fields).filter(([, value]) => value !== undefined);
  if (fields.length === 0) return entry.message;
  return `${entry.message} (${fields.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(", ")})`;
}

export function jsonLine(entry: LogEntry): string {
  const { level, timeMs, code, message, fields } = entry;
  // The fixed names come last, so that no field can replace one of them.
  return JSON.stringify({ ...fields, time: new Date(timeMs).toISOString(), level, code, message });
}

/**
 * Control characters from outside (a file's name, a store's response) would forge lines or colour a terminal; controls of the writing
 * direction would turn the rest of the line around.
 */
export function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (char) =>
    char === "\n" ? "\\n" : "?",
  );
}
