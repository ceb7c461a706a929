/** `agent buffer export`: the lines that the store's objects have, all of them or a part, in each format. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Retention } from "../../buffer/disk/retention.ts";
import { READING_STAGES } from "../../core/stage.ts";
import { gunzipRows } from "../../uplink/read-object.ts";
import { EPOCH_START, nodeWithLake, TestNode } from "../../verify/node.suite.ts";
import { see } from "../frame/command-line.suite.ts";
import { COMMANDS, type World } from "../frame/commands.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const exported = (flags: readonly string[] = [], more: Partial<World> = {}, dataDir = node.dataDir) =>
  see(["buffer", "export", "--data-dir", dataDir, ...flags], COMMANDS, more);

const seqsIn = (text: string) => [...text.matchAll(/"reading_id":"[^"]+-(\d+)"/g)].map(([, seq]) => Number(seq));

test("the lines of each stage are those of its objects", async () => {
  const { node: full, store } = await nodeWithLake();
  for (const stage of READING_STAGES) {
    const delivered: string[] = [];
    for await (const { key } of store.list(stage))
      for (const row of gunzipRows(await store.get({ stage, key }), key)) delivered.push(JSON.stringify(row));
    const { code, stdout } = await exported(["--stage", stage], {}, full.dataDir);
    const lines = stdout.trimEnd().split("\n");
    expect(code).toBe(0);
    expect(lines.toSorted()).toEqual(delivered.toSorted());
    expect(seqsIn(stdout)).toEqual(seqsIn(stdout).toSorted((a, b) => a - b));
  }
  full.end();
});

test("a part by seq, by time and by sensor", async () => {
  node.take(60);
  const { stdout, stderr } = await exported(["--from", "7", "--to", "9"]);
  expect(seqsIn(stdout)).toEqual([7, 8, 9]);
  expect(stderr).toEqual(["3 readings of raw (7 to 9) were exported."]);
  const at = (seq: number) => new Date(EPOCH_START + seq * 1_000).toISOString();
  expect(seqsIn((await exported(["--from", at(7), "--to", at(9)])).stdout)).toEqual([7, 8]);
  expect(seqsIn((await exported(["--sensor", "s1", "--to", "10"])).stdout)).toEqual([1, 4, 7, 10]);
  expect((await exported(["--from", "61"])).stderr).toEqual(["0 readings of raw were exported."]);
  const wrong = await exported(["--from", "9", "--to", "7"]);
  expect([wrong.code, wrong.stderr[0]]).toEqual([2, "Cannot use --to: it is before --from"]);
  expect((await exported(["--from", "yesterday"])).stderr).toEqual([
    'Cannot use --from "yesterday": expected a time ago, such as 24h, or a moment in UTC, such as 2026-11-23T08:00:00Z',
    "Try: agent buffer export --from 24h",
  ]);
});

test("a file gets its name when it is whole, and is replaced only by force; csv and sqlite have the same rows", async () => {
  node.take(60, { extra: '{"note":"a \\"b\\", c"}' });
  const cwd = join(node.dataDir, "..");
  const name = `export-${process.pid}`;
  const csv = join(cwd, `${name}.csv`);
  writeFileSync(csv, "mine");
  const refused = await exported(["--format", "csv", "--out", csv]);
  expect([refused.code, readFileSync(csv, "utf8")]).toEqual([2, "mine"]);
  expect((await exported(["--format", "csv", "--out", csv, "--force", "--stage", "anomalies"])).code).toBe(0);
  const [head, first] = readFileSync(csv, "utf8").split("\n");
  expect(head).toEndWith("extra,anomaly_rules,anomaly_reason,severity,observed");
  expect(first).toEndWith(',"{""note"":""a \\""b\\"", c""}","[""r""]",temperature 72.4 is above 60,warning,72.4');
  const db = join(cwd, `${name}.db`);
  expect((await exported(["--format", "sqlite", "--out", db])).code).toBe(0);
  const rows = new Database(db).query<Record<string, unknown>, []>("SELECT * FROM sensor_readings ORDER BY id").all();
  const lines = (await exported()).stdout.trimEnd().split("\n");
  expect(rows.length).toBe(60);
  for (const [at, line] of lines.entries()) expect(rows[at]).toMatchObject(JSON.parse(line));
  const stop = new AbortController();
  const say = (line: string) => void line;
  stop.abort();
  const ended = await exported(["--out", join(cwd, `${name}.ndjson`)], { stop: stop.signal, say });
  expect([ended.code, existsSync(join(cwd, `${name}.ndjson`)), existsSync(`${csv}.part`)]).toEqual([1, false, false]);
});

test("a wrong place is refused before anything is written", async () => {
  node.take(5);
  const inside = await exported(["--out", join(node.dataDir, "buffer.db"), "--force"]);
  expect([inside.code, inside.stderr[0]]).toEqual([2, expect.stringContaining("it is in the data dir")]);
  const stdout = await exported(["--format", "sqlite"]);
  expect([stdout.code, stdout.stderr[0]]).toEqual([2, "Cannot export to stdout as sqlite: a database is a file"]);
  expect((await exported([], {}, join(node.dataDir, "none"))).code).toBe(2);
});

test("what retention deletes meanwhile, what is damaged, and what is not held any more is said", async () => {
  for (let i = 0; i < 25; i++) node.take(1_000);
  node.plan(1_000);
  node.issueWindows();
  node.outbox.delivered(node.outbox.open(1_000), node.nowMs);
  const retention = new Retention(node.buffer);
  let isPruned = false;
  const write = async (data: string | Uint8Array) => {
    if (!isPruned) while (retention.prune(Number.MAX_SAFE_INTEGER) > 0);
    isPruned = data.length > 0;
  };
  const { code, stderr } = await exported([], { write });
  expect([code, ...stderr]).toEqual([
    1,
    "10,000 readings of raw (1 to 10,000) were exported.",
    "15,000 readings were deleted before they could be read.",
  ]);
  node.take(100);
  node.buffer.db.run("UPDATE reading SET sensor = 77 WHERE seq IN (25003, 25004)");
  const damaged = await exported(["--from", "1"]);
  expect(seqsIn(damaged.stdout).length).toBe(98);
  expect([damaged.code, ...damaged.stderr]).toEqual([
    1,
    "98 readings of raw (25,001 to 25,100) were exported.",
    "The buffer holds no reading before 25,001: they were delivered and deleted, or lost.",
    "2 readings cannot be read and are not in it: 25003-25004.",
    "Try: agent buffer check",
  ]);
});
