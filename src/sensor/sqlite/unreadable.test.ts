import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TransientError, UsageError } from "../../core/errors.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { AGENT_BINARY } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";
import { loadProfile } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";
import { SqliteTailSource } from "./tail.ts";

const dir = mkdtempSync(join(tmpdir(), "sqlite-unreadable-"));
chmodSync(dir, 0o777);
afterAll(() => rmSync(dir, { recursive: true }));
const TABLE = "CREATE TABLE sensor_readings (id INTEGER PRIMARY KEY, sensor_id, timestamp, temperature)";
const ROWS =
  "INSERT INTO sensor_readings (sensor_id, timestamp, temperature) SELECT 'a', '2026-01-01T00:00:00Z', value";

function open(name: string, once: boolean): SqliteTailSource {
  const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: loadProfile("environmental") });
  return new SqliteTailSource({ uri: `sqlite:${join(dir, name)}`, normalizer, cursor: null, once });
}

/** What a call with `once` is refused with; without, taking waits with the same cause. */
function refusedAndWaitedFor(name: string): unknown {
  const seen = [true, false].map((once) => {
    try {
      open(name, once).take(new ReadingBlock(10), 0);
      return null;
    } catch (error) {
      expect(error).toBeInstanceOf(once ? UsageError : TransientError);
      const { message, tryHint } = error as UsageError;
      return [message, tryHint].map((text) => text?.replaceAll(dir, "DIR"));
    }
  });
  expect(seen[1]?.[0]?.replace(/ yet$/, "")).toBe(seen[0]?.[0] ?? "refused");
  return seen[0];
}

/** Killed in the middle of a write: its journal must be rolled back. */
function interrupt(name: string): void {
  const path = join(dir, name);
  const db = new Database(`${path}-live`);
  db.run(TABLE);
  db.run("PRAGMA cache_size = 2");
  db.run("BEGIN");
  db.run(`${ROWS} FROM json_each('[${Array.from({ length: 3_000 }, (_, i) => i)}]')`);
  copyFileSync(`${path}-live`, path);
  copyFileSync(`${path}-live-journal`, `${path}-journal`);
  db.close();
}

test("a database that cannot be read names its reason: with --once it is refused, else it is waited for", () => {
  writeFileSync(join(dir, "text.db"), "no database ".repeat(1_000));
  interrupt("hot.db");
  expect(["none.db", "no/folder/a.db", "text.db", "hot.db"].map(refusedAndWaitedFor)).toEqual([
    ['Cannot read "DIR/none.db": there is no such file', "ls -ld DIR"],
    ['Cannot read "DIR/no/folder/a.db": there is no such file', "ls -ld DIR"],
    ['Cannot read "DIR/text.db": it is not a SQLite database, or it is encrypted', "head -c 16 DIR/text.db | od -c"],
    [
      'Cannot read "DIR/hot.db": its writer was interrupted, and only a program that may write can roll back "DIR/hot.db-journal"',
      'sqlite3 DIR/hot.db "PRAGMA quick_check"',
    ],
  ]);
});

test("a folder, a pipe or a device is refused at once; one that comes later is waited for, and never opened", () => {
  mkdirSync(join(dir, "folder.db"));
  Bun.spawnSync(["mkfifo", join(dir, "pipe.db")]);
  for (const once of [true, false]) {
    expect(() => open("folder.db", once)).toThrow(new UsageError(`Cannot read "${dir}/folder.db": it is a folder`));
    expect(() => open("pipe.db", once)).toThrow(`Cannot read "${dir}/pipe.db": it is not a regular file`);
  }
  const source = open("later.db", false);
  Bun.spawnSync(["mkfifo", join(dir, "later.db")]);
  expect(() => source.take(new ReadingBlock(10), 0)).toThrow("it is not a regular file");
  rmSync(join(dir, "later.db"));
  const db = new Database(join(dir, "later.db"));
  db.run(TABLE);
  expect(source.take(new ReadingBlock(10), 0).state).toBe("idle");
  db.close();
});

/** A database of 5,000 rows with a page of nonsense; the table's first page is the second of the file. */
function damage(name: string, page: number): void {
  const path = join(dir, name);
  const db = new Database(path);
  db.run(TABLE);
  db.run(`${ROWS} FROM json_each('[${Array.from({ length: 5_000 }, (_, i) => i)}]')`);
  db.close();
  const file = readFileSync(path);
  file.fill(0xff, page * 4_096, (page + 1) * 4_096);
  writeFileSync(path, file);
}

test("a damaged page: the rows before it are taken; with --once it is then given up, else it is waited for", () => {
  damage("middle.db", 20);
  for (const once of [true, false]) {
    const source = open("middle.db", once);
    const block = new ReadingBlock(10_000);
    const failures: boolean[] = [];
    const take = (): string => {
      try {
        return source.take(block, 0).state;
      } catch (error) {
        failures.push((error as TransientError).isFinal);
        return "failed";
      }
    };
    while (failures.length < 12) expect(["more", "failed"]).toContain(take());
    expect(block.count).toBeGreaterThan(500);
    expect([...new Set(block.measures[0]?.subarray(0, block.count))]).toHaveLength(block.count);
    // The first of many rows at once; then one row, ten times in a row.
    expect(failures.indexOf(true)).toBe(once ? 10 : -1);
    expect(source.problems().map(({ message }) => message.replaceAll(dir, "DIR"))).toEqual(
      once
        ? ['Not all of "sqlite:DIR/middle.db" was taken: Cannot read "DIR/middle.db": database disk image is malformed']
        : [],
    );
    source.close();
  }
});

test("a table whose first page is damaged is refused with --once", () => {
  damage("first.db", 1);
  expect(refusedAndWaitedFor("first.db")).toEqual([
    'Cannot read "DIR/first.db": database disk image is malformed',
    'sqlite3 DIR/first.db "PRAGMA integrity_check"',
  ]);
});

const binaryTest = testWith("binary", "linux");
/** Runs as a user without rights where the tests run as root. */
const UNPRIVILEGED = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];

binaryTest("run --once names the permission that is missing, and exits 2", () => {
  const said = (name: string) => {
    const cmd = [...UNPRIVILEGED, AGENT_BINARY, "run", "--once", "--source", `sqlite:${name}`, "--store", "dir:lake"];
    const { exitCode, stderr } = Bun.spawnSync({ cmd, cwd: dir, stdout: "ignore", stderr: "pipe", timeout: 10_000 });
    return [exitCode, ...stderr.toString().trim().split("\n")].map((line) => String(line).replace(/uid \d+/, "uid N"));
  };
  mkdirSync(join(dir, "mine"));
  const db = new Database(join(dir, "mine", "wal.db"));
  db.run("PRAGMA journal_mode = WAL");
  db.run(TABLE);
  db.close();
  chmodSync(join(dir, "mine"), 0o555);
  copyFileSync(join(dir, "mine", "wal.db"), join(dir, "secret.db"));
  chmodSync(join(dir, "secret.db"), 0);
  mkdirSync(join(dir, "closed"));
  chmodSync(join(dir, "closed"), 0);
  expect(["mine/wal.db", "secret.db", "closed/a.db"].map(said)).toEqual([
    [
      "2",
      `Cannot read "mine/wal.db": it is in WAL mode, and the agent's user (uid N) has no permission to write into its folder "mine", where SQLite creates "mine/wal.db-shm"`,
      "Try: ls -la mine",
    ],
    ["2", `Cannot read "secret.db": the agent's user (uid N) has no permission to read it`, "Try: ls -ld secret.db"],
    [
      "2",
      `Cannot read "closed/a.db": the agent's user (uid N) has no permission to look into closed`,
      "Try: ls -ld closed",
    ],
  ]);
  for (const folder of ["mine", "closed"]) chmodSync(join(dir, folder), 0o755);
});
