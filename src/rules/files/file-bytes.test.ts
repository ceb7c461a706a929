import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileBytes } from "../../core/outside/file-text.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { formatProblem } from "../rule-set.ts";
import { loadRules } from "./load.ts";
import { FolderWatch } from "./watch.ts";

const root = mkdtempSync(join(tmpdir(), "rules-file-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);

test("a file is taken whole, up to the limit", () => {
  writeFileSync(at("full"), "x".repeat(1_000));
  writeFileSync(at("empty"), "");
  expect(new TextDecoder().decode(fileBytes(at("full"), 1_000))).toBe("x".repeat(1_000));
  expect(fileBytes(at("empty"), 1_000)).toHaveLength(0);
  expect(() => fileBytes(at("full"), 999)).toThrow("it is larger than 999 bytes");
});

// What cannot be refused would not end: the folder is read in the loop that takes readings.
test.skipIf(process.platform === "win32")("a named pipe, a device and a folder are refused without waiting", () => {
  const dir = at("rules");
  mkdirSync(dir);
  writeFileSync(join(dir, "good.json"), '{ "name": "r", "when": { "range": { "measure": "m", "max": 1 } } }');
  const watch = new FolderWatch(dir);
  expect(spawnSync("mkfifo", [join(dir, "pipe.json")]).status).toBe(0);
  symlinkSync("/dev/zero", join(dir, "device.json"));
  mkdirSync(join(dir, "folder.json"));
  expect([0, 250, 500].map((nowMs) => watch.look(nowMs))).toContain(true);
  const loaded = loadRules(dir, new SensorCatalogue(), "rules");
  expect("refused" in loaded && loaded.refused.map(formatProblem)).toEqual([
    "rules/device.json:1:1: Cannot read rule file: it is a device, not a file",
    "rules/folder.json:1:1: Cannot read rule file: it is a folder, not a file",
    "rules/pipe.json:1:1: Cannot read rule file: it is a named pipe, not a file",
  ]);
});
