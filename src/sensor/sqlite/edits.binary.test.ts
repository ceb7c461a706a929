/** A table that changes between two runs, through the compiled binary: what is taken, logged and shown, and how often. */
import { Database } from "bun:sqlite";
import { afterAll, expect } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";

const binaryTest = testWith("binary");
const cwd = mkdtempSync(join(tmpdir(), "sqlite-edits-run-"));
afterAll(() => rmSync(cwd, { recursive: true }));
const FIELD = join(cwd, "field.db");

function agent(...args: string[]): string {
  const done = Bun.spawnSync({ cmd: [AGENT_BINARY, ...args], cwd, stdout: "pipe", stderr: "pipe", timeout: 20_000 });
  return done.stdout.toString() + done.stderr.toString();
}

/** How many readings a run accepts, and what it warns of. */
function runOnce(uri = "sqlite:field.db"): [accepted: number, warnings: string[]] {
  const log = agent("run", "--once", "--source", uri, "--store", "dir:lake");
  const warnings = log.split("\n").flatMap((line) => / WARN {2}(.*)$/.exec(line)?.[1] ?? []);
  return [Number(/accepted=(\d+)/.exec(log)?.[1]), warnings];
}

function write(work: (db: Database) => void): void {
  const db = new Database(FIELD);
  work(db);
  db.close();
}

function insert(from: number, to: number): void {
  write((db) => {
    for (let n = from; n <= to; n++) {
      const time = new Date(Date.UTC(2026, 0, 1) + n * 1_000).toISOString();
      db.query("INSERT INTO sensor_readings (sensor_id, timestamp, temperature) VALUES ('a', ?, ?)").run(time, n % 7);
    }
  });
}

binaryTest("edits are reported once and stay in status; rows whose rowids were lost in a power cut are taken", () => {
  write((db) =>
    db.run("CREATE TABLE sensor_readings (id INTEGER PRIMARY KEY AUTOINCREMENT, sensor_id, timestamp, temperature)"),
  );
  insert(1, 20);
  copyFileSync(FIELD, `${FIELD}.copy`);
  insert(21, 25);
  expect(runOnce()).toEqual([25, []]);
  write((db) => db.run("UPDATE sensor_readings SET temperature = temperature + 1"));
  const edited =
    "rows that were taken were edited (at least 17, found among the 17 that are looked at). They are not read again";
  expect(runOnce()).toEqual([0, [`source_notice: sqlite:field.db: ${edited}`]]);
  // No row was taken since, and the edits are not reported again.
  expect(runOnce()).toEqual([0, []]);
  copyFileSync(`${FIELD}.copy`, FIELD);
  insert(101, 105);
  const [accepted, warnings] = runOnce();
  expect([accepted, warnings]).toEqual([
    5,
    [
      expect.stringMatching(/^source_notice: sqlite:field.db: rows that were taken were edited \(at least 12, /),
      "source_notice: sqlite:field.db: row 25 was taken and is gone, or another row has its place: the database was rolled back, or its newest rows were deleted. Reading continues after row 20; no row is taken twice",
    ],
  ]);
  const status = JSON.parse(agent("status", "--json"));
  expect(status.sources[0]).toMatchObject({
    accepted: 25 + 5,
    notes: [
      "rows that were taken were edited (at least 29), and are not read again",
      "newest rows were gone or other ones, once",
    ],
  });
  expect(status.problems.map(({ code }: { code: string }) => code)).toEqual(["rows_edited", "table_rolled_back"]);
  expect(agent("status")).toContain("30 accepted, 0 of them malformed; rows that were taken were edited (at least 29)");
  expect(agent("verify", "--store", "dir:lake")).toContain("every reading is where it belongs");
  expect(runOnce()).toEqual([0, []]);
  expect(JSON.parse(agent("status", "--json")).health).toBe("ok");
  // The same table, written in another way, is not taken from its start.
  insert(106, 106);
  expect(runOnce("sqlite:./field.db?table=sensor_readings")).toEqual([1, []]);
  expect(JSON.parse(agent("status", "--json")).sources).toMatchObject([
    { uri: "sqlite:./field.db?table=sensor_readings", accepted: 31 },
  ]);
});
