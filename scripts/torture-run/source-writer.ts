/**
 * The other process: appends rows to the source database, in transactions of any size, while the agent reads it.
 *
 *   bun scripts/torture-run/source-writer.ts DATABASE SEED
 *
 * Each line on stdin is a number of rows; it writes up to that, and ends when stdin does. It may be killed at
 * any moment and started again: it continues behind the last row that it committed.
 */
import { Database } from "bun:sqlite";
import { hashAt, unit } from "../../src/core/random.ts";
import { COLUMNS, createTable, sourceRow } from "./source-rows.ts";
import { WriterLimit } from "./writer-limit.ts";

const [path = "", seedText = "1"] = process.argv.slice(2);
const seed = Number(seedText);
/** Rows in a transaction, and the pause behind it. */
const ROWS_MOST = 60;
const PAUSE_MS = 15;

const db = new Database(path, { create: true, readwrite: true });
db.run("PRAGMA busy_timeout = 10000");
db.run("PRAGMA journal_mode = WAL");
// Small, so that checkpoints happen while the agent reads.
db.run("PRAGMA wal_autocheckpoint = 50");
db.run("PRAGMA synchronous = NORMAL");
db.run(createTable());
const insert = db.prepare(
  `INSERT INTO sensor_readings (${COLUMNS.join(", ")}) VALUES (${COLUMNS.map(() => "?").join(", ")})`,
);

const limit = new WriterLimit();

let written = db.query<{ rows: number }, []>("SELECT count(*) AS rows FROM sensor_readings").get()!.rows;
for (let turn = 0; ; turn++) {
  if (!(await limit.allowsMoreThan(written))) break;
  const chance = unit(hashAt(seed ^ 0x5eed, written));
  const until = Math.min(limit.allowed, written + 1 + Math.floor(chance * ROWS_MOST));
  db.run("BEGIN IMMEDIATE");
  for (let n = written; n < until; n++) {
    const row = sourceRow(seed, n);
    insert.run(...COLUMNS.map((name) => row[name] ?? null));
  }
  // Now and then a writer rolls back: SQLite gives these rowids out again.
  if (turn % 17 === 16) {
    db.run("ROLLBACK");
    continue;
  }
  db.run("COMMIT");
  written = until;
  await Bun.sleep(chance * PAUSE_MS);
}
await limit.ended;
db.close();
