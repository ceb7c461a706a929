import { afterAll, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUFFER_FILE } from "../buffer/sqlite-buffer.ts";
import { unwritable } from "./writable.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-writable-"));
afterAll(() => {
  chmodSync(folder, 0o700);
  rmSync(folder, { recursive: true, force: true });
});
const isRoot = process.getuid?.() === 0;

test("a data dir whose mode keeps its agent's user from writing is a problem for every reader", () => {
  const buffer = join(folder, BUFFER_FILE);
  writeFileSync(buffer, "");
  if (isRoot) for (const path of [folder, buffer]) chownSync(path, 12_345, 12_345);
  expect(unwritable(folder, true)).toBeNull();
  chmodSync(folder, 0o555);
  expect(unwritable(folder, true)).toEqual({
    code: "data_dir_unwritable",
    message: `The running agent cannot write its data dir "${folder}": its mode is 555. Nothing that it accepted is lost, and it waits`,
    try: `ls -la ${folder}`,
  });
  chmodSync(folder, 0o755);
  chmodSync(buffer, 0o444);
  expect(unwritable(folder, true)?.message).toContain("its mode is 444");
  chmodSync(buffer, 0o644);
});

test.if(isRoot)("an agent of root may write anything that is not mounted for reading only", () => {
  for (const path of [folder, join(folder, BUFFER_FILE)]) chownSync(path, 0, 0);
  chmodSync(folder, 0o555);
  expect(unwritable(folder, true)).toBeNull();
});

test("a place that cannot be looked at is not a problem of its own", () => {
  expect(unwritable(join(folder, "nowhere"), true)).toBeNull();
});
