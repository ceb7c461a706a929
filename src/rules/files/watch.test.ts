import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FolderWatch } from "./watch.ts";

const root = mkdtempSync(join(tmpdir(), "rules-watch-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

/** A folder with one file, and a watch that has seen it; `looks` asks it a few times, 250 ms apart in its own time. */
function watched(): { dir: string; file: string; looks: (times: number) => boolean[] } {
  const dir = join(root, `rules-${folders++}`);
  mkdirSync(dir);
  const file = join(dir, "a.json");
  writeFileSync(file, "first");
  const watch = new FolderWatch(dir);
  let nowMs = 0;
  const looks = (times: number) =>
    Array.from({ length: times }, () => {
      nowMs += 250;
      return watch.look(nowMs);
    });
  return { dir, file, looks };
}

test("a folder that stays as it is says nothing", () => {
  expect(watched().looks(100)).not.toContain(true);
});

test("a save in place, and one that renames a temporary file over it, are reported once, at the second look", () => {
  const { dir, file, looks } = watched();
  writeFileSync(file, "changed");
  expect(looks(30).indexOf(true)).toBe(1);
  writeFileSync(join(dir, ".a.json.swp"), "longer than before");
  renameSync(join(dir, ".a.json.swp"), file);
  expect(looks(30).indexOf(true)).toBe(1);
  expect(looks(60)).not.toContain(true);
});

test("a new file, one that goes, one that is renamed, a folder that goes and comes: each is reported", () => {
  const { dir, file, looks } = watched();
  writeFileSync(join(dir, "b.json"), "second");
  expect(looks(8)).toContain(true);
  renameSync(join(dir, "b.json"), join(dir, "c.json"));
  expect(looks(8)).toContain(true);
  rmSync(file);
  expect(looks(8)).toContain(true);
  rmSync(dir, { recursive: true });
  expect(looks(8)).toContain(true);
  expect(looks(8)).not.toContain(true);
  mkdirSync(dir);
  writeFileSync(file, "first");
  expect(looks(8)).toContain(true);
});

test("files that are not rules are ignored", () => {
  const { dir, looks } = watched();
  writeFileSync(join(dir, "README.md"), "notes");
  writeFileSync(join(dir, ".hidden.json"), "{}");
  expect(looks(30)).not.toContain(true);
});

test("a save storm is reported once it is over, and one without an end now and then", () => {
  const { file, looks } = watched();
  const reported = Array.from({ length: 6 }, (_, i) => {
    writeFileSync(file, "x".repeat(i + 10));
    return looks(1);
  });
  expect(reported.flat()).not.toContain(true);
  expect(looks(2)).toContain(true);
  const endless = Array.from({ length: 40 }, (_, i) => {
    writeFileSync(file, "y".repeat(i + 10));
    return looks(1);
  }).flat();
  const times = endless.filter((yes) => yes).length;
  expect(times).toBeGreaterThan(1);
  expect(times).toBeLessThan(10);
});

test("a change that hides behind the same size and time is seen in the content, within seconds", () => {
  const { file, looks } = watched();
  const before = statSync(file);
  writeFileSync(file, "FIRST");
  utimesSync(file, before.atime, before.mtime);
  expect(looks(30)).toContain(true);
});
