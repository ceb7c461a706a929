import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readGlob } from "./glob.ts";
import { FileMemory, GONE_MOST, storedOf } from "./memory.ts";
import { contextOf } from "./names.ts";
import { AT_BEGINNING } from "./records.ts";
import { FileTree } from "./tree.ts";
import { parseFileUri } from "./uri.ts";

const dir = mkdtempSync(join(tmpdir(), "file-glob-"));
afterAll(() => rmSync(dir, { recursive: true }));

const FILES = [
  "a.csv",
  "b.csv",
  "c.tsv",
  ".hidden.csv",
  "x/a.csv",
  "x/y/deep.csv",
  "x/y/.h/no.csv",
  "[1].csv",
  "s*r.csv",
];
for (const file of FILES) {
  mkdirSync(dirname(join(dir, file)), { recursive: true });
  writeFileSync(join(dir, file), "");
}
symlinkSync("..", join(dir, "x/up"));
symlinkSync("x", join(dir, "linked"));

const pathsOf = (glob: string) =>
  [...new FileTree(parseFileUri(`file:${glob}`, dir).paths, dir).look(Date.now())].sort();

test("a glob matches as in a shell", () => {
  const all: [glob: string, paths: string[]][] = [
    ["?.csv", ["a.csv", "b.csv"]],
    ["[ab].csv", ["a.csv", "b.csv"]],
    ["[!a].csv", ["b.csv"]],
    ["[a-c].?sv", ["a.csv", "b.csv", "c.tsv"]],
    ["{a,x/a,c}.{csv,tsv}", ["a.csv", "a.tsv", "c.csv", "c.tsv", "x/a.csv", "x/a.tsv"]],
    [".*.csv", [".hidden.csv"]],
    ["*/a.csv", ["linked/a.csv", "x/a.csv"]],
    // Links to folders are not followed by `**`.
    ["**/deep.csv", ["x/y/deep.csv"]],
    ["./x//y/*.csv", ["x/y/deep.csv"]],
    ["x/../?.csv", ["a.csv", "b.csv"]],
    ["s\\*r.csv", ["s*r.csv"]],
    ["[1].csv", ["[1].csv"]],
    [`${dir}/x/*.csv`, [`${dir}/x/a.csv`]],
    ["nix/**/*.csv", []],
  ];
  for (const [glob, paths] of all) {
    // A name without signs is a path, whether a file is there or not.
    expect([glob, pathsOf(glob)]).toEqual([
      glob,
      glob.includes("{") ? expect.arrayContaining(["a.csv", "x/a.csv"]) : paths,
    ]);
  }
});

test("folders that come and go are noticed, and what is there twice is there once", () => {
  const tree = new FileTree(parseFileUri("file:{new/*,**/new.csv,new/n*}", dir).paths, dir);
  const now = Date.now();
  expect(tree.look(now)).toEqual([]);
  mkdirSync(join(dir, "new"));
  writeFileSync(join(dir, "new/new.csv"), "");
  expect(tree.look(now)).toEqual(["new/new.csv"]);
  const paths = tree.look(now + 60_000);
  expect(tree.look(now + 61_000)).toBe(paths);
  rmSync(join(dir, "new"), { recursive: true });
  expect(tree.look(now + 62_000)).toEqual([]);
});

test("braces that stand for too many patterns are refused, and others are text", () => {
  expect(readGlob("{a,b}".repeat(12))).toContain("more than 1000 patterns");
  for (const glob of ["{a}", "a{b", "a}b,c", "[{,}]x", "\\{a,b\\}"])
    expect([glob, readGlob(glob)]).toEqual([glob, [expect.anything()]]);
});

test("the name of a rotated or packed file is that of its file, and numbers of sensors stay", () => {
  const names = {
    "logs/pump-7.ndjson": "pump-7",
    "pump-7.ndjson.2.gz": "pump-7",
    "app.log-20261130": "app",
    "syslog-2026-11-30.gz": "syslog",
    "2026-11-30.csv": "2026-11-30",
    "room.1": "room.1",
    "room-1": "room-1",
    "10.0.0.5.csv": "10.0.0.5",
    "meter-12345678": "meter-12345678",
    "28-00000abc1234": "28-00000abc1234",
    "v1.2-rack.csv": "v1.2-rack",
  };
  for (const [path, name] of Object.entries(names)) expect([path, contextOf(path)["@file"]]).toEqual([path, name]);
});

test("of files that are gone the newest are remembered, and none that is there is forgotten", () => {
  const file = (n: number) => ({
    ...AT_BEGINNING,
    key: `1:${n}`,
    path: `f${n}`,
    position: 10,
    whole: null,
    seenMs: n,
    isPacked: false,
  });
  const count = GONE_MOST + 50;
  const state = new Map(Array.from({ length: count }, (_, n) => [`1:${n}`, storedOf(file(n))]));
  const memory = new FileMemory(new Map([...state, ["1:bad", "{"]]));
  memory.prune((key) => key === "1:0");
  expect([memory.size, memory.of("1:0")?.path, memory.of("1:1"), memory.of("1:49"), memory.of("1:50")?.path]).toEqual([
    GONE_MOST + 1,
    "f0",
    undefined,
    undefined,
    "f50",
  ]);
  expect([...memory.changes.values()].every((value) => value === null)).toBe(true);
  expect(memory.changes.has("1:bad")).toBe(true);
});
