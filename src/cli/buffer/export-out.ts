/** Where exported readings go: lines to stdout or a file, or the table `sensor_readings` of a SQLite file. */
import { Database } from "bun:sqlite";
import { closeSync, existsSync, fsyncSync, openSync, realpathSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ByteWriter } from "../../core/bytes/bytes.ts";
import type { Column } from "../../core/column.ts";
import { AgentError, codeOf, messageOf, UsageError } from "../../core/errors.ts";
import { isObject } from "../../core/outside/shape.ts";
import { shellWord } from "../../core/shell-word.ts";
import type { Context } from "../frame/command.ts";

export const FORMATS = ["ndjson", "csv", "sqlite"] as const;
export type Format = (typeof FORMATS)[number];

/** Takes rows as the objects of the store have them: a line of JSON each. */
export interface ExportOut {
  /** Lines, each with its newline. */
  readonly rows: (lines: Uint8Array) => Promise<void>;
  /** Everything is there: a file gets its name. */
  readonly finish: () => Promise<void>;
  /** Nothing of a file is left. */
  readonly discard: () => void;
}

export type OutHow = {
  readonly format: Format;
  /** Null: stdout. */
  readonly path: string | null;
  readonly force: boolean;
  readonly columns: readonly Column[];
  readonly dataDir: string;
};

/** Throws UsageError where the file may not be written, before anything is. */
export function openOut({ format, path, force, columns, dataDir }: OutHow, context: Context): ExportOut {
  if (path === null) {
    if (format === "sqlite")
      throw new UsageError("Cannot export to stdout as sqlite: a database is a file", {
        tryHint: "agent buffer export --format sqlite --out readings.db",
      });
    return lines(format, columns, { write: context.write, finish: () => undefined, discard: () => undefined });
  }
  const file = resolve(context.cwd, path);
  expectFree(file, { path, force, dataDir });
  const part = `${file}.part`;
  return format === "sqlite" ? tableIn(part, file, columns) : lines(format, columns, fileAt(part, file));
}

function expectFree(file: string, { path, force, dataDir }: Pick<OutHow, "force" | "dataDir"> & { path: string }) {
  if (real(dirname(file)) === real(dataDir))
    throw new UsageError(`Cannot export to "${path}": it is in the data dir, which is the agent's own`, {
      tryHint: "agent buffer export --out readings.ndjson",
    });
  if (!force && existsSync(file))
    throw new UsageError(`Cannot export to "${path}": the file exists, and --force is needed to replace it`, {
      tryHint: `ls -l ${shellWord(path)}`,
    });
}

function real(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

/** `Cannot write "readings.csv": no space left on device`. */
function writing<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new AgentError(`Cannot write "${file}": ${messageOf(error)}`, {
      cause: error,
      tryHint: codeOf(error) === "ENOENT" ? `ls -ld ${shellWord(dirname(file))}` : `df -h ${shellWord(dirname(file))}`,
    });
  }
}

/** A name means that the file is whole, also after a power failure. */
function nameFile(part: string, file: string): void {
  renameSync(part, file);
  const folder = openSync(dirname(file), "r");
  try {
    fsyncSync(folder);
  } catch {
    // Not every file system syncs a folder.
  } finally {
    closeSync(folder);
  }
}

type Sink = {
  readonly write: (bytes: Uint8Array) => Promise<void>;
  readonly finish: () => void;
  readonly discard: () => void;
};

function fileAt(part: string, file: string): Sink {
  const handle = writing(file, () => openSync(part, "w"));
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(handle);
    isOpen = false;
  };
  return {
    write: async (bytes) => {
      for (let at = 0; at < bytes.length; ) at += writing(file, () => writeSync(handle, bytes, at));
    },
    finish: () =>
      writing(file, () => {
        fsyncSync(handle);
        close();
        nameFile(part, file);
      }),
    discard: () => {
      close();
      rmSync(part, { force: true });
    },
  };
}

function lines(format: "ndjson" | "csv", columns: readonly Column[], { write, finish, discard }: Sink): ExportOut {
  const end = async () => finish();
  if (format === "ndjson") return { rows: write, finish: end, discard };
  const names = columns.map(({ name }) => name);
  const text = new ByteWriter(1 << 20);
  let isBegun = false;
  const begin = () => {
    if (!isBegun) text.text(`${names.map(csvText).join(",")}\n`);
    isBegun = true;
  };
  const flush = async () => {
    await write(text.view());
    text.clear();
  };
  return {
    rows: async (given) => {
      begin();
      for (const row of rowsIn(given)) text.text(`${names.map((name) => csvText(cellOf(row, name))).join(",")}\n`);
      await flush();
    },
    finish: async () => {
      begin();
      await flush();
      finish();
    },
    discard,
  };
}

/** RFC 4180. */
function csvText(value: string | number | null): string {
  if (value === null) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

type ExportedRow = Readonly<Record<string, unknown>>;

/** Our own lines, read again. */
function* rowsIn(given: Uint8Array): Generator<ExportedRow> {
  for (const line of Buffer.from(given).toString().split("\n")) {
    if (line === "") continue;
    const row: unknown = JSON.parse(line);
    if (isObject(row)) yield row;
  }
}

/** A list is text in JSON. */
function cellOf(row: ExportedRow, name: string): string | number | null {
  const value = row[name] ?? null;
  return value === null || typeof value === "string" || typeof value === "number" ? value : JSON.stringify(value);
}

const SQL_TYPES: Readonly<Record<Column["type"], string>> = {
  text: "TEXT",
  timestamp: "TEXT",
  "list of text": "TEXT",
  number: "REAL",
  integer: "INTEGER",
};

function tableIn(part: string, file: string, columns: readonly Column[]): ExportOut {
  rmSync(part, { force: true });
  const db = writing(file, () => new Database(part, { create: true, readwrite: true }));
  const quoted = columns.map(({ name }) => `"${name}"`);
  const insert = writing(file, () => {
    // Only a whole file gets its name.
    db.run("PRAGMA journal_mode = OFF");
    db.run("PRAGMA synchronous = OFF");
    const types = columns.map(({ type }, at) => `${quoted[at]} ${SQL_TYPES[type]}`);
    db.run(`CREATE TABLE sensor_readings (id INTEGER PRIMARY KEY, ${types.join(", ")})`);
    return db.prepare(`INSERT INTO sensor_readings VALUES (?, ${quoted.map(() => "?").join(", ")})`);
  });
  return {
    rows: async (given) =>
      writing(file, () => {
        db.run("BEGIN");
        for (const row of rowsIn(given)) {
          const seq = Number(String(row["reading_id"]).replace(/^.*-/, ""));
          insert.run(seq, ...columns.map(({ name }) => cellOf(row, name)));
        }
        db.run("COMMIT");
      }),
    finish: async () =>
      writing(file, () => {
        insert.finalize();
        db.close();
        const handle = openSync(part, "r+");
        fsyncSync(handle);
        closeSync(handle);
        nameFile(part, file);
      }),
    discard: () => {
      db.close();
      rmSync(part, { force: true });
    },
  };
}
