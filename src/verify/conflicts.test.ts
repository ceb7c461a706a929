/** Keys that are taken, with kills in between: `verify` finds every reading once, and names the objects that are not ours. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { BufferLedger } from "../buffer/ledger/ledger.ts";
import { between, hashAt, unit } from "../core/random.ts";
import { resolveSettings } from "../core/settings/settings.ts";
import { audit, doubles, unsorted } from "../testing/audit.ts";
import { FIRST_EVENT_MS } from "../testing/listed-source.ts";
import { canRun, cases, testWith } from "../testing/needs.ts";
import { PlantedStore } from "../testing/planted-store.ts";
import { type S3Server, startS3Server } from "../testing/s3-server.ts";
import { bySeq, LIFE_SETTINGS, live } from "../testing/whole-life.ts";
import { DirectoryStore } from "../uplink/directory/store.ts";
import type { ObjectRef, ObjectStore } from "../uplink/object-store.ts";
import { openS3Store } from "../uplink/s3/store.ts";
import { verify } from "./verify.ts";

const longTest = testWith("time");
const COUNT = 900;
const DEATHS = 6;
const folder = mkdtempSync(join(tmpdir(), "agent-conflicts-"));
let server: S3Server | null = null;
beforeAll(async () => {
  if (canRun("versitygw")) server = await startS3Server("versitygw");
}, 600_000);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server?.stop();
}, 600_000);

const gzipped = (text: string) => new Uint8Array(gzipSync(text));
const nameOf = ({ stage, key }: ObjectRef) => `${stage}/${key}`;

async function openFor(seed: number): Promise<ObjectStore> {
  if (server === null || seed % 3 !== 0) {
    return new DirectoryStore({ root: join(folder, `lake-${seed}`), prefix: "acme", region: "us-west-2" });
  }
  const prefix = `acme${seed}`;
  await server.createBuckets(prefix);
  return await openS3Store({ prefix, region: server.region, env: server.env, putTimeoutMs: 60_000 });
}

/** By seed and key: nothing, rows of another, no rows at all, our own object, our rows in other bytes, or some of our rows. */
function planter(seed: number, foreign: Set<string>): PlantedStore["plant"] {
  return (ref, body) => {
    const chance = unit(hashAt(seed, Number(Bun.hash.crc32(nameOf(ref)))));
    if (chance > 0.5) return null;
    if (chance > 0.4) return body;
    const lines = gunzipSync(body).toString().trimEnd().split("\n");
    if (chance > 0.3) return gzipped(`${lines.reverse().join("\n")}\n`);
    if (chance > 0.2 && ref.stage !== "aggregated") return gzipped(`${lines.slice(0, 3).join("\n")}\n`);
    foreign.add(nameOf(ref));
    if (chance > 0.1) return new Uint8Array(10);
    // As a clone of the data dir writes it: the same ids, other values.
    return gzipped(`${lines.map((line) => line.replace(/"(s\d|2026-[^"]+)"/, '"x$1"')).join("\n")}\n`);
  };
}

async function look(dataDir: string, store: ObjectStore) {
  return await verify({
    dataDir,
    settings: resolveSettings({ flags: { "data-dir": dataDir }, env: LIFE_SETTINGS }),
    store,
    deep: true,
    progress: { tell: () => undefined, end: () => undefined },
    stop: new AbortController().signal,
    now: () => FIRST_EVENT_MS + 1,
  });
}

const seeds = process.env["SEED"]
  ? [Number(process.env["SEED"])]
  : Array.from({ length: cases(20, 4) }, (_, i) => i + 1);
for (const seed of seeds) {
  longTest(
    `killed at any call, every reading arrives once, and verify names what is not ours (seed ${seed})`,
    async () => {
      const foreign = new Set<string>();
      const store = new PlantedStore(await openFor(seed));
      store.plant = planter(seed, foreign);
      let dataDir = join(folder, `data-${seed}-0`);
      for (let death = 1; death <= DEATHS; death++) {
        const to = join(folder, `data-${seed}-${death}`);
        const atCall = between(hashAt(seed, death), 1, 60);
        await live({ dataDir, store, count: Math.ceil((COUNT * death) / DEATHS), dies: { atCall, to } });
        // Where it had finished before, it was not killed.
        if (await exists(to)) dataDir = to;
      }
      await live({ dataDir, store, count: COUNT });

      const ledger = BufferLedger.open(dataDir);
      expect([seed, ledger.accepted()]).toEqual([seed, COUNT]);
      ledger.close();
      const verified = await look(dataDir, store);
      const findings = verified.epochs.map(({ epoch, audit: { stages }, deep }) => {
        const wrong = Object.entries(stages).filter(
          ([, one]) => one.missing.length + one.duplicate.length + one.pending.length > 0,
        );
        return { epoch, wrong, corrupt: deep?.corrupt };
      });
      expect([seed, findings.filter(({ wrong }) => wrong.length > 0)]).toEqual([seed, []]);
      expect([seed, verified.epochs.map(({ deep }) => deep?.corrupt)]).toEqual([seed, verified.epochs.map(() => [])]);
      expect([seed, verified.ok]).toEqual([seed, true]);
      const named = verified.conflicts.map(nameOf);
      expect([seed, [...foreign].filter((name) => !named.includes(name))]).toEqual([seed, []]);

      store.hides = (ref) => foreign.has(nameOf(ref));
      const found = bySeq(await audit(store));
      expect([seed, found.ids.raw.size, doubles(found), unsorted(found)]).toEqual([seed, COUNT, [], []]);
      const records = [...found.windows.values()].reduce((sum, window) => sum + window.records, 0);
      expect([seed, records]).toEqual([seed, found.ids.validated.size]);
    },
    600_000,
  );
}

longTest(
  "a buffer that was set aside as corrupt takes its conflicts along",
  async () => {
    const foreign = new Set<string>();
    const store = new PlantedStore(
      new DirectoryStore({ root: join(folder, "lake-aside"), prefix: "acme", region: "us-west-2" }),
    );
    store.plant = planter(7, foreign);
    const dataDir = join(folder, "data-aside");
    await live({ dataDir, store, count: 500 });
    const before = (await look(dataDir, store)).conflicts.length;
    expect(before).toBeGreaterThan(3);
    damageRoot(join(dataDir, "buffer.db"), "rule_set");
    store.plant = () => null;
    await live({ dataDir, store, count: COUNT });
    const verified = await look(dataDir, store);
    expect(verified.epochs.filter(({ file }) => file !== null)).toHaveLength(1);
    expect(
      verified.epochs.filter(({ audit: { ok } }) => !ok).map(({ epoch, audit: { stages } }) => [epoch, stages]),
    ).toEqual([]);
    expect([verified.ok, verified.conflicts.length]).toEqual([true, before]);
  },
  600_000,
);

/** Overwrites a small table that every start reads: everything else can still be read. */
function damageRoot(path: string, table: string): void {
  const db = new Database(path);
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  const { page } = db
    .query<{ page: number }, [string]>("SELECT rootpage AS page FROM sqlite_master WHERE name = ?")
    .get(table)!;
  db.close();
  const file = openSync(path, "r+");
  writeSync(file, new Uint8Array(4_096).fill(0xa5), 0, 4_096, (page - 1) * 4_096);
  closeSync(file);
}

async function exists(dataDir: string): Promise<boolean> {
  return await Bun.file(join(dataDir, "buffer.db")).exists();
}
