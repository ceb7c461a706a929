/** Setting a corrupt buffer aside, continued after a process or the power ended in the middle of it. */
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asideInProgress, setAside } from "./set-aside.ts";

test("an empty log that a reader made meanwhile does not replace the log that is aside already", () => {
  const folder = mkdtempSync(join(tmpdir(), "agent-aside-"));
  const at = (name: string) => join(folder, name);
  writeFileSync(at("buffer.corrupt.json"), JSON.stringify({ aside: "buffer.corrupt-1.db" }));
  writeFileSync(at("buffer.corrupt-1.db-wal"), "the log");
  writeFileSync(at("buffer.db"), "the database");
  // `agent status` between the two starts.
  writeFileSync(at("buffer.db-wal"), "");
  expect(asideInProgress(folder)).toBe("buffer.corrupt-1.db");
  const path = setAside(folder, 0);
  expect(path).toBe(at("buffer.corrupt-1.db"));
  expect(readFileSync(path, "utf8")).toBe("the database");
  expect(readFileSync(`${path}-wal`, "utf8")).toBe("the log");
  expect([existsSync(at("buffer.db")), existsSync(at("buffer.db-wal"))]).toEqual([false, false]);
  rmSync(folder, { recursive: true });
});
