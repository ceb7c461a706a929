import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IDENTITY_COLUMNS, LIMITS, type SensorCatalogue } from "../core/sensor.ts";
import { testWith } from "../testing/needs.ts";
import { forgetSensors, MANY_SENSORS, sensorsInUse } from "./forget-sensors.ts";
import { SqliteBuffer } from "./sqlite-buffer.ts";

const FACTS = { ingestedAtMs: 0, rulesVersion: "r", timeQuality: "ok", agentVersion: "1" } as const;
let dataDir = "";
let buffer: SqliteBuffer;

function open(catalogue?: SensorCatalogue, used: ReadonlySet<number> | null = null): void {
  const chance = crypto.getRandomValues(new Uint8Array(10));
  buffer = new SqliteBuffer({
    dataDir,
    nodeId: "n",
    nowMs: 0,
    chance,
    blockRows: 1_000,
    recentRows: 10,
    opened: (db) => {
      if (used !== null) forgetSensors(db, used);
    },
    ...(catalogue && { catalogue }),
  });
}

/** As a start of the agent does. */
async function reopen(): Promise<void> {
  buffer.close();
  open();
  let turns = 0;
  const used = await sensorsInUse(buffer, async () => void turns++);
  if (used === null) return;
  buffer.close();
  open(undefined, used);
}

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "agent-sensors-"));
  open();
});
afterEach(() => {
  buffer.close();
  rmSync(dataDir, { recursive: true, force: true });
});

const identity = (id: string) => IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? id : null));

/** One reading of each of these sensors. */
function commit(prefix: string, from: number, count: number): void {
  const { catalogue } = buffer;
  for (let done = 0; done < count; done += 1_000) {
    const block = buffer.recent.lend();
    const label = catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
    for (let i = from + done; i < from + Math.min(count, done + 1_000); i++) {
      block.add(catalogue.internSensor(identity(`${prefix}${i}`), ["t"]), i, label);
    }
    buffer.commit(block, FACTS, []);
  }
}

/** By seq: the sensor_id of each reading that the buffer holds. */
const idsHeld = () =>
  buffer
    .read({ first: 1, last: buffer.lastSeq })
    .flatMap(({ block }) =>
      Array.from({ length: block.count }, (_, i) => buffer.catalogue.sensors[block.sensor[i]!]!.identity[0]),
    );
const rows = () => buffer.db.query<{ n: number }, []>("SELECT count(*) AS n FROM sensor").get()!.n;

test("a few sensors are kept for ever, with readings or without", async () => {
  commit("s", 0, MANY_SENSORS - 1);
  buffer.db.run("DELETE FROM reading");
  await reopen();
  expect(rows()).toBe(MANY_SENSORS - 1);
});

testWith("time")(
  "of many sensors those without a reading are forgotten at a start, and new ones get their handles",
  async () => {
    commit("old", 0, MANY_SENSORS);
    buffer.db.run("DELETE FROM reading WHERE seq % 3 > 0");
    const held = idsHeld();
    await reopen();
    expect([rows(), idsHeld()]).toEqual([Math.floor(MANY_SENSORS / 3), held]);
    commit("new", 0, 5_000);
    const all = [...held, ...Array.from({ length: 5_000 }, (_, i) => `new${i}`)];
    expect([idsHeld(), buffer.catalogue.sensors.length]).toEqual([all, MANY_SENSORS]);
    await reopen();
    expect(idsHeld()).toEqual(all);
  },
);

testWith("time")(
  "life after life of ever-new sensors neither fills the table nor meets the limit",
  async () => {
    for (let life = 0; life < 12; life++) {
      commit(`life${life}-`, 0, 12_000);
      buffer.db.run("DELETE FROM reading");
      await reopen();
      expect(rows()).toBeLessThan(LIMITS.sensors / 2);
    }
    expect(buffer.catalogue.hasRefusedSensor).toBe(false);
  },
  120_000,
);

testWith("time")("a new buffer that takes over such a catalogue is sound, too", async () => {
  commit("old", 0, MANY_SENSORS);
  buffer.db.run("DELETE FROM reading WHERE seq < 5000");
  await reopen();
  const { catalogue } = buffer;
  buffer.close();
  rmSync(dataDir, { recursive: true });
  mkdirSync(dataDir);
  open(catalogue);
  commit("new", 0, 10);
  const held = idsHeld();
  await reopen();
  expect(idsHeld()).toEqual(held);
});

test("a row of a sensor that is missing, although none was forgotten, is damage", async () => {
  commit("s", 0, 3);
  buffer.db.run("DELETE FROM sensor WHERE handle = 2");
  await expect(reopen()).rejects.toThrow("Cannot read a sensor");
  rmSync(dataDir, { recursive: true });
  mkdirSync(dataDir);
  open();
});

testWith("time")("however many readings there are, they are looked through in turns", async () => {
  commit("s", 0, MANY_SENSORS);
  for (let i = 0; i < 90; i++) commit("s", 0, 1_000);
  buffer.close();
  open();
  let turns = 0;
  const used = await sensorsInUse(buffer, async () => void turns++);
  expect([used?.size, turns]).toEqual([MANY_SENSORS, 5]);
  await expect(
    sensorsInUse(buffer, async () => {
      throw new Error("stopped");
    }),
  ).rejects.toThrow("stopped");
});
