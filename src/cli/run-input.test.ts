/** Reports of input that can be read and is probably a mistake: whole runs, in this process. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Status } from "../status/status.ts";
import { runCommandLine } from "./frame/commands.ts";

const HOME = mkdtempSync(join(tmpdir(), "agent-run-input-"));
afterAll(() => rmSync(HOME, { recursive: true }));

type RawRow = Readonly<Record<string, unknown>>;

type TableRows = readonly (readonly (string | number | null)[])[];

/** A run with `--once` over the rows of a table, with this map; and what `status` and the lake say afterwards. */
async function ran(columns: string, rows: TableRows, map: unknown, env = {}) {
  return await ranTwice(columns, [rows], map, env);
}

/** The same, with one run for each part of the rows. */
async function ranTwice(columns: string, parts: readonly TableRows[], map: unknown, env = {}) {
  const cwd = mkdtempSync(join(HOME, "case-"));
  writeFileSync(join(cwd, "map.json"), JSON.stringify(map));
  const said: string[] = [];
  const run = async (line: string): Promise<string> => {
    let stdout = "";
    await runCommandLine(line.split(" "), {
      env,
      dotenv: {},
      cwd,
      terminal: false,
      stop: new AbortController().signal,
      write: async (data) => {
        stdout += typeof data === "string" ? data : new TextDecoder().decode(data);
      },
      say: (text) => void said.push(text),
    });
    return stdout;
  };
  const uri = `sqlite:${join(cwd, "field.db")}?table=t`;
  const lake = join(cwd, "lake");
  for (const rows of parts) {
    const db = new Database(join(cwd, "field.db"), { create: true });
    db.run(`CREATE TABLE IF NOT EXISTS t (${columns})`);
    for (const row of rows) db.run(`INSERT INTO t VALUES (${row.map(() => "?").join(", ")})`, [...row]);
    db.close();
    await run(`run --once --source ${uri} --map map.json --data-dir ${join(cwd, "data")} --store dir:${lake}`);
  }
  const status = JSON.parse(await run(`status --json --data-dir ${join(cwd, "data")}`)) as Status;
  const warnings = said.filter((line) => / WARN /.test(line)).map((line) => line.replaceAll(uri, "sqlite:t"));
  const problems = status.problems.map((problem) => ({
    ...problem,
    message: problem.message.replaceAll(uri, "sqlite:t"),
  }));
  return {
    health: status.health,
    flaws: status.sources[0]?.flaws,
    problems,
    warnings,
    rows: rawRows(lake),
    keys: keysOf(lake),
  };
}

function keysOf(lake: string): string[] {
  if (!existsSync(lake)) return [];
  return readdirSync(lake, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith(".gz"));
}

function rawRows(lake: string): RawRow[] {
  const objects = keysOf(lake).filter((path) => path.includes("-raw-data-"));
  const lines = objects.flatMap((path) => {
    return new TextDecoder()
      .decode(Bun.gunzipSync(readFileSync(join(lake, path))))
      .trimEnd()
      .split("\n");
  });
  const rows = lines.map((line): RawRow => JSON.parse(line));
  const seqOf = (row: RawRow) => Number(String(row["reading_id"]).split("-")[1]);
  return rows.sort((a, b) => seqOf(a) - seqOf(b));
}

const fields = { dev: "sensor_id", ts: "timestamp" };

test("a wrong epoch unit is reported, with the one that fits, and no such reading has time_quality ok", async () => {
  const rows = [0, 1_700_000_000, 1_700_000_060].map((ts) => ["a", ts, 20] as const);
  const map = { fields, timestamp: { format: "unix_ms" } };
  const { health, problems, warnings, rows: raw, keys } = await ran("dev TEXT, ts, temperature REAL", rows, map);
  expect(raw.map((row) => [row["timestamp"], row["time_quality"]])).toEqual([
    ["1970-01-01T00:00:00.000Z", "unsynced"],
    ["1970-01-20T16:13:20.000Z", "unsynced"],
    ["1970-01-20T16:13:20.060Z", "unsynced"],
  ]);
  const message =
    '3 of 3 readings from "sqlite:t" have implausible times: ' +
    "unix_ms gives 1970-01-20 here; as unix_s it is 2023-11-14";
  expect(warnings).toEqual([expect.stringContaining(`${message}. The agent keeps them, with time_quality unsynced`)]);
  expect([health, problems.map((problem) => [problem.code, problem.message])]).toEqual([
    "degraded",
    [["times_implausible", message]],
  ]);
  expect(keys.some((key) => key.includes("date=1970-01-20/"))).toBe(true);
});

test("Julian days, days of a spreadsheet, microseconds and the far future are found too, each by itself", async () => {
  const cases: [format: string, value: number, expected: string][] = [
    ["unix_s", 2_460_311.5, "unix_s gives 1970-01-29 here; as julian_day it is 2024-01-02"],
    ["unix_ms", 45_292.5, "unix_ms gives 1970-01-01 here; as excel_day it is 2024-01-01"],
    ["unix_us", 1_700_000_000_000, "unix_us gives 1970-01-20 here; as unix_ms it is 2023-11-14"],
    ["unix_ms", 4_102_444_800_000, "2100-01-01T00:00:00.000Z"],
  ];
  for (const [format, value, expected] of cases) {
    const columns = "dev TEXT, ts, temperature REAL";
    const { problems, rows } = await ran(columns, [["a", value, 20]], { fields, timestamp: { format } });
    const message = `1 of 1 readings from "sqlite:t" has an implausible time: ${expected}`;
    expect(problems.map((problem) => problem.message)).toEqual([message]);
    expect(rows.map((row) => row["time_quality"])).toEqual(["unsynced"]);
  }
});

test("one implausible time among good ones marks only its own reading, and the range is a setting", async () => {
  const columns = "dev TEXT, ts TEXT, temperature REAL";
  const times = ["2023-11-14T22:13:20Z", "1970-01-01T00:00:12Z", "1999-12-31T23:59:59.999Z", "2000-01-01T00:00:00Z"];
  const rows = times.map((ts) => ["a", ts, 20] as const);
  const found = await ran(columns, rows, { fields });
  expect(found.rows.map((row) => row["time_quality"])).toEqual(["ok", "unsynced", "unsynced", "ok"]);
  expect(found.problems.map(({ message }) => message)).toEqual([
    '2 of 4 readings from "sqlite:t" have implausible times, such as 1970-01-01T00:00:12.000Z',
  ]);
  const earlier = await ran(columns, rows, { fields }, { AGENT_EARLIEST_TIME: "1970-01-01" });
  expect([earlier.health, earlier.warnings]).toEqual(["ok", []]);
  expect(earlier.rows.map((row) => row["time_quality"])).toEqual(["ok", "ok", "ok", "ok"]);
});

test("a misspelt name in a map is reported by a run with --once, and status says it afterwards", async () => {
  const map = { fields: { ...fields, temprature: "temperature" } };
  const { health, problems, warnings } = await ran("dev, ts, temperatur", [["a", "2024-01-01T00:00:00Z", 75]], map);
  const message = 'No row has these names of the map: "temprature" (did you mean temperatur?)';
  expect(warnings).toEqual([expect.stringContaining(message)]);
  const hint = expect.stringMatching(/^agent tail --json --data-dir \S+data$/);
  expect([health, problems]).toEqual(["degraded", [{ code: "map_names_unseen", message, try: hint }]]);
});

test("a rule that cannot work is in status after a run with --once, with the command that checks its folder", async () => {
  const folder = mkdtempSync(join(HOME, "rules-"));
  const rule = { name: "typo", when: { range: { measure: "temprature", max: 10 } } };
  writeFileSync(join(folder, "a.json"), JSON.stringify(rule));
  const row = ["a", "2024-01-01T00:00:00Z", 75];
  const found = await ran("dev, ts, temperature", [row], { fields }, { AGENT_RULES_DIR: folder });
  expect([found.health, found.problems]).toMatchObject([
    "degraded",
    [{ code: "rules_idle", message: expect.stringContaining("temprature"), try: `agent rules check ${folder}` }],
  ]);
});

test("a rule that fails for every reading is in the log and in status, by name", async () => {
  const folder = mkdtempSync(join(HOME, "rules-"));
  const rule = (name: string, expression: string) => ({ name, when: { expression } });
  const rules = [rule("night", "timestamp.getHours(location) < 6"), rule("model", "double(location) > 3.0")];
  writeFileSync(join(folder, "a.json"), JSON.stringify(rules));
  const row = ["a", "2024-01-01T00:00:00Z", 75, "Brussels"];
  const found = await ran("dev, ts, temperature, location", [row, row, row], { fields }, { AGENT_RULES_DIR: folder });
  expect([found.health, found.problems]).toMatchObject(["degraded", [{ code: "rule_errors" }]]);
  const failed = found.warnings.filter((line) => line.includes("rule_errors: "));
  expect(failed.map((line) => /Rule "\w+" failed for [^,]*/.exec(line)?.[0]).toSorted()).toEqual([
    'Rule "model" failed for all 3 readings that it could judge',
    'Rule "night" failed for all 3 readings that it could judge',
  ]);
});

test("through the hour that occurs twice every row has its own moment, also over a restart, and status counts them", async () => {
  const clock = ["00", "10", "20", "30", "40", "50"].map((minute) => `2024-10-27 02:${minute}:00`);
  const rows = [...clock, ...clock].map((ts, i) => ["a", ts, i] as const);
  const map = { fields, timestamp: { zone: "Europe/Berlin" } };
  const expected = rows.map((_, i) => new Date(Date.UTC(2024, 9, 27) + i * 600_000).toISOString());
  for (const cut of [12, 3, 6, 8]) {
    const found = await ranTwice("dev TEXT, ts TEXT, temperature REAL", [rows.slice(0, cut), rows.slice(cut)], map);
    expect([cut, found.rows.map((row) => row["timestamp"])]).toEqual([cut, expected]);
    expect([cut, found.flaws, found.health]).toEqual([
      cut,
      [{ reason: "repeated_time", field: null, count: 12 }],
      "ok",
    ]);
    expect(found.warnings.length).toBe(cut === 12 ? 1 : 2);
    expect(found.warnings[0]).toContain(
      'From "sqlite:t": local times of Europe/Berlin around 2024-10-27T00:00:00.000Z occur twice, and the order of a ' +
        "sensor's rows decides which is meant. The agent counts more of them",
    );
  }
}, 60_000);

test("built-in rules in another unit than the profile's are reported; a folder of the user's own is not", async () => {
  const profile = (unit: string) => ({
    name: "room",
    measures: [
      { name: "temperature", unit, plausible: [-20, 130] },
      { name: "co2", unit: "ppm", plausible: [300, 9_000] },
    ],
  });
  const rows = [["a", "2024-01-01T00:00:00Z", 75]] as const;
  const columns = "dev TEXT, ts TEXT, temperature REAL";
  const warningsWith = async (unit: string, env = {}) => {
    const path = join(mkdtempSync(join(HOME, "profile-")), "room.json");
    writeFileSync(path, JSON.stringify(profile(unit)));
    return (await ran(columns, rows, { fields }, { AGENT_PROFILE: path, ...env })).warnings;
  };
  expect(await warningsWith("°F")).toEqual([
    expect.stringContaining(
      'The profile "room" has temperature in °F, not °C: the limits of the built-in rules do not fit. ' +
        "Copy the rules, and change their limits",
    ),
  ]);
  expect(await warningsWith("degC")).toEqual([]);
  const own = mkdtempSync(join(HOME, "rules-"));
  writeFileSync(join(own, "hot.json"), '{"name": "hot", "when": {"range": {"measure": "temperature", "max": 120}}}');
  expect(await warningsWith("°F", { AGENT_RULES_DIR: own })).toEqual([]);
});

test("readings without any measure, and a field that is never read, are not well: degraded, said once", async () => {
  const times = Array.from({ length: 30 }, (_, i) => `2026-11-23T08:00:${String(i).padStart(2, "0")}Z`);
  const without = await ran(
    "sensor_id, timestamp, temprature",
    times.map((time) => ["a", time, 21]),
    {},
  );
  expect(without).toMatchObject({ health: "degraded", problems: [{ code: "no_measures" }] });
  expect(without.problems[0]?.message).toContain('"temprature" (did you mean temperature?)');
  expect(without.warnings.length).toBe(1);
  const text = await ran(
    "sensor_id, timestamp, temperature, humidity",
    times.map((time) => ["a", time, "21.5", 40]),
    {},
  );
  expect(text).toMatchObject({
    health: "degraded",
    problems: [{ code: "field_unreadable", message: expect.stringContaining('"text_numbers": true') }],
    flaws: [{ reason: "wrong_type", field: "temperature", count: 30 }],
  });
});

test("what a map leaves out is counted and no problem, until it is all of the input", async () => {
  const rows = [
    ["a", "2024-01-01T00:00:00Z", 20],
    ["b", "2024-01-01T00:00:00Z", 21],
    ["c", "2024-01-01T00:00:00Z", 22],
  ] as const;
  const some = await ran("dev, ts, temperature", rows, { fields, where: { field: "dev", not_in: ["a", "c"] } });
  expect([some.health, some.warnings, some.flaws]).toEqual(["ok", [], [{ reason: "filtered", field: null, count: 2 }]]);
  expect(some.rows.map((row) => row["sensor_id"])).toEqual(["b"]);
  const none = await ran("dev, ts, temperature", rows, { fields, where: { field: "dev", like: "z*" } });
  const message =
    'Each of 3 records from "sqlite:t" is left out by the map ("where", or an empty "each"): nothing of the input is a reading';
  expect([none.rows, none.flaws]).toEqual([[], [{ reason: "filtered", field: null, count: 3 }]]);
  expect([none.health, none.problems]).toEqual([
    "degraded",
    [{ code: "nothing_wanted", message, try: expect.stringContaining("agent status --json") }],
  ]);
  expect(none.warnings).toEqual([expect.stringContaining(message)]);
});
