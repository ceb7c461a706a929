/** The comparison of buckets with tables, over a table in memory: SQL itself is tested on Spark (src/testing). */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { STAGES, type Stage } from "../../core/stage.ts";
import type { SqlOptions, SqlRow, SqlRows } from "../../databricks/sql.ts";
import type { Pace } from "../../databricks/wire.ts";
import { MemoryStore } from "../../uplink/memory-store.ts";
import { readingKey, windowKey } from "../../uplink/object-key.ts";
import { hourOfKey, nodeOfKey } from "./sums.ts";
import { loadedThrough, type TablesOptions, verifyTables } from "./tables.ts";

const START = Date.UTC(2026, 10, 24, 8);
const HOUR = 3_600_000;
const LOADED = START + 1_000 * HOUR;
const PACE: Pace = {
  stop: new AbortController().signal,
  now: () => 0,
  wait: async () => undefined,
  tell: () => undefined,
};

type TableRow = { key: string; id: string };
type Tables = Partial<Record<Stage, TableRow[]>>;
const TABLES: readonly (readonly [name: string, stage: Stage])[] = [
  ["sensor_readings_ingestion", "raw"],
  ["sensor_readings_validated", "validated"],
  ["sensor_readings_anomalies", "anomalies"],
  ["sensor_readings_schematized", "schematized"],
  ["sensor_readings_aggregated", "aggregated"],
];

const groupBy = (rows: readonly TableRow[], by: (row: TableRow) => string) => Map.groupBy(rows, by);
const named = (key: string) => Number(/\.(\d+)\.json\.gz$/.exec(key)?.[1]);

/** Answers the four statements as their text says, and remembers which hours were asked for. */
function tableOf(tables: Tables) {
  const asked: { stage: Stage; hours: string[] }[] = [];
  const sums = (rows: readonly TableRow[]): string[] => {
    const objects = groupBy(rows, ({ key }) => key);
    const uneven = [...objects].filter(([key, own]) => own.length !== named(key)).length;
    const prints = [...objects.keys()].reduce((sum, key) => sum + Bun.hash.crc32(key), 0);
    return [objects.size, rows.length, 0, uneven, prints, LOADED].map(String);
  };
  const run = async (_doing: string, statement: string, _pace: Pace, { parameters = [] }: SqlOptions = {}) => {
    const stage = TABLES.find(([name]) => statement.includes(`\`${name}\``))?.[1];
    const answer = (rows: SqlRow[]): SqlRows => ({ columns: [], rows, truncated: false });
    if (stage === undefined) return answer([]);
    const all = tables[stage] ?? [];
    const hours = parameters.map(({ value }) => value ?? "");
    const some = all.filter(({ key }) => hours.includes(hourOfKey(key)));
    if (statement.includes("GROUPING SETS")) {
      return answer([
        ...[...groupBy(all, ({ key }) => hourOfKey(key))].map(([hour, rows]) => [hour, null, ...sums(rows)]),
        ...[...groupBy(all, ({ key }) => nodeOfKey(key))].map(([node, rows]) => [null, node, ...sums(rows)]),
      ]);
    }
    const distinct = (rows: readonly TableRow[]) => String(new Set(rows.map(({ id }) => id)).size);
    if (hours.length === 0) {
      return answer([...groupBy(all, ({ key }) => hourOfKey(key))].map(([hour, rows]) => [hour, distinct(rows)]));
    }
    if (!statement.includes("HAVING")) {
      asked.push({ stage, hours });
      const objects = [...groupBy(some, ({ key }) => key)];
      return answer(objects.map(([key, rows]) => [key, String(rows.length), "0"]));
    }
    const twice = [...groupBy(some, ({ id }) => id)].filter(([, rows]) => rows.length > 1);
    return answer(twice.map(([id, rows]) => [id, String(rows.length), rows[0]!.key]));
  };
  return { run, asked };
}

const METADATA = { node: "n", count: 1, agentVersion: "0.1.0", rulesVersion: "r" } as const;
const EPOCH = "01j0000000000000000000test";
const rawKey = (hour: number, node: string, first: number, count: number) =>
  readingKey({ hourMs: START + hour * HOUR, node, epoch: EPOCH, first, last: first + count - 1, count });

type Stored = { stage: Stage; key: string; storedMs?: number };
async function storeOf(objects: readonly Stored[]): Promise<MemoryStore> {
  let nowMs = 0;
  const store = new MemoryStore(() => nowMs);
  for (const { stage, key, storedMs = 0 } of objects) {
    nowMs = storedMs;
    await store.put({ stage, key }, new Uint8Array(0), { ...METADATA, stage });
  }
  return store;
}

const rowsFor = (key: string): TableRow[] => Array.from({ length: named(key) }, (_, n) => ({ key, id: `${key} ${n}` }));

async function verifyThese(objects: readonly Stored[], tables: Tables, more: Partial<TablesOptions> = {}) {
  const { run, asked } = tableOf(tables);
  const names = { catalog: "c", schema: "s" };
  const store = await storeOf(objects);
  const found = await verifyTables({ store, sql: { run }, pace: PACE, names, ingest: null, ...more });
  const findings = found.stages.flatMap((stage) => stage.findings);
  return {
    found,
    asked,
    reported: findings.map(({ kind, key, expected, found: n, note }) => [kind, key, expected, n, note]),
  };
}

test("only the hours that differ are examined, however many there are", async () => {
  const keys = Array.from({ length: 1_000 }, (_, hour) => rawKey(hour, "n", hour * 10 + 1, 10));
  const rows = keys.flatMap(rowsFor);
  const lost = keys[500]!;
  const short = keys[700]!;
  const table = rows.filter(({ key, id }) => key !== lost && id !== `${short} 3`);
  const { found, asked, reported } = await verifyThese(
    keys.map((key) => ({ stage: "raw", key })),
    { raw: table },
  );
  expect(reported).toEqual([
    ["lost", lost, 10, 0, null],
    ["short", short, 10, 9, null],
  ]);
  expect(asked).toEqual([{ stage: "raw", hours: [hourOfKey(short)] }]);
  expect(found.ok).toBe(false);
  const node = found.stages[0]!.nodes.get("n")!;
  expect([node.bucket.rows, node.table.rows, node.counts.lost, node.counts.short]).toEqual([10_000, 9_989, 1, 1]);
});

test("hours beyond the limit of examination are reported as a span, and are not ok", async () => {
  const keys = Array.from({ length: 700 }, (_, hour) => rawKey(hour, "n", hour * 10 + 1, 10));
  const { found } = await verifyThese(
    keys.map((key) => ({ stage: "raw", key })),
    {},
  );
  const raw = found.stages[0]!;
  expect([found.ok, raw.nodes.get("n")!.counts.waiting]).toEqual([false, 500]);
  expect([raw.unexamined.length, raw.unexamined[0], raw.unexamined.at(-1)]).toEqual([
    200,
    hourOfKey(keys[500]!),
    hourOfKey(keys[699]!),
  ]);
});

test("by node: one that differs does not hide another, and two objects that change places are seen", async () => {
  const [a, b] = [rawKey(0, "a", 1, 10), rawKey(0, "b", 1, 10)];
  const alien = rawKey(0, "a", 11, 10);
  const { found, reported } = await verifyThese(
    [
      { stage: "raw", key: a },
      { stage: "raw", key: b },
    ],
    {
      raw: [...rowsFor(b), ...rowsFor(alien)],
    },
  );
  expect(reported).toEqual([
    ["lost", a, 10, 0, null],
    ["unlisted", alien, 0, 10, null],
  ]);
  expect([...found.stages[0]!.nodes].map(([node, { counts }]) => [node, counts.lost + counts.unlisted])).toEqual([
    ["a", 2],
    ["b", 0],
  ]);
});

test("an object that was stored after the last load waits; which load counts is a rule", async () => {
  const [old, fresh] = [rawKey(0, "n", 1, 10), rawKey(0, "n", 11, 10)];
  const objects = [
    { stage: "raw" as const, key: old, storedMs: LOADED - 3_600_000 },
    { stage: "raw" as const, key: fresh, storedMs: LOADED },
  ];
  const kinds = async (ingest: TablesOptions["ingest"], tables: Tables) =>
    (await verifyThese(objects, tables, { ingest })).reported.map(([kind]) => kind);
  const later = { raw: rowsFor(rawKey(1, "n", 21, 10)) };
  expect(await kinds(null, later)).toEqual(["lost", "waiting", "unlisted"]);
  expect(await kinds({ startedMs: LOADED + 120_000, isRunning: false }, {})).toEqual(["lost", "lost"]);
  expect(await kinds({ startedMs: LOADED - 7_200_000, isRunning: true }, later)).toEqual([
    "waiting",
    "waiting",
    "unlisted",
  ]);
  expect(loadedThrough({ startedMs: null, isRunning: false }, null)).toBeNull();
  expect(loadedThrough({ startedMs: null, isRunning: false }, LOADED)).toBe(LOADED - 900_000);
  expect(loadedThrough({ startedMs: null, isRunning: true }, LOADED)).toBeNull();
});

test("the table must hold the highest revision of a window; the one before it is right while that one waits", async () => {
  const key = (revision: number) => windowKey({ windowStartMs: START, node: "n", epoch: EPOCH, revision, count: 3 });
  const objects = [0, 1, 2, 10].map((revision): Stored => ({ stage: "aggregated", key: key(revision) }));
  const reported = async (held: string, ingest: TablesOptions["ingest"] = null) =>
    (await verifyThese(objects, { aggregated: rowsFor(held) }, { ingest })).reported;
  expect(await reported(key(10))).toEqual([]);
  expect(await reported(key(2))).toEqual([["older", key(10), 3, 3, key(2)]]);
  const never = { startedMs: -1, isRunning: false };
  expect((await reported(key(2), never)).map(([kind, of]) => [kind, of])).toEqual([["waiting", key(10)]]);
});

test("an empty bucket is not ok; rows of hours that were cleaned are ok, and so are other names", async () => {
  const early = rawKey(0, "n", 1, 10);
  const late = rawKey(5, "n", 11, 10);
  const nothing = await verifyThese([], { raw: rowsFor(early) });
  expect([nothing.found.ok, nothing.found.stages[0]!.isBucketEmpty, nothing.reported]).toEqual([false, true, []]);
  const cleaned = await verifyThese([{ stage: "raw", key: late }], { raw: [...rowsFor(early), ...rowsFor(late)] });
  expect([cleaned.found.ok, cleaned.found.stages[0]!.cleaned]).toEqual([true, { objects: 1, rows: 10 }]);
  const own = `${hourOfKey(late)}/n/by-hand.1.json.gz`;
  const foreign = await verifyThese(
    [
      { stage: "raw", key: late },
      { stage: "raw", key: own },
    ],
    {
      raw: [...rowsFor(late), { key: own, id: "x" }],
    },
  );
  expect([foreign.found.ok, foreign.reported]).toEqual([true, []]);
  expect(foreign.found.stages[0]!.foreign).toEqual({ objects: 1, named: [own] });
});

test("any damage of a table is reported by the object or the reading that was damaged", async () => {
  const keys = [0, 1, 2].flatMap((hour) => ["a", "b"].map((node) => rawKey(hour, node, hour * 10 + 1, 5)));
  const damage = fc.array(fc.constantFrom("none", "gone", "short", "twice"), { minLength: 6, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(damage, fc.constantFrom(...STAGES.slice(0, 4)), async (kinds, stage) => {
      const expected: unknown[] = [];
      const rows = keys.flatMap((key, at) => {
        const all = rowsFor(key);
        if (kinds[at] === "gone") expected.push(`lost ${key}`);
        if (kinds[at] === "short") expected.push(`short ${key}`);
        if (kinds[at] === "twice") expected.push(`surplus ${key}`, `twice ${key} 2`);
        const of = { none: all, gone: [], short: all.slice(1), twice: [...all, all[2]!] };
        return of[kinds[at] as keyof typeof of];
      });
      const old = { startedMs: LOADED, isRunning: false };
      const { reported, found } = await verifyThese(
        keys.map((key) => ({ stage, key })),
        { [stage]: rows },
        { ingest: old },
      );
      expect(reported.map(([kind, key, , , note]) => `${kind} ${kind === "twice" ? note : key}`).sort()).toEqual(
        expected.map(String).sort(),
      );
      expect(found.ok).toBe(expected.length === 0);
    }),
  );
});
