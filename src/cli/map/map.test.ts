import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { StdinSource } from "../../sensor/lines/stdin.ts";
import { parseMapping } from "../../sensor/map/map-file.ts";
import { loadProfile } from "../../sensor/profile/shipped.ts";
import { Normalizer } from "../../sensor/row/normalize.ts";
import { see } from "../frame/command-line.suite.ts";
import { COMMANDS } from "../frame/commands.ts";

const HOME = mkdtempSync(join(tmpdir(), "agent-map-cli-"));
afterAll(() => rmSync(HOME, { recursive: true }));

/** `agent map …` in a folder with these files. */
async function seen(argv: readonly string[], files: Readonly<Record<string, string>>, more = {}) {
  const cwd = mkdtempSync(join(HOME, "case-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
  const { code, stdout, stderr } = await see(["map", ...argv], COMMANDS, { cwd, ...more });
  // It writes nothing.
  expect(readdirSync(cwd).sort()).toEqual(Object.keys(files).sort());
  return { code, stdout, stderr };
}

type Trial = {
  readonly ok: boolean;
  readonly summary: Readonly<Record<string, unknown>>;
  readonly records: readonly Readonly<Record<string, unknown>>[];
};

async function tried(map: object, sample: string, words: readonly string[] = [], name = "s.ndjson") {
  const files = { "m.json": JSON.stringify(map), [name]: sample };
  const { code, stdout } = await seen(["try", "m.json", name, "--json", ...words], files);
  return { code, ...(JSON.parse(stdout) as Trial) };
}

test("map check says that a map is fine, or every problem with its place; a map that is not there is another matter", async () => {
  const good = await seen(["check", "m.json"], { "m.json": '{"fields": {"T": "temperature"}}' });
  expect(good).toEqual({
    code: 0,
    stdout: "The map m.json is fine. What it makes of lines: agent map try m.json < lines\n",
    stderr: [],
  });
  const bad = { "m.json": '{"fields": {"T": "temprature"},\n "timestamp": {"format": "dd/MM/yyyy"}}' };
  const found = await seen(["check", "m.json"], bad);
  expect([found.code, found.stdout.split("\n")]).toEqual([
    1,
    [
      'm.json:1:18: fields.T: "temprature" is neither a measure of the profile nor a column of a reading; did you mean temperature?',
      expect.stringMatching(/^m\.json:2:26: timestamp\.format: must be one of .*; did you mean %d\/%m\/%Y\?$/),
      "",
    ],
  ]);
  const json = JSON.parse((await seen(["check", "m.json", "--json"], bad)).stdout) as Record<string, unknown>;
  expect(json).toEqual({ ok: false, problems: found.stdout.trimEnd().split("\n") });
  expect((await seen(["check", "no.json"], {})).code).toBe(2);
});

test("a profile decides which measures a map may name, and what their units are", async () => {
  const files = {
    "room.json": JSON.stringify({ name: "room", measures: [{ name: "co2", unit: "ppm", plausible: [0, 1000] }] }),
    "m.json": '{"fields": {"c": "co2"}, "constants": {"sensor_id": "r"}, "timestamp": {"missing": "arrival"}}',
    "s.ndjson": '{"c": 400}',
  };
  expect((await seen(["check", "m.json"], files)).code).toBe(1);
  expect((await seen(["check", "m.json", "--profile", "room.json"], files)).code).toBe(0);
  const { stdout } = await seen(["try", "m.json", "s.ndjson", "--profile", "room.json"], files);
  expect(stdout).toMatch(/ {2}reading {4}r {2}\S+Z \(its arrival\) {2}co2 400 ppm\n/);
});

const MAP = {
  where: { field: "id", exists: true },
  fields: { id: "sensor_id", ts: "timestamp", Temp: { to: "temperature", unit: "°F" } },
  timestamp: { format: "unix" },
  drop: ["row"],
};
const LINES = [
  '{"id":"a","ts":1700000000,"Temp":72.5,"location":"roof","status_code":3,"row":4,"note":"x"}',
  "",
  '{"heartbeat":1}',
  '{"id":"a","ts":1700000060,"Temp":72.5,"humidity":"nan"}',
  '{"id":"a","ts":"yesterday","Temp":72.5}',
  "half a line \u001b[31m",
];

test("map try shows each line and what it became, was dropped, left out or refused, and why", async () => {
  const { code, stdout, stderr } = await seen(["try", "m.json", "s.ndjson"], {
    "m.json": JSON.stringify(MAP),
    "s.ndjson": LINES.join("\n"),
  });
  expect([code, stderr]).toEqual([1, []]);
  expect(stdout.split("\n")).toEqual([
    'line 1       {"id":"a","ts":1700000000,"Temp":72.5,"location":"roof","status_code":3,"row":4,"note":"x"}',
    "  reading    a  2023-11-14T22:13:20.000Z  temperature 22.5 °C",
    "             location roof, status_code 3",
    "  extra      note",
    "  dropped    row",
    "",
    'line 3       {"heartbeat":1}',
    '  left out   by the map\'s "where"',
    "",
    'line 4       {"id":"a","ts":1700000060,"Temp":72.5,"humidity":"nan"}',
    "  reading    a  2023-11-14T22:14:20.000Z  temperature 22.5 °C",
    '  problem    not_finite: humidity is text "nan", a finite number was expected',
    "",
    'line 5       {"id":"a","ts":"yesterday","Temp":72.5}',
    '  malformed  wrong_type: ts is text "yesterday", a number was expected',
    "",
    expect.stringMatching(/^line 6 {7}half a line .*\[31m$/),
    expect.stringMatching(/^ {2}malformed {2}not_json: the line is not JSON, it begins with /),
    "",
    "5 records: 2 readings of 1 sensor, 1 left out, 2 malformed, 1 field not read.",
    "In extra, because the map does not name them: note",
    "",
  ]);
  expect(stdout).not.toContain("\u001b");
});

test("colours are for a terminal, and lines are cut to its width", async () => {
  const files = { "m.json": JSON.stringify(MAP), "s.ndjson": LINES[0] ?? "" };
  const { stdout } = await seen(["try", "m.json", "s.ndjson"], files, { columns: 60 });
  expect(stdout).toContain("\u001b[32m  reading    \u001b[0m");
  expect(stdout.split("\n")[0]?.length).toBe(60);
  const plain = await seen(["try", "m.json", "s.ndjson"], files, { columns: 60, env: { NO_COLOR: "1" } });
  expect(plain.stdout).not.toContain("\u001b");
});

test("what there is to say of a record is never cut; one without items is empty, whatever the map leaves out", async () => {
  const map = { timestamp: { format: ["iso", "unix", "%d.%m.%Y %H:%M"] } };
  const line = '{"sensor_id":"a","timestamp":"01/02/2024 12:00","temperature":1}';
  const cut = await seen(["try", "m.json", "s.ndjson"], { "m.json": JSON.stringify(map), "s.ndjson": line });
  expect(cut.stdout).toMatch(/ {2}malformed {2}bad_timestamp: timestamp is text .* was expected; .*%d\/%m\/%Y %H:%M/);
  const leftOut = async (more: object) => {
    const files = {
      "m.json": JSON.stringify({ each: "v[]", fields: { x: "temperature" }, ...more }),
      "s.ndjson": '{"sensor_id":"a","timestamp":"2024-01-01T00:00:00Z","v":[]}\n'.repeat(2),
    };
    const { stdout } = await seen(["try", "m.json", "s.ndjson"], files);
    return stdout.split("\n").filter((row) => row.startsWith("  left out"));
  };
  const empty = '  left out   empty: the map\'s "each" finds no reading in it';
  expect(await leftOut({})).toEqual([empty, empty]);
  const either = '  left out   by the map\'s "where", or empty';
  expect(await leftOut({ where: { field: "x", exists: true } })).toEqual([either, either]);
});

test("rows that are joined, and those among them that are no readings, are shown each with its text and line", async () => {
  const map = { wide: { name: "n", value: "v" }, each: "rows[]", timestamp: { missing: "arrival" } };
  const row = (t: number, n: string, v: unknown) =>
    JSON.stringify({ rows: [{ sensor_id: "a", timestamp: `2024-01-01T00:0${t}:00Z`, n, v }] });
  const lines = [row(0, "temperature", 1), row(0, "humidity", 2), "nonsense", '{"rows":[]}', "", '{"rows":[{}]}'];
  lines.push(row(1, "temperature", 3), "more nonsense");
  const { records } = await tried(map, `${lines.join("\n")}\n`);
  const shown = records.map(({ line, text, readings, malformed, filtered }) => {
    return [line, String(text).split("\n")[0], (readings as []).length, (malformed as []).length, filtered];
  });
  expect(shown).toEqual([
    [3, "nonsense", 0, 1, 0],
    [4, '{"rows":[]}', 0, 0, 1],
    [6, '{"rows":[{}]}', 0, 1, 0],
    [1, lines[0], 1, 0, 0],
    [8, "more nonsense", 0, 1, 0],
    [7, lines[6], 1, 0, 0],
  ]);
});

test("a name of the map that no line has is said, with what was probably meant, and exits 1", async () => {
  const map = { fields: { id: "sensor_id", Temprature: "temperature" } };
  const line = '{"id":"a","timestamp":"2024-01-01T00:00:00Z","Temperature":3}';
  const { code, ok, summary } = await tried(map, line);
  expect([code, ok, summary["unseen"], summary["without_measures"]]).toEqual([
    1,
    false,
    'No row has these names of the map: "Temprature" (did you mean Temperature?)',
    1,
  ]);
  expect((await tried({ fields: { id: "sensor_id", Temperature: "temperature" } }, line)).code).toBe(0);
});

test("each record of several readings, and each row of CSV, is shown with its own text and line", async () => {
  const csv = [
    "# station 7",
    "Date;Time;T;H",
    "10/03/2004;18.00.00;2,6;-200",
    "10/03/2004;24.00.00;2,7;40",
    "31/02/2004;18.00.00;1,0;40",
  ];
  const map = {
    fields: { T: "temperature", H: "humidity" },
    constants: { sensor_id: "s" },
    timestamp: { format: "%d/%m/%Y %H.%M.%S", from: ["Date", "Time"] },
    absent: [-200],
  };
  const found = await tried(map, csv.join("\n"), ["--format", "csv&delimiter=;&decimal=,"], "air.txt");
  expect(found.records.map(({ line, readings, malformed }) => [line, readings, malformed])).toEqual([
    [3, [expect.objectContaining({ timestamp: "2004-03-10T18:00:00.000Z" })], []],
    [4, [expect.objectContaining({ timestamp: "2004-03-11T00:00:00.000Z" })], []],
    [5, [], [{ reason: "bad_timestamp", detail: expect.stringContaining("31/02/2004 18.00.00") }]],
  ]);
  expect(found.records[0]?.["text"]).toBe("10/03/2004;18.00.00;2,6;-200");
  const first = found.records[0]?.["readings"] as { measures: object }[];
  expect(first[0]?.measures).toMatchObject({ temperature: 2.6, humidity: null });
  const many = { each: "values[]", fields: { n: "sensor_id", v: "temperature", t: "timestamp" } };
  const nested = '{"t":"2024-01-01T00:00:00Z","values":[{"n":"a","v":1},{"n":"b","v":2}]}';
  const both = (await tried(many, nested)).records[0]?.["readings"] as { sensor_id: string }[];
  expect(both.map(({ sensor_id }) => sensor_id)).toEqual(["a", "b"]);
});

test("a topic, a file's name and a query are there for the map, and a message may be a number", async () => {
  const map = {
    compose: { sensor_id: "{@topic[1]}" },
    fields: { value: "temperature" },
    timestamp: { missing: "arrival" },
  };
  const message = await tried(map, "21.5\n", ["--topic", "site/oven/temperature"], "m.txt");
  const readings = message.records[0]?.["readings"];
  expect([message.code, readings]).toEqual([
    0,
    [
      expect.objectContaining({
        sensor_id: "oven",
        time_quality: "arrival",
        measures: expect.objectContaining({ temperature: 21.5 }),
      }),
    ],
  ]);
  const named = { compose: { sensor_id: "{@file}-{@query.plant}" }, timestamp: { missing: "arrival" } };
  const { records } = await tried(named, '{"temperature":1}', ["--query", "plant=7"], "oven.ndjson");
  expect(records[0]?.["readings"]).toEqual([expect.objectContaining({ sensor_id: "oven-7" })]);
});

test("a sample is tried up to its limit, and says so; one without records is no trial", async () => {
  const line = (i: number) => `{"sensor_id":"a","timestamp":"2024-01-01T00:00:00Z","temperature":${i}}\n`;
  const lines = Array.from({ length: 1_005 }, (_, i) => line(i));
  const { code, summary, records } = await tried({}, lines.join(""));
  expect([code, summary["records"], summary["is_cut"], records.length]).toEqual([0, 1_000, true, 1_000]);
  expect((await tried({}, lines.slice(0, 1_000).join(""))).summary["is_cut"]).toBe(false);
  const files = { "m.json": "{}", "s.ndjson": "\n\n" };
  const none = await seen(["try", "m.json", "s.ndjson"], files);
  expect([none.code, none.stderr]).toEqual([
    2,
    ["Cannot try the map: the sample has no record", "Try: agent map try m.json < sample.ndjson"],
  ]);
});

test("a map, a sample or a format that cannot be used exits 2 with a sentence", async () => {
  const files = { "m.json": "{}", "bad.json": '{"fields": 3}', "s.ndjson": "{}" };
  const calls: [words: string[], said: string][] = [
    [["try", "bad.json", "s.ndjson"], "bad.json:1:12: fields: must be an object, not 3"],
    [["try", "m.json", "no.ndjson"], 'Cannot read sample "no.ndjson": '],
    [["try", "m.json", "s.ndjson", "--format", "xml"], 'Cannot use --format: there is no format "xml"'],
    [["try", "m.json", "s.ndjson", "--format", "json", "--topic", "a/b"], "Cannot use --format: a message of --topic"],
  ];
  for (const [words, said] of calls) {
    const { code, stderr } = await seen(words, files);
    expect([words, code, stderr[0]]).toEqual([words, 2, expect.stringContaining(said)]);
  }
});

test("a trial makes the readings that a run makes of the same lines", async () => {
  const sample = [...LINES, ...LINES, LINES[0]].join("\n");
  const { records } = await tried(MAP, sample);
  const shown = records.flatMap(
    ({ readings }) => readings as { timestamp: string; measures: object; extra: string | null }[],
  );
  const catalogue = new SensorCatalogue();
  const profile = loadProfile("environmental");
  const mapping = parseMapping(JSON.stringify(MAP), "m.json", [profile]);
  const normalizer = new Normalizer({ catalogue, profile, mapping });
  const source = new StdinSource({ stream: new Blob([sample]).stream(), normalizer });
  const block = new ReadingBlock(100);
  for (let i = 0; i < 100 && source.take(block, 0).state !== "ended"; i++) await new Promise(setImmediate);
  const rows = Array.from({ length: block.count }, (_, row) => row).filter((row) => !block.malformed.has(row));
  expect(rows.length).toBe(5);
  expect(shown.map(({ timestamp, extra }) => [timestamp, extra])).toEqual(
    rows.map((row) => [new Date(block.time[row]!).toISOString(), block.extra.get(row) ?? null]),
  );
  expect(shown.map(({ measures }) => Object.values(measures)[0])).toEqual(rows.map((row) => block.measures[0]?.[row]));
});
