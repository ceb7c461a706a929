import { afterEach, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { gzipSync } from "node:zlib";
import { UsageError } from "../../core/errors.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { testWith } from "../../testing/needs.ts";
import { FileHolders } from "../shared-files.ts";
import { notesOfFiles } from "./report.ts";
import { FileRig, lines, rowsOf } from "./rig.suite.ts";

const rigs: FileRig[] = [];
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.end();
});

function rigOf(...given: ConstructorParameters<typeof FileRig>): FileRig {
  const rig = new FileRig(...given);
  rigs.push(rig);
  return rig;
}

test("new files and appended lines are taken once, over restarts; a line that is being written waits for its end", async () => {
  const rig = rigOf("*.ndjson");
  rig.write("a.ndjson", lines(1, 3) + lines(4, 4).slice(0, 20));
  expect(await rig.take()).toEqual(rowsOf(1, 3));
  rig.append("a.ndjson", lines(4, 4).slice(20) + lines(5, 6));
  rig.write("b.ndjson", lines(1, 2, "b"));
  expect(await rig.take()).toEqual([...rowsOf(4, 6), ...rowsOf(1, 2, "b")]);
  expect(await rig.looks(3)).toEqual([]);
  rig.crash();
  expect(await rig.take()).toEqual([]);
  rig.append("b.ndjson", lines(3, 3, "b"));
  expect(await rig.take()).toEqual(["b:3"]);
});

test("what was not committed is taken again after a crash, and nothing else", async () => {
  const rig = rigOf("*.ndjson", { capacity: 10 });
  rig.write("a.ndjson", lines(1, 25));
  rig.write("b.ndjson", lines(1, 25, "b"));
  expect(await rig.take({ crashes: true })).toEqual([...rowsOf(1, 25), ...rowsOf(1, 25, "b")].slice(0, 50));
  rig.append("a.ndjson", lines(26, 32));
  await rig.take({ crashes: true });
  await rig.take();
  expect(rig.rows.filter((row) => row.startsWith("a"))).toEqual(rowsOf(1, 32));
  expect(rig.rows.length).toBe(57);
});

test("lines that are longer than a read are whole, over crashes", async () => {
  const rig = rigOf("*.ndjson", { capacity: 4 });
  const long = (n: number) => lines(n, n).replace("}", `,"note":"${String(n).repeat(15_000)}"}`);
  rig.write("a.ndjson", Array.from({ length: 30 }, (_, n) => long(n + 10)).join(""));
  for (let i = 0; i < 3; i++) await rig.take({ crashes: true });
  rig.append("a.ndjson", long(40).slice(0, 20_000));
  await rig.take();
  rig.append("a.ndjson", long(40).slice(20_000));
  await rig.take();
  expect(rig.rows).toEqual(rowsOf(10, 40));
});

test("files are read oldest first, and then by name, 9 before 10", async () => {
  const rig = rigOf("**/*.ndjson");
  const names = ["z/old.ndjson", "b/log-9.ndjson", "b/log-10.ndjson", "a.ndjson"];
  for (const [i, name] of names.entries()) {
    rig.write(name, lines(i, i));
    utimesSync(rig.path(name), i === 0 ? 1_000 : 2_000, i === 0 ? 1_000 : 2_000);
  }
  // Of the same time: by name.
  expect(await rig.take()).toEqual(["a:0", "a:3", "a:1", "a:2"]);
});

test("a log that is renamed is read to its end under its new name, in the glob or outside of it, and the new one from its start", async () => {
  for (const glob of ["app.log*", "app.log"]) {
    const rig = rigOf(glob);
    rig.write("app.log", lines(1, 3));
    expect(await rig.take()).toEqual(rowsOf(1, 3));
    rig.append("app.log", lines(4, 5));
    renameSync(rig.path("app.log"), rig.path("app.log.1"));
    rig.write("app.log", lines(7, 8));
    // Its writer still has it open.
    rig.append("app.log.1", lines(6, 6));
    expect([glob, (await rig.looks(8)).sort()]).toEqual([glob, rowsOf(4, 8)]);
    rig.crash();
    expect([glob, await rig.looks(2)]).toEqual([glob, []]);
  }
});

test("a log that is renamed while no agent runs is continued, wherever its name is in its folder", async () => {
  for (const glob of ["app.log*", "app.log"]) {
    const rig = rigOf(glob);
    rig.write("app.log", lines(1, 3));
    await rig.take();
    rig.crash();
    rig.append("app.log", lines(4, 5));
    renameSync(rig.path("app.log"), rig.path("app.log.1"));
    rig.write("app.log", lines(6, 8));
    expect([glob, await rig.looks(3)]).toEqual([glob, rowsOf(4, 8)]);
    renameSync(rig.path("app.log.1"), rig.path("app.log.2"));
    renameSync(rig.path("app.log"), rig.path("app.log.1"));
    rig.write("app.log", lines(9, 9));
    expect([glob, await rig.looks(3)]).toEqual([glob, ["a:9"]]);
  }
});

test("copytruncate: the log begins again, the copy in the glob is not read twice, and its end that was not read is", async () => {
  for (const isRunning of [true, false]) {
    for (const isLong of [false, true]) {
      const rig = rigOf("app.log*");
      rig.write("app.log", lines(1, 40));
      await rig.take();
      if (!isRunning) rig.crash();
      rig.append("app.log", lines(41, 45));
      copyFileSync(rig.path("app.log"), rig.path("app.log.1"));
      truncateSync(rig.path("app.log"));
      appendFileSync(rig.path("app.log"), isLong ? lines(46, 120) : lines(46, 47));
      const expected = rowsOf(41, isLong ? 120 : 47);
      const numbers = (await rig.looks(4)).sort((a, b) => Number(a.slice(2)) - Number(b.slice(2)));
      expect([isRunning, isLong, numbers]).toEqual([isRunning, isLong, expected]);
    }
  }
});

test("a copy that is being made, or stays beside its file, is not read; each line is read in one of them", async () => {
  const rig = rigOf("app.log*");
  rig.write("app.log", lines(1, 100));
  await rig.take();
  const copy = lines(1, 100);
  rig.write("app.log.1", copy.slice(0, 1_234));
  expect(await rig.looks(2)).toEqual([]);
  rig.append("app.log", lines(101, 110));
  rig.write("app.log.1", copy + lines(101, 105));
  expect(await rig.looks(3)).toEqual(rowsOf(101, 110));
  rig.crash();
  expect(await rig.looks(2)).toEqual([]);
  rmSync(rig.path("app.log"));
  expect(await rig.looks(3)).toEqual([]);
});

test("a copy that was made while no agent ran is no second file, whichever is older", async () => {
  for (const isOlder of [true, false]) {
    const rig = rigOf("app.log*");
    rig.write("app.log", lines(1, 50));
    await rig.take();
    rig.crash();
    rig.append("app.log", lines(51, 60));
    copyFileSync(rig.path("app.log"), rig.path("app.log.1"));
    utimesSync(rig.path("app.log.1"), isOlder ? 1_000 : 4e9, isOlder ? 1_000 : 4e9);
    expect([isOlder, await rig.looks(3)]).toEqual([isOlder, rowsOf(51, 60)]);
    rig.crash();
    expect([isOlder, await rig.looks(3)]).toEqual([isOlder, []]);
  }
});

test("a file that is written again is read from its beginning, shorter, longer or as long as before", async () => {
  for (const to of [3, 10, 30]) {
    const rig = rigOf("state.ndjson");
    rig.write("state.ndjson", lines(1, 10));
    await rig.take();
    writeFileSync(rig.path("state.ndjson"), lines(51, 50 + to));
    expect(await rig.looks(3)).toEqual(rowsOf(51, 50 + to));
    // And over a restart.
    rig.crash();
    writeFileSync(rig.path("state.ndjson"), lines(71, 70 + to));
    expect(await rig.looks(2)).toEqual(rowsOf(71, 70 + to));
  }
});

test("a file that is replaced as a whole by one with more lines, as rsync does, is continued", async () => {
  const rig = rigOf("*.ndjson");
  rig.write("a.ndjson", lines(1, 10));
  await rig.take();
  for (const isRunning of [true, false]) {
    if (!isRunning) rig.crash();
    const to = isRunning ? 15 : 20;
    rig.write(".tmp", lines(1, to));
    renameSync(rig.path(".tmp"), rig.path("a.ndjson"));
    expect(await rig.looks(7)).toEqual(rowsOf(to - 4, to));
  }
});

test("the number of a deleted file's inode given to another file is no reason to skip its lines", async () => {
  const rig = rigOf("*.ndjson");
  for (let day = 0; day < 20; day++) {
    rig.write(`day-${day}.ndjson`, lines(day * 100, day * 100 + 3));
    expect(await rig.take()).toEqual(rowsOf(day * 100, day * 100 + 3));
    if (day % 2 === 1) rig.crash();
    rmSync(rig.path(`day-${day}.ndjson`));
  }
});

test("two rooms that write the same bytes are two files", async () => {
  const map = { constants: {}, fields: { "@file": "sensor_id" } };
  const rig = rigOf("**/*.csv", { map });
  const text = "timestamp,temperature\n2026-11-30T00:00:00Z,21.5\n2026-11-30T00:01:00Z,22\n";
  for (const name of ["room-1.csv", "room-2.csv", "attic/room-3.csv", "cellar/room-4.csv"]) rig.write(name, text);
  expect((await rig.take()).sort()).toEqual([1, 2, 3, 4].flatMap((n) => [`room-${n}:21.5`, `room-${n}:22`]));
});

test("a folder that is away for a while, as a disk is, costs nothing: its files are recognised when it is back", async () => {
  const rig = rigOf("disk/*.ndjson");
  for (const name of ["a", "b"]) rig.write(`disk/${name}.ndjson`, lines(1, 20));
  expect(await rig.problems()).toEqual([expect.stringContaining("source_no_files: No file is there that matches")]);
  expect((await rig.take()).length).toBe(40);
  renameSync(rig.path("disk"), rig.path("away"));
  await rig.looks(70);
  expect(await rig.problems()).toEqual([]);
  rig.crash();
  await rig.looks(2);
  renameSync(rig.path("away"), rig.path("disk"));
  rig.append("disk/b.ndjson", lines(21, 22, "b"));
  expect(await rig.looks(6)).toEqual(rowsOf(21, 22, "b"));
});

test("a map takes the id of a sensor out of the path", async () => {
  const map = { extract: { "@path": "{site}/{line}/{_}" }, compose: { sensor_id: "{site}-{line}" } };
  const rig = rigOf("*/*/*.csv", { map });
  rig.write("mons/2/x.csv", "timestamp,temperature\n2026-11-30T00:00:00Z,1\n2026-11-30T00:00:01Z,2\n");
  rig.write("gent/7/y.csv", "timestamp,temperature\n2026-11-30T00:00:00Z,3\n");
  expect((await rig.take()).sort()).toEqual(["gent-7:3", "mons-2:1", "mons-2:2"]);
});

test("links to one file are one file; folders are no files", async () => {
  const rig = rigOf("*");
  rig.write("a.ndjson", lines(1, 2));
  symlinkSync("a.ndjson", rig.path("b.ndjson"));
  linkSync(rig.path("a.ndjson"), rig.path("c.ndjson"));
  symlinkSync("nowhere", rig.path("d.ndjson"));
  mkdirSync(rig.path("e.ndjson"));
  expect(await rig.take()).toEqual(rowsOf(1, 2));
  expect(await rig.problems()).toEqual([]);
  // A link that leads to another file from now on.
  rig.write("2.log", lines(3, 4));
  rmSync(rig.path("b.ndjson"));
  symlinkSync("2.log", rig.path("b.ndjson"));
  expect(await rig.looks(2)).toEqual(rowsOf(3, 4));
});

test("what cannot be read is a problem with its path, and everything else is read", async () => {
  const rig = rigOf("*");
  rig.write("a.ndjson", lines(1, 2));
  Bun.spawnSync(["mkfifo", rig.path("pipe")]);
  rig.write("b.zst", new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3, 4]));
  expect(await rig.looks(3)).toEqual(rowsOf(1, 2));
  expect(await rig.problems()).toEqual([
    expect.stringMatching(/^source_files_unread: .*"b\.zst": it is packed by zstd.*|"pipe": it is not a regular file/),
  ]);
  if (process.getuid?.() === 0) return;
  rig.write("c.ndjson", lines(3, 4));
  chmodSync(rig.path("c.ndjson"), 0);
  expect(await rig.take()).toEqual([]);
  expect((await rig.problems())[0]).toContain('"c.ndjson": the agent\'s user');
  chmodSync(rig.path("c.ndjson"), 0o600);
  expect(await rig.looks(4)).toEqual(rowsOf(3, 4));
});

test("gzip is read whole and once; one that is cut off is reported and taken when it is whole", async () => {
  const rig = rigOf("*");
  const packed = gzipSync(lines(1, 500));
  rig.write("a.ndjson.gz", packed.subarray(0, 2_000));
  expect(await rig.looks(4)).toEqual([]);
  // It may be that it is being packed.
  expect(await rig.problems()).toEqual([]);
  await rig.looks(10);
  expect(await rig.problems()).toEqual([expect.stringContaining('"a.ndjson.gz": it ends within its gzip data')]);
  rig.write("a.ndjson.gz", packed);
  expect(await rig.looks(3)).toEqual(rowsOf(1, 500));
  expect(await rig.problems()).toEqual([]);
  rig.crash();
  expect(await rig.looks(2)).toEqual([]);
});

test("a log that is packed after it was read is not read again, and what was not read of it is", async () => {
  for (const isRunning of [true, false]) {
    const rig = rigOf("app.log*");
    rig.write("app.log", lines(1, 50));
    await rig.take();
    renameSync(rig.path("app.log"), rig.path("app.log.1"));
    rig.write("app.log", lines(51, 60));
    await rig.take();
    if (!isRunning) rig.crash();
    rig.write("app.log.2.gz", gzipSync(lines(1, 55 - 5)));
    rmSync(rig.path("app.log.1"));
    renameSync(rig.path("app.log"), rig.path("app.log.1"));
    rig.append("app.log.1", lines(61, 62));
    rig.write("app.log", lines(63, 64));
    expect([isRunning, (await rig.looks(4)).sort()]).toEqual([isRunning, rowsOf(61, 64)]);
    rig.crash();
    rig.write("app.log.3.gz", gzipSync(lines(51, 62) + lines(90, 91)));
    rmSync(rig.path("app.log.1"));
    expect([isRunning, await rig.looks(3)]).toEqual([isRunning, rowsOf(90, 91)]);
  }
});

test("a crash in the middle of a packed CSV file continues with its header", async () => {
  const rig = rigOf("*.csv.gz", { capacity: 50 });
  const rows = Array.from({ length: 175 }, (_, n) => `a,${new Date(n * 1_000 + 1.7e12).toISOString()},${n}\n`);
  rig.write("x.csv.gz", gzipSync(`sensor_id,timestamp,temperature\n${rows.join("")}`));
  await rig.take({ crashes: true });
  expect(rig.rows).toEqual(rowsOf(0, 149));
  await rig.take();
  expect(rig.rows).toEqual(rowsOf(0, 174));
});

test("--once reads what is there, the last line without its end too; the next run reads only what is new", async () => {
  const rig = rigOf("*", { once: true });
  rig.write("a.ndjson", lines(1, 3).trimEnd());
  rig.write("b.csv", "sensor_id,timestamp,temperature\nb,2026-11-30T00:00:00Z,1\nb,2026-11-30T00:00:01Z,2");
  rig.write("c.ndjson.gz", gzipSync(lines(7, 9, "c").trimEnd()));
  rig.write("d.json", `[${lines(1, 2, "d").trim().replaceAll("\n", ",\n")}]`);
  rig.nowMs += 60_000;
  const expected = [...rowsOf(1, 3), ...rowsOf(1, 2, "b"), ...rowsOf(7, 9, "c"), ...rowsOf(1, 2, "d")];
  expect((await rig.take()).sort()).toEqual(expected.sort());
  rig.crash();
  expect(await rig.take()).toEqual([]);
  rig.crash();
  rig.append("a.ndjson", `\n${lines(4, 4)}`);
  rig.append("b.csv", "\nb,2026-11-30T00:00:02Z,3\n");
  expect((await rig.take()).sort()).toEqual(["a:4", "b:3"]);
});

test("--once leaves half a line to the next run where the file was written to a moment ago, and says so", async () => {
  const head = "sensor_id,timestamp,temperature\n";
  const at = "2026-11-30T00:00:00Z";
  const rig = rigOf("*", { once: true });
  rig.write("a.csv", `${head}a,${at},1\na,${at},2`);
  rig.write("b.ndjson", lines(1, 2, "b").trimEnd());
  rig.write("c.ndjson", `${lines(1, 1, "c")}{"sensor_id":"c",`);
  rig.write("d.txt", `${head}d,${at},1\nd,${at},2\n`);
  rig.write("e.json", `[${lines(1, 2, "e").trim().replaceAll("\n", ",\n")}]`);
  rig.write("f.json", lines(1, 2, "f"));
  const whole = [...rowsOf(1, 2, "b"), ...rowsOf(1, 2, "d"), ...rowsOf(1, 2, "e"), ...rowsOf(1, 2, "f")];
  expect((await rig.take()).sort()).toEqual(["a:1", "c:1", ...whole].sort());
  expect(rig.notices.map((line) => line.slice(0, 50)).sort()).toEqual([
    'The last line of "a.csv" has no newline yet and ma',
    'The last line of "c.ndjson" has no newline yet and',
  ]);
  const notes = notesOfFiles(rig.cursor ?? "");
  expect(notes).toEqual([
    "6 files",
    expect.stringMatching(/^the last line of 2, such as [ac]\.\w+, has no newline yet and is not taken$/),
  ]);
  rig.crash();
  rig.append("a.csv", "1.5\n");
  rig.append("c.ndjson", `${lines(2, 2, "c").slice('{"sensor_id":"c",'.length)}`);
  expect((await rig.take()).sort()).toEqual(["a:21.5", "c:2"]);
  // An export that is done is read whole by one run.
  const done = rigOf("*.csv", { once: true });
  done.write("a.csv", `${head}a,${at},1\na,${at},2`);
  done.nowMs += 60_000;
  expect([await done.take(), done.notices]).toEqual([["a:1", "a:2"], []]);
  const asked = rigOf("*.csv?settle=1m", { once: true });
  asked.write("a.csv", `${head}a,${at},1\na,${at},2`);
  asked.nowMs += 50_000;
  expect(await asked.take()).toEqual(["a:1"]);
  asked.crash();
  expect([await asked.take({ ms: 120_000 }), await asked.take()]).toEqual([["a:2"], []]);
});

test("--once without a file, or with one that cannot be read, says so", async () => {
  await expect(rigOf("*.csv", { once: true }).take()).rejects.toThrow(UsageError);
  const rig = rigOf("*", { once: true });
  rig.write("a.ndjson", lines(1, 2));
  rig.write("b.ndjson.gz", gzipSync(lines(1, 100)).subarray(0, 50));
  await expect(rig.take()).rejects.toThrow('Not all files were read: "b.ndjson.gz": it ends within its gzip data');
});

test("a last line without its end is taken when it is a whole object, or its file was quiet for long", async () => {
  const rig = rigOf("*.ndjson?settle=20s");
  rig.write("a.ndjson", lines(1, 2).trimEnd());
  rig.write("b.ndjson", `${lines(1, 1, "b")}{"sensor_id":`);
  expect(await rig.take()).toEqual(["a:1", "b:1"]);
  expect(await rig.looks(4)).toEqual(["a:2"]);
  expect(await rig.looks(20)).toEqual(['bad:{"sensor_id":']);
  rig.append("a.ndjson", `\n${lines(3, 3)}`);
  expect(await rig.looks(6)).toEqual(["a:3"]);
});

test("a file that another source of the run takes already is taken once: it is a problem of the other one, told once", async () => {
  const holders = new FileHolders();
  const one = rigOf("*.ndjson", { holders });
  const other = rigOf("a*", { holders, dir: one.dir });
  one.write("a.csv", "sensor_id,timestamp,temperature\nc,2026-11-30T00:00:00Z,1\n");
  const takes = async () => [await one.take(), await other.take()];
  expect(await takes()).toEqual([[], ["c:1"]]);
  one.write("a.ndjson", lines(1, 2));
  expect(await takes()).toEqual([rowsOf(1, 2), []]);
  one.append("a.ndjson", lines(3, 3));
  expect(await takes()).toEqual([rowsOf(3, 3), []]);
  expect(await other.looks(4)).toEqual([]);
  const taken = '"a.ndjson": "file:*.ndjson" takes it already, and nothing is taken twice';
  expect(await other.problems()).toEqual([expect.stringContaining(taken)]);
  expect(other.notices).toEqual([
    '"a.ndjson" is matched by "file:*.ndjson" and by "file:a*": only the first of them takes it',
  ]);
  expect([await one.problems(), one.notices]).toEqual([[], []]);
  // A file that is gone frees its inode.
  rmSync(one.path("a.ndjson"));
  one.write("a.txt", lines(4, 5));
  await one.looks(2);
  expect(await other.looks(4)).toEqual(rowsOf(4, 5));
});

test("a folder, ~ and a glob that names no file are refused with what to type", async () => {
  const rig = rigOf("x");
  mkdirSync(rig.path("data"));
  const refused: [glob: string, why: string][] = [
    ["data", "data/* are the files in it"],
    ["~/x.csv", "write the whole path"],
    ["data/**", "**/* are the files in them"],
    ["", "the path is missing"],
    ["x?fromat=csv", 'there is no parameter "fromat"; did you mean format?'],
    ["x?poll=5", "poll: it has no unit; did you mean 5s?"],
  ];
  for (const [glob, why] of refused) {
    const one = rigOf(glob);
    mkdirSync(one.path("data"));
    await expect(one.take()).rejects.toThrow(why);
  }
});

testWith("time")("a thousand quiet files are looked at rarely", async () => {
  const rig = rigOf("*.ndjson");
  for (let n = 0; n < 1_000; n++) rig.write(`f${n}.ndjson`, lines(n, n));
  expect((await rig.take()).length).toBe(1_000);
  await rig.looks(150);
  const source = await rig.source();
  const block = new ReadingBlock(10);
  const began = process.cpuUsage();
  for (let i = 0; i < 100; i++) {
    rig.nowMs += 1_000;
    source.take(block, rig.nowMs);
  }
  const { user, system } = process.cpuUsage(began);
  // About 0.6 ms a look on a slow machine.
  expect((user + system) / 100).toBeLessThan(10_000);
  rig.append("f500.ndjson", lines(5_000, 5_000));
  expect(await rig.looks(6)).toEqual(["a:5000"]);
});
