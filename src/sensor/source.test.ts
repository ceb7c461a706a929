/** What every source holds (source.ts), whatever it takes from. Sources that listen or subscribe have rigs with the other side. */
import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { seededRandom } from "../core/random.ts";
import { ReadingBlock } from "../core/reading.ts";
import { FileRig, lines, type RigOptions, rowsOf } from "./file/rig.suite.ts";

type Kind = {
  readonly glob: string;
  readonly options: RigOptions;
  /** Adds readings `from` to `to`. */
  readonly add: (rig: FileRig, from: number, to: number) => void;
};

const FOLLOWED: Readonly<Record<string, Kind>> = {
  file: { glob: "*.ndjson", options: {}, add: (rig, from, to) => rig.append("a.ndjson", lines(from, to)) },
  sqlite: {
    glob: "a.db",
    options: { scheme: "sqlite" },
    add: (rig, from, to) => {
      const db = new Database(rig.path("a.db"), { create: true });
      db.run("CREATE TABLE IF NOT EXISTS sensor_readings (sensor_id TEXT, timestamp TEXT, temperature REAL)");
      const insert = db.query(
        "INSERT INTO sensor_readings SELECT $a ->> 'sensor_id', $a ->> 'timestamp', $a ->> 'temperature'",
      );
      db.transaction(() => {
        for (const line of lines(from, to).trim().split("\n")) insert.run({ $a: line });
      })();
      db.close();
    },
  },
};

const rigs: FileRig[] = [];
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.end();
});

function rigOf({ glob, options }: Kind, more: RigOptions = {}): FileRig {
  const rig = new FileRig(glob, { ...options, ...more });
  rigs.push(rig);
  return rig;
}

for (const [name, kind] of Object.entries(FOLLOWED)) {
  test(`${name}: over commits and crashes of any order each reading is taken once, in order`, async () => {
    const seed = Number(process.env["SEED"] ?? Date.now() % 100_000);
    const random = seededRandom(seed);
    const rig = rigOf(kind, { capacity: 7 });
    let added = 0;
    for (let turn = 0; turn < 30; turn++) {
      const more = Math.floor(random() * 20);
      if (more > 0) kind.add(rig, added, added + more - 1);
      added += more;
      if (added > 0) await rig.take({ crashes: random() < 0.4 });
      if (random() < 0.2) rig.crash();
    }
    await rig.looks(3);
    expect([`SEED=${seed}`, rig.rows]).toEqual([`SEED=${seed}`, rowsOf(0, added - 1)]);
  });

  test(`${name}: a block that is full gets nothing, and no block gets more than it holds`, async () => {
    const rig = rigOf(kind);
    kind.add(rig, 1, 50);
    const source = await rig.source();
    const block = new ReadingBlock(8);
    for (let turn = 0; turn < 20 && !block.full; turn++) source.take(block, rig.nowMs);
    expect(block.count).toBe(8);
    const cursor = source.cursor();
    expect(source.take(block, rig.nowMs)).toEqual({ state: "more" });
    expect([block.count, source.cursor()]).toEqual([8, cursor]);
  });

  test(`${name}: with once it ends after what is there, and says so as often as it is asked`, async () => {
    const rig = rigOf(kind, { once: true });
    kind.add(rig, 1, 30);
    expect(await rig.take()).toEqual(rowsOf(1, 30));
    const source = await rig.source();
    for (let i = 0; i < 2; i++) expect(source.take(new ReadingBlock(8), rig.nowMs)).toEqual({ state: "ended" });
  });

  test(`${name}: its cursor is short text, a second commit or close changes nothing, and its problems are problems`, async () => {
    const rig = rigOf(kind);
    kind.add(rig, 1, 30);
    await rig.take();
    const source = await rig.source();
    expect(Buffer.byteLength(source.cursor() ?? "")).toBeLessThan(4_096);
    source.committed();
    source.committed();
    expect([...(source.changes?.() ?? [])]).toEqual([]);
    expect(source.hasMoved ?? false).toBe(false);
    for (const { code, message, try: hint } of source.problems?.() ?? [])
      expect([code, message, hint]).toEqual([
        expect.stringMatching(/^[a-z_]+$/),
        expect.any(String),
        expect.stringMatching(/./),
      ]);
    // All of it again, for a buffer that has nothing of it.
    source.changeAll?.();
    const kept = new Map(source.changes?.() ?? rig.state);
    rig.commit(source);
    expect([...rig.state.keys()].sort()).toEqual([...kept.keys()].sort());
    await source.close();
    await source.close();
  });
}

test("stdin: it cannot be read twice, and ends once", async () => {
  const stream = async function* () {
    yield Buffer.from(lines(1, 20));
  };
  const rig = rigOf({ glob: "", options: { scheme: "stdin", stdin: stream, capacity: 6 }, add: () => undefined });
  for (let i = 0; i < 20 && rig.rows.length < 20; i++) await rig.take();
  expect(rig.rows).toEqual(rowsOf(1, 20));
  const source = await rig.source();
  expect([source.cursor(), source.take(new ReadingBlock(8), 0)]).toEqual([null, { state: "ended" }]);
  await source.close();
  await source.close();
});
