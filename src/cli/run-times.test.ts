/** Times as devices without a clock, and loggers with one, give them: whole runs, in this process. */
import { Database } from "bun:sqlite";
import { afterAll, expect } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Status } from "../status/status.ts";
import { testWith } from "../testing/needs.ts";
import { see } from "./frame/command-line.suite.ts";
import { COMMANDS } from "./frame/commands.ts";

const HOME = mkdtempSync(join(tmpdir(), "agent-run-times-"));
afterAll(() => rmSync(HOME, { recursive: true }));

type TableRow = readonly (string | number | null)[];
type LakeRow = Readonly<Record<string, unknown>>;

/** A node that reads a table by this map. Each `run` takes the rows that were added before, and delivers them. */
function nodeOf(columns: string, map: unknown) {
  const cwd = mkdtempSync(join(HOME, "case-"));
  writeFileSync(join(cwd, "map.json"), JSON.stringify(map));
  const lake = join(cwd, "lake");
  const call = async (...words: string[]): Promise<string> =>
    (await see([...words, "--data-dir", join(cwd, "data")], COMMANDS, { cwd })).stdout;
  const run = async (rows: readonly TableRow[]): Promise<void> => {
    const db = new Database(join(cwd, "field.db"), { create: true });
    db.run(`CREATE TABLE IF NOT EXISTS t (${columns})`);
    for (const row of rows) db.run(`INSERT INTO t VALUES (${row.map(() => "?").join(", ")})`, [...row]);
    db.close();
    const uri = `sqlite:${join(cwd, "field.db")}?table=t`;
    await call("run", "--once", "--source", uri, "--map", "map.json", "--store", `dir:${lake}`);
  };
  return { call, run, rowsOf: (stage: string) => rowsOf(lake, stage), store: `dir:${lake}` };
}

function rowsOf(lake: string, stage: string): LakeRow[] {
  const objects = readdirSync(lake, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith(".gz") && path.includes(`-${stage}-data-`));
  const rows = objects.flatMap((path) => {
    const text = new TextDecoder().decode(gunzipSync(readFileSync(join(lake, path))));
    return text
      .trimEnd()
      .split("\n")
      .map((line): LakeRow => JSON.parse(line));
  });
  const seqOf = (row: LakeRow) => Number(String(row["reading_id"]).split("-")[1]);
  return rows.sort((a, b) => seqOf(a) - seqOf(b));
}

testWith("time")(
  "rows without a time have that of their arrival, the same in every stage, in `why` and after another start",
  async () => {
    const { call, run, rowsOf, store } = nodeOf("last_seen INTEGER, temperature REAL", {
      fields: { last_seen: "timestamp" },
      constants: { sensor_id: "kitchen" },
      timestamp: { format: "unix_ms", missing: "arrival" },
    });
    const before = Date.now();
    await run([
      [null, 21.6],
      [1_700_000_000_000, 21.7],
      [null, 99],
    ]);
    const after = Date.now();
    const raw = rowsOf("raw");
    expect(raw.map((row) => [row["time_quality"], row["temperature"]])).toEqual([
      ["arrival", 21.6],
      ["ok", 21.7],
      ["arrival", 99],
    ]);
    const [first, own, hot] = raw;
    for (const row of [first, hot]) {
      expect(Date.parse(String(row?.["timestamp"]))).toBeWithin(before, after + 1);
    }
    expect(own?.["timestamp"]).toBe("2023-11-14T22:13:20.000Z");
    await run([[null, 21.8]]);
    const again = rowsOf("raw");
    expect(again.slice(0, 3)).toEqual(raw);
    expect(rowsOf("validated")).toEqual([again[0]!, again[1]!, again[3]!]);
    expect(rowsOf("schematized").map((row) => [row["timestamp"], row["time_quality"]])).toEqual(
      [again[0]!, again[1]!, again[3]!].map((row) => [row["timestamp"], row["time_quality"]]),
    );
    expect(rowsOf("anomalies")).toEqual([expect.objectContaining({ ...again[2] })]);
    const why = JSON.parse(await call("why", String(hot?.["reading_id"]), "--json")) as { reading: LakeRow };
    expect(why.reading).toEqual({ ...hot });
    expect(JSON.parse(await call("verify", "--deep", "--json", "--store", store))).toMatchObject({ ok: true });
    const status = JSON.parse(await call("status", "--json")) as Status;
    expect([status.health, status.problems]).toEqual(["ok", []]);
  },
);

/** Ten minutes apart, through the hour that occurs twice in Berlin. */
const LOCAL = [
  ..."01:40|01:50|02:00|02:10|02:20|02:30|02:40|02:50|02:00|02:10|02:20|02:30|02:40|02:50|03:00".split("|"),
];
const MOMENTS = LOCAL.map((_, i) => Date.UTC(2024, 9, 26, 23, 40 + i * 10));

testWith("time")(
  "both passes of an hour that occurs twice are told apart in any format, also when the agent starts in between",
  async () => {
    type World = [cut: number, columns: string, timestamp: object, fields: object, rowOf: (time: string) => TableRow];
    const worlds: World[] = [
      [8, "id TEXT, ts TEXT, temperature REAL", {}, { ts: "timestamp" }, (t) => ["a", `2024-10-27 ${t}:00`, 1]],
      [
        4,
        "id TEXT, ts TEXT, temperature REAL",
        { format: ["%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M"] },
        { ts: "timestamp" },
        (t) => ["a", `27.10.2024 ${t}`, 1],
      ],
      [
        11,
        "id TEXT, Date TEXT, Time TEXT, temperature REAL",
        { format: "%d/%m/%Y %H.%M", from: ["Date", "Time"] },
        {},
        (t) => ["a", "27/10/2024", t.replace(":", "."), 1],
      ],
    ];
    for (const [cut, columns, timestamp, fields, rowOf] of worlds) {
      const map = { fields: { id: "sensor_id", ...fields }, timestamp: { ...timestamp, zone: "Europe/Berlin" } };
      const { run, rowsOf } = nodeOf(columns, map);
      const rows = LOCAL.map(rowOf);
      await run(rows.slice(0, cut));
      await run(rows.slice(cut));
      const times = rowsOf("raw").map((row) => Date.parse(String(row["timestamp"])));
      expect([timestamp, times]).toEqual([timestamp, MOMENTS]);
    }
  },
  60_000,
);
