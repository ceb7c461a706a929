import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { AgentError, UsageError } from "../core/errors.ts";
import { isCorruption, isDamage } from "./corruption.ts";
import { outsideTrouble } from "./outside-error.ts";
import { migrate, SCHEMA_VERSION } from "./schema.ts";

const coded = (code: string) => Object.assign(new Error("as SQLite says"), { code });

test("a file that is shorter than it says is corrupt; a disk that cannot be read now is not", () => {
  for (const [code, corrupt, trouble] of [
    ["SQLITE_IOERR_SHORT_READ", true, null],
    ["SQLITE_CORRUPT_VTAB", true, null],
    ["SQLITE_NOTADB", true, null],
    ["SQLITE_IOERR_READ", false, "broken"],
    ["SQLITE_IOERR", false, "broken"],
    ["EIO", false, "broken"],
    ["SQLITE_FULL", false, "full"],
  ] as const) {
    const error = coded(code);
    expect([code, isCorruption(error), outsideTrouble(error)]).toEqual([code, corrupt, trouble]);
    expect(isDamage(new AgentError("Cannot read", { cause: error }))).toBe(corrupt);
  }
});

test("a bit flipped in the version of the schema is damage; only a version that a newer binary may have is refused", () => {
  for (let bit = 0; bit < 32; bit++) {
    const db = new Database(":memory:");
    migrate(db, "buffer.db");
    const version = SCHEMA_VERSION ^ (1 << bit);
    db.run(`PRAGMA user_version = ${version}`);
    let thrown: unknown = null;
    try {
      migrate(db, "buffer.db");
    } catch (error) {
      thrown = error;
    }
    const isNewer = version > SCHEMA_VERSION && version <= 1_000;
    expect([version, thrown instanceof UsageError, isCorruption(thrown)]).toEqual([version, isNewer, !isNewer]);
    db.close();
  }
});
