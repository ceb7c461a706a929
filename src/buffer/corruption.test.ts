import { expect, test } from "bun:test";
import { AgentError } from "../core/errors.ts";
import { isCorruption, isDamage } from "./corruption.ts";
import { outsideTrouble } from "./outside-error.ts";

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
