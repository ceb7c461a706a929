/**
 * What the notebook may take in, and what becomes of a table when it or its checkpoint goes: on a real Spark with Delta, over
 * objects that are made here.
 */
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { bucketOf, type Stage, TABLE_OF_STAGE } from "../../core/stage.ts";
import { readingKey, windowKey } from "../../uplink/object-key.ts";
import { canRun } from "../needs.ts";
import { type NotebookSettings, SparkSession } from "./session.ts";

const REGION = "us-west-2";
const HOUR_MS = Date.UTC(2026, 10, 24, 8);
const EPOCH = "01j00000000000000000000000";
const sparkTest = test.skipIf(!canRun("spark"));
setDefaultTimeout(1_800_000);

const folder = mkdtempSync(join(tmpdir(), "agent-keeping-"));
const lake = join(folder, "lake");
let opened: Promise<SparkSession> | null = null;
const session = () => {
  opened ??= SparkSession.open(folder);
  return opened;
};
afterAll(async () => {
  await (await opened)?.close();
  rmSync(folder, { recursive: true, force: true });
});

function settingsOf(name: string, stages: readonly Stage[]): NotebookSettings {
  const places = { catalog: "spark_catalog", schema: name, prefix: name, store: `file://${lake}/` };
  return { ...places, reader: "json", stages };
}

function put(name: string, stage: Stage, key: string, body: string | Uint8Array): void {
  const path = join(lake, bucketOf(stage, name, REGION), key);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, body);
}

/** An object of raw with `count` readings from seq `first` on. */
function rawKey(first: number, count = 10): string {
  return readingKey({ hourMs: HOUR_MS, node: "n", epoch: EPOCH, first, last: first + count - 1, count });
}
const rawBody = (first: number, count = 10) =>
  gzipSync(Array.from({ length: count }, (_, n) => `{"reading_id":"${EPOCH}-${first + n}","node_id":"n"}\n`).join(""));
const putRaw = (name: string, first: number) => put(name, "raw", rawKey(first), rawBody(first));

const windowAt = (revision: number) =>
  windowKey({ windowStartMs: HOUR_MS, node: "n", epoch: EPOCH, revision, count: 1 });
const windowBody = (id: string, revision: number) =>
  gzipSync(`{"node_id":"n","window_id":"${id}","sensor_id":"s","revision":${revision}}\n`);

const tableOf = (name: string, stage: Stage = "raw") => `spark_catalog.${name}.${TABLE_OF_STAGE[stage]}`;
const checkpoints = (name: string) => join(lake, `${name}-checkpoints-${REGION}/autoloader`);

async function idsIn(name: string): Promise<number[]> {
  const rows = await (await session()).sql(`SELECT reading_id FROM ${tableOf(name)}`);
  return rows.map(({ reading_id }) => Number(String(reading_id).split("-")[1])).sort((a, b) => a - b);
}
const upTo = (last: number) => Array.from({ length: last }, (_, at) => at + 1);

/** Names that are near to the agent's, and are not. */
const FOREIGN = [
  "archive/other-team.json",
  "README.md",
  `archive/${rawKey(1)}`,
  rawKey(1).replace("date=", "day="),
  rawKey(1).replace("hour=08", "hour=24"),
  rawKey(1).replace("2026-11-24", "2026-13-24"),
  rawKey(1).replace(".json.gz", ".json"),
  rawKey(1).replace(".10.json", ".010.json"),
  rawKey(1).replace("/n/", "/n/more/"),
  rawKey(1).replace("000000000001-", "1-"),
];

sparkTest(
  "only objects whose keys are the agent's are taken in; the others are counted, the first named, none opened",
  async () => {
    const name = "foreign_keys";
    putRaw(name, 1);
    // A range that is thin over many hours is one object of a day.
    put(name, "raw", rawKey(11).replace("hour=08", "hour=all"), rawBody(11));
    for (const key of FOREIGN) put(name, "raw", key, `{"reading_id":"${EPOCH}-999","node_id":"${key}"}\n`);
    // It cannot be unpacked: the stream would fail if it opened it.
    put(name, "raw", `archive/${rawKey(2)}`, rawBody(1).subarray(0, 30));
    put(name, "aggregated", windowAt(0), windowBody("w", 0));
    // Windows that were gathered, by their issue numbers.
    const gathered = windowAt(0).replace(/hour=08\/(.*?\/\w+)\..*/, `hour=all/$1.000000000001-000000000002.1.json.gz`);
    put(name, "aggregated", gathered, windowBody("v", 0));
    put(name, "aggregated", windowAt(0).replace("hour=08", "hour=all"), windowBody("u", 0));

    const [raw, aggregated] = await (await session()).run(settingsOf(name, ["raw", "aggregated"]));
    expect(await idsIn(name)).toEqual(upTo(20));
    const bucket = `file://${join(lake, bucketOf("raw", name, REGION))}`;
    expect([raw!.rows, raw!.foreign, raw!.quarantined]).toEqual([20, FOREIGN.length + 1, []]);
    const named = raw!.foreign_named.map((path) => path.replace(/^file:\/+/, "file:///"));
    expect(named).toEqual(
      [...FOREIGN, `archive/${rawKey(2)}`]
        .map((key) => `${bucket}/${key}`)
        .sort()
        .slice(0, 5),
    );
    expect([aggregated!.rows, aggregated!.foreign]).toEqual([2, 1]);
  },
);

sparkTest("a table that was dropped is read again from the start; the next run adds nothing", async () => {
  const name = "dropped_table";
  const settings = settingsOf(name, ["raw"]);
  putRaw(name, 1);
  const spark = await session();
  await spark.run(settings);
  await spark.sql(`DROP TABLE ${tableOf(name)}`);
  putRaw(name, 11);
  for (let run = 0; run < 2; run++) {
    expect((await spark.run(settings))[0]!.rows).toBe(20);
    expect(await idsIn(name)).toEqual(upTo(20));
  }
});

sparkTest(
  "a checkpoint that is gone is refused where rows would double, the other stages load, and a rebuild repairs it",
  async () => {
    const name = "lost_checkpoint";
    const settings = settingsOf(name, ["raw", "aggregated"]);
    for (const first of [1, 11]) putRaw(name, first);
    put(name, "aggregated", windowAt(0), windowBody("w", 0));
    const spark = await session();
    await spark.run(settings);
    // Rows of an object that the bucket does not have any more: nothing can read them again.
    rmSync(join(lake, bucketOf("raw", name, REGION), rawKey(1)));
    rmSync(checkpoints(name), { recursive: true });
    putRaw(name, 21);
    put(name, "aggregated", windowAt(1), windowBody("w", 1));
    for (let run = 0; run < 2; run++) {
      const refusal = spark.run(settings);
      await expect(refusal).rejects.toThrow(
        new RegExp(
          `Cannot load table ${tableOf(name)}: its checkpoint .*/${name}-checkpoints-${REGION}/autoloader/raw/\\S+ is gone, and the table holds ` +
            "rows of 1 object that is in the bucket: to read it again would double its rows\nTry: agent provision run --rebuild raw",
        ),
      );
      expect(await idsIn(name)).toEqual(upTo(20));
    }
    expect(await spark.sql(`SELECT revision FROM ${tableOf(name, "aggregated")}`)).toEqual([{ revision: 1 }]);
    await expect(spark.run({ ...settings, rebuild: "other" })).rejects.toThrow("Cannot rebuild other");
    await spark.run({ ...settings, rebuild: "raw" });
    expect(await idsIn(name)).toEqual(upTo(30));
    await spark.run(settings);
    expect(await idsIn(name)).toEqual(upTo(30));
  },
);

sparkTest("buckets and checkpoints that were emptied together are no reason to refuse, and rows stay", async () => {
  const name = "cleaned";
  const settings = settingsOf(name, ["raw"]);
  putRaw(name, 1);
  const spark = await session();
  await spark.run(settings);
  rmSync(join(lake, bucketOf("raw", name, REGION)), { recursive: true });
  rmSync(checkpoints(name), { recursive: true });
  putRaw(name, 11);
  for (let run = 0; run < 2; run++) {
    await spark.run(settings);
    expect(await idsIn(name)).toEqual(upTo(20));
  }
});

sparkTest("a lake of before continues at its checkpoint; a copy of a table is not taken for the table", async () => {
  const name = "old_lake";
  const settings = settingsOf(name, ["raw"]);
  putRaw(name, 1);
  const spark = await session();
  await spark.run(settings);
  // As it was: the checkpoint is the stage's folder, and the table says nothing of it.
  const folderOfStage = join(checkpoints(name), "raw");
  const [own = ""] = readdirSync(folderOfStage);
  renameSync(join(folderOfStage, own), join(checkpoints(name), "old"));
  rmSync(folderOfStage, { recursive: true });
  renameSync(join(checkpoints(name), "old"), folderOfStage);
  await spark.sql(`ALTER TABLE ${tableOf(name)} UNSET TBLPROPERTIES ('agent.checkpoint', 'agent.table')`);
  putRaw(name, 11);
  for (let run = 0; run < 2; run++) {
    await spark.run(settings);
    expect(await idsIn(name)).toEqual(upTo(20));
  }
  const properties = await spark.sql(`SHOW TBLPROPERTIES ${tableOf(name)} ('agent.checkpoint')`);
  expect(properties).toEqual([{ key: "agent.checkpoint", value: "raw" }]);

  // Emptied, with the properties of another table: as CREATE TABLE … LIKE leaves it.
  await spark.sql(`DELETE FROM ${tableOf(name)}`);
  await spark.sql(`ALTER TABLE ${tableOf(name)} SET TBLPROPERTIES ('agent.table' = 'another')`);
  await spark.run(settings);
  expect(await idsIn(name)).toEqual(upTo(20));
});
