/** What a snapshot holds, and that nothing of one stays when it is not wanted any more. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { DiskRoom, snapshotPath } from "../../buffer/disk/room.ts";
import { cases } from "../../testing/needs.ts";
import { commitReadings, openBuffer, type RandomReading, randomReading } from "./random-buffer.suite.ts";
import { type AskedSnapshot, SNAPSHOT_LIMITS } from "./range.ts";
import { snapshotRoutes } from "./routes.ts";
import { SnapshotBusyError, type SnapshotFile, type SnapshotParts, Snapshots } from "./snapshots.ts";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "agent-snapshot-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const NOW = Date.UTC(2026, 10, 24);
const HOUR = 3_600_000;
const never = new AbortController().signal;
const free = () => ({ free: 1e12, leaves: 0 });

function snapshots(more: Partial<SnapshotParts> = {}): Snapshots {
  return new Snapshots({ dataDir, nowMs: () => NOW, room: free, pause: () => Promise.resolve(), ...more });
}

/** The bytes of a snapshot as a client gets them. */
async function sent(file: SnapshotFile): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  await file.send({
    send: (bytes) => parts.push(Uint8Array.from(bytes as Uint8Array)) > 0,
    drained: () => Promise.resolve(),
    gone: never,
  });
  return Buffer.concat(parts);
}

async function taken(asked: AskedSnapshot, more: Partial<SnapshotParts> = {}): Promise<Database> {
  return Database.deserialize(await sent(await snapshots(more).make(asked, never)));
}

const plain = (sensor: number, time = NOW): RandomReading => {
  return { sensor, time, values: [1.5, 2, null], kind: "valid", extra: null, text: "t" };
};
const many = (count: number) => Array.from({ length: count }, (_, at) => plain(at % 6, NOW + at));

/** The columns and the rows of a query, also of two columns of one name. */
function table(db: Database, sql: string): unknown {
  const query = db.query(sql);
  return { columns: query.columnNames, rows: query.values() };
}

test("the view of a snapshot is that of the buffer, for the newest readings of any buffer", async () => {
  const commits = fc.array(fc.array(randomReading, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(commits, fc.integer({ min: 1, max: 200 }), async (given, readings) => {
      rmSync(dataDir, { recursive: true });
      dataDir = mkdtempSync(join(tmpdir(), "agent-snapshot-"));
      const buffer = openBuffer(dataDir);
      for (const [at, rows] of given.entries()) commitReadings(buffer, rows, NOW + at * HOUR);
      const first = Math.max(1, buffer.lastSeq - readings + 1);
      const db = await taken({ readings });
      const view = `SELECT * FROM sensor_readings WHERE id >= ${first} ORDER BY id`;
      // A buffer makes its view with the first measure.
      if (buffer.catalogue.measureNames.length > 0) expect(table(db, view)).toEqual(table(buffer.db, view));
      else expect(db.query(view).values()).toEqual([]);
      expect(db.query("SELECT count(*) AS n FROM reading").get()).toEqual({
        n: Math.min(readings, given.flat().length),
      });
      const kept = given.flat().slice(first - 1);
      expect(db.query("SELECT count(*) AS n FROM anomalies WHERE rule = 'hot'").get()).toEqual({
        n: kept.filter(({ kind }) => kind === "anomalous").length,
      });
      expect(db.query("SELECT count(*) AS n FROM anomalies WHERE rule = 'malformed'").get()).toEqual({
        n: kept.filter(({ kind }) => kind === "malformed").length,
      });
      // Every reading is in a commit.
      expect(
        db
          .query(
            "SELECT sum((SELECT count(*) FROM reading WHERE seq BETWEEN first_seq AND last_seq)) AS n FROM commit_group",
          )
          .get(),
      ).toEqual({ n: kept.length });
      db.close();
      buffer.close();
    }),
    { numRuns: cases(100) },
  );
});

test("hours count from when the agent took a reading, whatever time the reading says", async () => {
  const buffer = openBuffer(dataDir);
  for (let hour = 5; hour >= 1; hour--) commitReadings(buffer, [plain(1, 7), plain(2, NOW * 2)], NOW - hour * HOUR);
  const ids = (db: Database) => db.query("SELECT id FROM sensor_readings ORDER BY id").values().flat();
  expect(ids(await taken({ hours: 2 }))).toEqual([7, 8, 9, 10]);
  expect(ids(await taken({ hours: 2.5 }))).toEqual([7, 8, 9, 10]);
  expect(ids(await taken({ hours: 100 })).length).toBe(10);
  expect(snapshots().size({ hours: 0.5 })).toMatchObject({ readings: 0, held: 10, fromMs: null });
  expect(snapshots().size({ hours: 3 })).toMatchObject({ readings: 6, cut: null, fromMs: NOW - 3 * HOUR });
  expect(await snapshots().make({ hours: 0.5 }, never).catch(String)).toContain("holds no such reading");
  buffer.close();
});

test("the size that is given before is about that of the file; beyond a limit it is cut, and the reason is given", async () => {
  const buffer = openBuffer(dataDir);
  for (let at = 0; at < 5; at++) commitReadings(buffer, many(8_000), NOW - at);
  const told = snapshots().size({ readings: 30_000 });
  const file = await snapshots().make({ readings: 30_000 }, never);
  expect(file.readings).toBe(30_000);
  expect(Math.abs(file.bytes / told.bytes - 1)).toBeLessThan(0.3);
  file.giveUp();
  const limits = { ...SNAPSHOT_LIMITS, readings: 12_345 };
  expect(snapshots({ limits }).size({ readings: 1e9 })).toMatchObject({
    readings: 12_345,
    cut: "a snapshot has at most 12,345 readings",
    held: 40_000,
  });
  const small = snapshots({ limits: { ...SNAPSHOT_LIMITS, bytes: 1_000_000 } }).size({ readings: 40_000 });
  expect(small.cut).toBe("a snapshot has at most 977 KiB");
  expect(small.bytes).toBeLessThanOrEqual(1_000_000);
  const cut = snapshots({ room: () => ({ free: 2_000_000, leaves: 1_500_000 }) }).size({ readings: 40_000 });
  expect(cut.cut).toBe("the disk of the device has room for 488 KiB");
  expect(cut.readings).toBeGreaterThan(1_000);
  buffer.close();
});

test("a file that becomes larger than its sample said is begun again with fewer readings, the newest", async () => {
  const buffer = openBuffer(dataDir);
  const large = { ...plain(1), kind: "malformed", text: "x".repeat(2_000) } as const;
  // The sample does not see them: they are between its pieces.
  const rows = many(16_000).map((row, at) => (at % 1_000 > 800 ? large : row));
  commitReadings(buffer, rows, NOW);
  const limits = { ...SNAPSHOT_LIMITS, bytes: 3_000_000 };
  const file = await snapshots({ limits }).make({ readings: 16_000 }, never);
  expect(file.bytes).toBeLessThan(3_400_000);
  expect(file.readings).toBeGreaterThan(2_000);
  const db = Database.deserialize(await sent(file));
  expect(db.query("SELECT max(id) AS last FROM sensor_readings").get()).toEqual({ last: expect.any(Number) });
  expect(db.query("SELECT max(seq) AS last FROM reading").get()).toEqual({ last: 16_000 });
  buffer.close();
});

test("there is one at a time, only its user may read its file, and it is deleted when it was sent", async () => {
  const buffer = openBuffer(dataDir);
  commitReadings(buffer, many(5_000), NOW);
  const one = snapshots();
  const first = one.make({ readings: 5_000 }, never);
  expect(one.progress.state).toBe("making");
  const busy = await one.make({ readings: 10 }, never).catch((error) => error);
  expect(busy).toBeInstanceOf(SnapshotBusyError);
  expect(busy.message).toContain("It ends by itself within 10 s if its client takes nothing");
  const file = await first;
  expect(one.progress).toMatchObject({ state: "sending", readings: 5_000 });
  expect(statSync(snapshotPath(dataDir)).mode & 0o777).toBe(0o600);
  expect((await sent(file)).length).toBe(file.bytes);
  expect([existsSync(snapshotPath(dataDir)), one.progress.state]).toEqual([false, "idle"]);
  buffer.close();
});

test("a client that takes nothing is given up sooner than those of other streams: others wait for it", async () => {
  const buffer = openBuffer(dataDir);
  commitReadings(buffer, many(10), NOW);
  const route = snapshotRoutes({ dataDir, nowMs: () => NOW, room: free }).find(({ path }) => path === "/api/snapshot");
  const query = new URLSearchParams("readings=10");
  const body = new Uint8Array();
  const gone = new AbortController();
  const request = { method: "GET", path: "/api/snapshot", query, headers: new Map(), body, gone: gone.signal };
  expect(await route?.answer({ ...request, client: "127.0.0.1" })).toMatchObject({ status: 200, stallMs: 10_000 });
  gone.abort();
  buffer.close();
});

test("a client that leaves stops it, and nothing of it stays", async () => {
  const buffer = openBuffer(dataDir);
  commitReadings(buffer, many(20_000), NOW);
  const gone = new AbortController();
  let pauses = 0;
  const pause = async () => {
    if (++pauses === 3) gone.abort();
  };
  const one = snapshots({ pause });
  expect(await one.make({ readings: 20_000 }, gone.signal).catch(String)).toContain("it was stopped");
  expect(readdirSync(dataDir).filter((name) => name.startsWith("snapshot"))).toEqual([]);
  // And while it is sent.
  const file = await one.make({ readings: 20_000 }, never);
  const leaving = new AbortController();
  let parts = 0;
  await file.send({
    send: () => {
      parts++;
      leaving.abort();
      return false;
    },
    drained: () => Promise.resolve(),
    gone: leaving.signal,
  });
  expect([parts, existsSync(snapshotPath(dataDir)), one.progress.state]).toEqual([1, false, "idle"]);
  buffer.close();
});

test("what a killed agent left of one is deleted when the buffer is opened again", () => {
  const buffer = openBuffer(dataDir);
  for (const suffix of ["", "-journal", "-wal", "-shm"])
    writeFileSync(snapshotPath(dataDir) + suffix, "half a snapshot");
  new DiskRoom(dataDir, buffer.db);
  expect(readdirSync(dataDir).filter((name) => name.startsWith("snapshot"))).toEqual([]);
  buffer.close();
});

test("others who fill the disk stop it: the buffer has what is left", async () => {
  const buffer = openBuffer(dataDir);
  commitReadings(buffer, many(20_000), NOW);
  let freeBytes = 1e9;
  const room = () => {
    freeBytes /= 2;
    return { free: freeBytes, leaves: 1e8 };
  };
  const error = await snapshots({ room }).make({ readings: 20_000 }, never).catch(String);
  expect(error).toContain("the disk has only");
  expect(existsSync(snapshotPath(dataDir))).toBe(false);
  buffer.close();
});

test("readings are committed and deleted while it is made, and it has what was there", async () => {
  const buffer = openBuffer(dataDir);
  for (let at = 0; at < 4; at++) commitReadings(buffer, many(5_000), NOW);
  const pause = async () => {
    commitReadings(buffer, many(10), NOW);
    buffer.db.run("DELETE FROM reading WHERE seq BETWEEN 19900 AND 19999");
    // A checkpoint is not held up.
    expect(buffer.db.query("PRAGMA wal_checkpoint(TRUNCATE)").get()).toMatchObject({ busy: 0 });
  };
  const db = await taken({ readings: 20_000 }, { pause });
  expect(db.query("SELECT count(*) AS n, max(seq) AS last FROM reading").get()).toEqual({ n: 19_900, last: 20_000 });
  buffer.close();
});
