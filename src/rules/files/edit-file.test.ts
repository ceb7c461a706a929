/** The text of a rule file for an editor, and its replacement: nothing outside the folder, nothing half. */
import { afterAll, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testWith } from "../../testing/needs.ts";
import { checkName, RuleEditError, readRuleFile, replaceRuleFile, textVersion } from "./edit-file.ts";

const root = mkdtempSync(join(tmpdir(), "rule-edit-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;

function folderWith(files: Readonly<Record<string, string>>) {
  const dir = join(root, `rules-${folders++}`);
  mkdirSync(dir);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return { dir, shownAs: "rules" };
}

async function reasonOf(work: () => unknown): Promise<RuleEditError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof RuleEditError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("only a plain name of a visible .json file is the name of a rule file", async () => {
  const wrong = [
    "",
    "..",
    "../a.json",
    "/etc/a.json",
    "a/b.json",
    "a\\b.json",
    ".a.json",
    "a.yaml",
    "a.json\0",
    "a\n.json",
  ];
  for (const name of [...wrong, `${"a".repeat(300)}.json`]) {
    for (const isNew of [true, false]) {
      expect([name, (await reasonOf(() => checkName(name, isNew))).reason]).toEqual([name, "name"]);
    }
  }
  expect((await reasonOf(() => checkName("ä b.json", true))).reason).toBe("name");
  checkName("ä b.json", false);
  checkName("pumps-2.json", true);
});

test("a file that was read is replaced whole, with the mode that it had, and nothing is left beside it", async () => {
  const folder = folderWith({ "a.json": "old\n" });
  chmodSync(join(folder.dir, "a.json"), 0o640);
  const read = readRuleFile("a.json", folder);
  expect(read).toEqual({ text: "old\n", version: textVersion("old\n") });
  await replaceRuleFile({ name: "a.json", text: "new, ä\n", version: textVersion("old\n") }, folder);
  expect(readFileSync(join(folder.dir, "a.json"), "utf8")).toBe("new, ä\n");
  expect(statSync(join(folder.dir, "a.json")).mode & 0o7777).toBe(0o640);
  expect(readdirSync(folder.dir)).toEqual(["a.json"]);
});

test("a new file is written where there is none, and never over one", async () => {
  const folder = folderWith({ "a.json": "there\n" });
  await replaceRuleFile({ name: "b.json", text: "new\n", version: null }, folder);
  expect(readFileSync(join(folder.dir, "b.json"), "utf8")).toBe("new\n");
  const taken = await reasonOf(() => replaceRuleFile({ name: "a.json", text: "x", version: null }, folder));
  expect([taken.reason, taken.current?.text]).toEqual(["changed", "there\n"]);
  expect(taken.message).toBe("Cannot save rules/a.json: it is there already");
});

test("a file that changed or was deleted meanwhile is not replaced, and what is there now is said", async () => {
  const folder = folderWith({ "a.json": "one\n" });
  const version = textVersion("one\n");
  writeFileSync(join(folder.dir, "a.json"), "two\n");
  const changed = await reasonOf(() => replaceRuleFile({ name: "a.json", text: "mine\n", version }, folder));
  expect([changed.reason, changed.current]).toEqual(["changed", { text: "two\n", version: textVersion("two\n") }]);
  rmSync(join(folder.dir, "a.json"));
  const deleted = await reasonOf(() => replaceRuleFile({ name: "a.json", text: "mine\n", version }, folder));
  expect([deleted.reason, deleted.current]).toEqual(["changed", null]);
  expect(readdirSync(folder.dir)).toEqual([]);
});

test("no link is followed, neither to read nor to write, and another kind of file is refused", async () => {
  const folder = folderWith({});
  writeFileSync(join(root, "secret"), "{}");
  symlinkSync(join(root, "secret"), join(folder.dir, "a.json"));
  mkdirSync(join(folder.dir, "b.json"));
  for (const name of ["a.json", "b.json"]) {
    expect((await reasonOf(() => readRuleFile(name, folder))).reason).toBe("refused");
    const replace = () => replaceRuleFile({ name, text: "mine", version: textVersion("{}") }, folder);
    expect((await reasonOf(replace)).reason).toBe("refused");
  }
  expect(readFileSync(join(root, "secret"), "utf8")).toBe("{}");
});

test("a file that is too large, or not UTF-8, is refused in words", async () => {
  const folder = folderWith({ "a.json": "x".repeat(1024 * 1024 + 1) });
  writeFileSync(join(folder.dir, "b.json"), Uint8Array.of(0xff, 0xfe));
  expect((await reasonOf(() => readRuleFile("a.json", folder))).message).toMatch(/larger than 1048576 bytes$/);
  expect((await reasonOf(() => readRuleFile("b.json", folder))).message).toBe(
    "Cannot read rules/b.json: it is not UTF-8",
  );
});

test("what a killed save left is deleted by a later one, but not what another save is writing", async () => {
  const folder = folderWith({ "a.json": "one\n" });
  const [old, young] = [".agent-edit-0123456789abcdef.tmp", ".agent-edit-fedcba9876543210.tmp"];
  for (const name of [old, young]) writeFileSync(join(folder.dir, name), "half");
  utimesSync(join(folder.dir, old), 0, 0);
  await replaceRuleFile({ name: "a.json", text: "two\n", version: textVersion("one\n") }, folder);
  expect(readdirSync(folder.dir).toSorted()).toEqual([young, "a.json"]);
});

test("a folder that cannot be written gives a reason, and the file is as it was", async () => {
  const folder = folderWith({ "a.json": "one\n" });
  renameSync(folder.dir, `${folder.dir}-moved`);
  writeFileSync(folder.dir, "a file in the place of the folder");
  const refused = await reasonOf(() => replaceRuleFile({ name: "a.json", text: "x", version: null }, folder));
  expect(refused.reason).toBe("refused");
  expect(readFileSync(`${folder.dir}-moved/a.json`, "utf8")).toBe("one\n");
});

const SAVE = `
  const { replaceRuleFile, textVersion } = await import(process.argv[1]);
  const [, , dir, name, before, after] = process.argv;
  try {
    await replaceRuleFile({ name, text: after, version: textVersion(before) }, { dir, shownAs: "rules" });
  } catch (error) {
    console.log(error.reason + ": " + error.message);
  }
`;
const saving = (command: readonly string[], ...words: readonly string[]) =>
  Bun.spawn([...command, process.execPath, "-e", SAVE, join(import.meta.dir, "edit-file.ts"), ...words], {
    stdout: "pipe",
    stderr: "inherit",
  });

testWith("time")("a save that is killed at any moment leaves the old text or the new one", async () => {
  const texts = [`${"a".repeat(900_000)}\n`, `${"b".repeat(900_000)}\n`] as const;
  const folder = folderWith({ "a.json": texts[0] });
  const seen = new Set<string>();
  // Text of this size does not fit on a command line: the child makes it.
  const child = SAVE.replace("const [, , dir, name, before, after] = process.argv;", MAKE);
  for (let round = 0; round < 12; round++) {
    const process_ = Bun.spawn(
      [process.execPath, "-e", child, join(import.meta.dir, "edit-file.ts"), folder.dir, "a.json"],
      {
        stdout: "pipe",
      },
    );
    // Once it is about to write, it says so: killed from at once to a tenth of a second later.
    await process_.stdout.getReader().read();
    const until = performance.now() + round * 8;
    while (performance.now() < until);
    process_.kill("SIGKILL");
    await process_.exited;
    const text = readFileSync(join(folder.dir, "a.json"), "utf8");
    expect(texts.some((whole) => whole === text)).toBe(true);
    seen.add(text);
  }
  expect(seen.size).toBeGreaterThan(0);
});

const MAKE = `
  const [, , dir, name] = process.argv;
  const { readFileSync } = await import("node:fs");
  const before = readFileSync(dir + "/" + name, "utf8");
  const after = (before[0] === "a" ? "b" : "a").repeat(900_000) + "\\n";
  process.stdout.write("ready\\n");
`;

const mountTest = testWith("small disks", "time");
mountTest("a full disk, or one that is read-only, changes nothing and says why", async () => {
  const [before, after] = ["one\n", "x".repeat(70_000)];
  const inMount = (options: string, ...then: readonly string[]) => [
    ...["unshare", "--mount", "sh", "-c"],
    `mount -t tmpfs -o size=64k none "$0" && printf 'one\\n' >"$0/a.json" && ${options} && shift 0 && "$@"; cat "$0/a.json" | head -c 20; ls -A "$0"`,
    ...then,
  ];
  const { dir } = folderWith({});
  const said = async (command: readonly string[]) =>
    new Response(saving(command, dir, "a.json", before, after).stdout).text();
  const full = await said(inMount("true", dir));
  expect(full).toBe(
    "full: Cannot save rules/a.json: there is no room on the disk; the file is as it was\none\na.json\n",
  );
  const readOnly = await said(inMount('mount -o remount,ro "$0"', dir));
  expect(readOnly).toStartWith("refused: Cannot save rules/a.json: the folder is on a file system that is read-only;");
  expect(readOnly).toEndWith("one\na.json\n");
});
