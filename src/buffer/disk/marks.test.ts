/** What shows that a data dir is a copy, and what shows nothing. */
import { afterAll, expect, test } from "bun:test";
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { differenceOf, joinMarks, type Marks, marksOfMachine, NO_MARKS } from "./marks.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-marks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NOTHING = NO_MARKS;

test("what only one side knows proves nothing", () => {
  const all: Marks = { given: "g", serial: "s", addresses: ["a"], machineId: "m", file: "1.2" };
  for (const [key, value] of Object.entries(all)) {
    const one = { ...NOTHING, [key]: value };
    expect([key, differenceOf(one, NOTHING), differenceOf(NOTHING, one), differenceOf(one, one)]).toEqual([
      key,
      null,
      null,
      null,
    ]);
  }
});

test("the board decides over its network cards, these over the installation", () => {
  const board = { ...NOTHING, serial: "10000000aaaa", addresses: ["b8:27:eb:00:00:01"], machineId: "m1" };
  expect(differenceOf(board, { ...board, addresses: ["b8:27:eb:00:00:02"], machineId: "m2" })).toBeNull();
  expect(differenceOf(board, { ...board, serial: "10000000bbbb" })).toBe("machine");
  const host = { ...NOTHING, addresses: ["00:16:3e:00:00:01", "00:16:3e:00:00:02"], machineId: "m1" };
  expect(differenceOf(host, { ...host, addresses: ["00:16:3e:00:00:02"], machineId: "m2" })).toBeNull();
  expect(differenceOf(host, { ...host, addresses: ["00:16:3e:00:00:03"] })).toBe("machine");
  const container = { ...NOTHING, machineId: "m1" };
  expect(differenceOf(container, { ...container, machineId: "m2" })).toBe("machine");
  // What the user says counts alone; where it is new or gone, nothing is known.
  expect(differenceOf({ ...board, given: "x" }, { ...board, given: "x", serial: "10000000bbbb" })).toBeNull();
  expect(differenceOf({ ...board, given: "x" }, { ...board, given: "y" })).toBe("machine");
  expect(differenceOf(board, { ...NOTHING, given: "y" })).toBeNull();
});

test("a network card that is missing for one start is remembered", () => {
  const before = { ...NOTHING, addresses: ["a"], file: "1.1" };
  expect(joinMarks(before, NOTHING)).toEqual(before);
  expect(joinMarks(before, { ...NOTHING, addresses: ["b"] }).addresses).toEqual(["b"]);
  expect(joinMarks(null, before)).toEqual(before);
});

function machine(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(folder, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test("of a machine: permanent addresses of devices only, no id that many boards share", () => {
  const net = "sys/class/net";
  const root = machine("host", {
    "etc/machine-id": "3D1219c7c4c5404aaa1f6d2a48adfda4\n",
    "sys/firmware/devicetree/base/serial-number": "10000000f3d2c1b0\0",
    [`${net}/eth0/address`]: "b8:27:eb:01:02:03\n",
    [`${net}/eth0/addr_assign_type`]: "0\n",
    [`${net}/eth0/device/uevent`]: "",
    [`${net}/wlan0/address`]: "b8:27:eb:01:02:04\n",
    [`${net}/wlan0/addr_assign_type`]: "3\n",
    [`${net}/wlan0/device/uevent`]: "",
    [`${net}/docker0/address`]: "02:42:01:02:03:04\n",
    [`${net}/docker0/addr_assign_type`]: "0\n",
    [`${net}/lo/address`]: "00:00:00:00:00:00\n",
    [`${net}/lo/addr_assign_type`]: "0\n",
  });
  const path = join(folder, "none.db");
  const { file: _file, ...marks } = marksOfMachine(null, root)(path);
  expect(marks).toEqual({
    given: null,
    serial: "10000000f3d2c1b0",
    addresses: ["b8:27:eb:01:02:03"],
    machineId: "3d1219c7c4c5404aaa1f6d2a48adfda4",
  });
  const bare = machine("bare", {
    "etc/machine-id": "uninitialized machine\n",
    "sys/firmware/devicetree/base/serial-number": "0000000000000000",
  });
  expect(marksOfMachine("rack-7", bare)(path)).toEqual({ ...NOTHING, given: "rack-7" });
  expect(marksOfMachine(null, join(folder, "nowhere"))(path)).toEqual(NOTHING);
});

test("a file keeps its mark under another name and through every write; a copy has another one", () => {
  const read = marksOfMachine(null, join(folder, "nowhere"));
  const path = join(folder, "buffer.db");
  writeFileSync(path, "a");
  const { file } = read(path);
  // A file system without births, or one that keeps no numbers: nothing is compared there.
  if (file === null) return;
  writeFileSync(path, "ab");
  expect(read(path).file).toBe(file);
  renameSync(path, join(folder, "other.db"));
  linkSync(join(folder, "other.db"), path);
  unlinkSync(join(folder, "other.db"));
  expect(read(path).file).toBe(file);
  symlinkSync(folder, join(folder, "link"));
  expect(read(join(folder, "link", "buffer.db")).file).toBe(file);
  copyFileSync(path, join(folder, "copy.db"));
  unlinkSync(path);
  // The number of the deleted file may be used again.
  copyFileSync(join(folder, "copy.db"), path);
  const copied = read(path).file;
  expect([copied === file, differenceOf({ ...NOTHING, file }, { ...NOTHING, file: copied })]).toEqual([false, "file"]);
});
