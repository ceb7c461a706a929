/** How a file on disk is refused: nothing waits for a pipe, and each refusal says what the path is. */
import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseJsonFile, problemLine, readJsonFile } from "./json-file.ts";
import { number } from "./scalar-shapes.ts";
import { object } from "./shape.ts";

const folder = mkdtempSync(join(tmpdir(), "json-file-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const KIND = { name: "sample", missing: "there is no such file", tryHint: "ls", shape: object({ a: number() }) };

function refusal(name: string): string {
  try {
    readJsonFile(KIND, name, folder);
    return "accepted";
  } catch (error) {
    return String((error as Error).message);
  }
}

test("the name of a file forges no line: a problem is one line, whatever the name holds", () => {
  const name = "a\n2026-11-30T00:00:00.000Z ERROR forged: \u001b[31mb.json";
  const line = problemLine({ file: name, line: 1, column: 2, message: "expected\na key" });
  expect(line).toBe("a\\n2026-11-30T00:00:00.000Z ERROR forged: ?[31mb.json:1:2: expected\\na key");
  expect(() => parseJsonFile(KIND, "{", name)).toThrow(/^a\\n2026[^\n]*$/);
});

test("NULs behind a whole document, as a loss of power leaves them, are none of it; a file of NULs is refused", () => {
  const nuls = "\0".repeat(4_096);
  for (const [name, text] of [
    ["padded.json", `{"a": 1}${nuls}`],
    ["padded-line.json", `\ufeff{"a": 1}\r\n${nuls}`],
  ] as const) {
    writeFileSync(join(folder, name), text);
    expect(readJsonFile(KIND, name, folder)).toEqual({ a: 1 });
  }
  for (const text of [nuls, `{"a": ${nuls}`, `{"a":${nuls} 1}`]) {
    writeFileSync(join(folder, "lost.json"), text);
    expect(() => readJsonFile(KIND, "lost.json", folder)).toThrow(/^lost\.json:1:\d+: expected /);
  }
});

test("a plain file is read, with a byte order mark too", () => {
  writeFileSync(join(folder, "good.json"), '\ufeff{"a": 1}');
  expect(readJsonFile(KIND, "good.json", folder)).toEqual({ a: 1 });
});

test.skipIf(process.platform === "win32")(
  "a pipe, a device, a folder, a long file and other bytes are refused at once",
  () => {
    expect(spawnSync("mkfifo", [join(folder, "pipe.json")]).status).toBe(0);
    symlinkSync("/dev/zero", join(folder, "device.json"));
    mkdirSync(join(folder, "folder.json"));
    writeFileSync(join(folder, "long.json"), " ".repeat(1024 * 1024 + 1));
    writeFileSync(join(folder, "latin.json"), Uint8Array.of(0x22, 0xe9, 0x22));
    expect(["pipe", "device", "folder", "long", "latin", "none"].map((name) => refusal(`${name}.json`))).toEqual([
      'Cannot read sample "pipe.json": it is a named pipe, not a file',
      'Cannot read sample "device.json": it is a device, not a file',
      'Cannot read sample "folder.json": it is a folder, not a file',
      'Cannot read sample "long.json": it is larger than 1048576 bytes',
      'Cannot read sample "latin.json": it is not UTF-8',
      'Cannot read sample "none.json": there is no such file',
    ]);
  },
);
