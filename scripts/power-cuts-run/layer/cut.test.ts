/** The model of a power cut, against histories of a few changes. */
import { expect, test } from "bun:test";
import { diskAfter, type Lie } from "./cut.ts";
import { Disk, type DiskNode, emptyFile, emptyFolder, type Nodes, ROOT } from "./disk.ts";

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** What a path holds, or null. */
function read(nodes: Nodes, path: string): string | null {
  let number: number | undefined = ROOT;
  for (const name of path.split("/")) {
    const folder: DiskNode | undefined = number === undefined ? undefined : nodes.get(number);
    number = folder?.kind === "folder" ? folder.entries.get(name) : undefined;
  }
  const file = number === undefined ? undefined : nodes.get(number);
  return file?.kind === "file" ? new TextDecoder().decode(file.bytes.subarray(0, file.size)) : null;
}

/** Every state of a path after a cut behind all changes. */
function states(disk: Disk, path: string, lie: Lie = "none"): Set<string | null> {
  const { history } = disk;
  return new Set(SEEDS.map((seed) => read(diskAfter(history, { at: history.changes.length, seed, lie }), path)));
}

function diskWith(text: string): { disk: Disk; file: number } {
  const disk = new Disk();
  const file = disk.make(ROOT, "a", emptyFile(0o600));
  disk.write(file, 0, bytesOf(text));
  disk.sync(file);
  disk.sync(ROOT);
  return { disk, file };
}

test("what was synced is there, unless the disk lies", () => {
  const { disk } = diskWith("x".repeat(2_000));
  expect(states(disk, "a")).toEqual(new Set(["x".repeat(2_000)]));
  expect(states(disk, "a", "files").size).toBeGreaterThan(1);
  expect(states(disk, "a", "folders")).toEqual(new Set([null, "x".repeat(2_000)]));
});

test("a sync of the file is none of its name, and a sync of the folder none of its bytes", () => {
  const disk = new Disk();
  const file = disk.make(ROOT, "a", emptyFile(0o600));
  disk.write(file, 0, bytesOf("new"));
  disk.sync(file);
  expect(states(disk, "a")).toEqual(new Set([null, "new"]));
  disk.sync(ROOT);
  disk.write(file, 0, bytesOf("NEW"));
  expect(states(disk, "a")).toEqual(new Set(["new", "NEW"]));
});

test("a folder whose name is not there takes with it what is inside, synced or not", () => {
  const disk = new Disk();
  const folder = disk.make(ROOT, "f", emptyFolder(0o700));
  const file = disk.make(folder, "a", emptyFile(0o600));
  disk.write(file, 0, bytesOf("new"));
  disk.sync(file);
  disk.sync(folder);
  expect(states(disk, "f/a")).toEqual(new Set([null, "new"]));
  disk.sync(ROOT);
  expect(states(disk, "f/a")).toEqual(new Set(["new"]));
});

test("a write is torn between sectors and never inside one", () => {
  const { disk, file } = diskWith("o".repeat(2_048));
  disk.write(file, 0, bytesOf("n".repeat(2_048)));
  const found = [...states(disk, "a")];
  expect(found.length).toBeGreaterThan(4);
  for (const text of found) expect(text).toMatch(/^(o{512}|n{512}){4}$/);
});

test("a file that grew has any size that it had, and zeros where nothing was written", () => {
  const { disk, file } = diskWith("");
  disk.write(file, 0, bytesOf("n".repeat(1_024)));
  const found = states(disk, "a");
  for (const text of found) expect(text).toMatch(/^$|^(\0{512}|n{512}){2}$/);
  expect(found).toContain("");
  expect(found).toContain("\0".repeat(1_024));
});

test("a file that was cut off is so whole, and what was written after it is there only then", () => {
  const { disk, file } = diskWith("o".repeat(2_048));
  disk.resize(file, 0);
  disk.write(file, 0, bytesOf("n".repeat(1_024)));
  const found = states(disk, "a");
  for (const text of found) expect(text).toMatch(/^$|^o{2048}$|^(\0{512}|n{512}){2}$/);
  expect(found).toContain("");
  expect(found).toContain("o".repeat(2_048));
  expect(found).toContain("n".repeat(1_024));
});

test("a rename is whole: the file has one of both names, and a replaced file is there until then", () => {
  const { disk } = diskWith("old");
  const file = disk.make(ROOT, "b", emptyFile(0o600));
  disk.write(file, 0, bytesOf("new"));
  disk.sync(file);
  disk.sync(ROOT);
  disk.move({ folder: ROOT, name: "b", toFolder: ROOT, toName: "a", replace: true });
  expect(states(disk, "a")).toEqual(new Set(["old", "new"]));
  expect(states(disk, "b")).toEqual(new Set(["new", null]));
  disk.sync(ROOT);
  expect(states(disk, "a")).toEqual(new Set(["new"]));
  expect(states(disk, "b")).toEqual(new Set([null]));
});

test("names that were changed without a sync are there in any combination", () => {
  const disk = new Disk();
  disk.make(ROOT, "a", emptyFile(0o600));
  disk.make(ROOT, "b", emptyFile(0o600));
  const { history } = disk;
  const after = SEEDS.map((seed) => diskAfter(history, { at: 2, seed, lie: "none" }));
  const both = new Set(after.map((nodes) => [read(nodes, "a") !== null, read(nodes, "b") !== null].join()));
  expect(both.size).toBe(4);
});
