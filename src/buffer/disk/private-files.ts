/** Files that only the agent's user may read, whatever the umask is: SQLite asks for 0644 and leaves the rest to the umask. */
import { Database } from "bun:sqlite";

const PRIVATE = 0o077;

/** Opens a database and creates its file if it is missing. The log beside it gets the mode of the file. */
export function privateDatabase(path: string): Database {
  return privately(() => new Database(path, { create: true, readwrite: true }));
}

/** Whatever files `work` creates are for this user only. */
export function privately<T>(work: () => T): T {
  const before = process.umask(PRIVATE);
  try {
    return work();
  } finally {
    process.umask(before);
  }
}
