/** Readings that come without a time have that of their arrival; a timestamp may be in two fields. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { StdinSource } from "../lines/stdin.ts";
import { parseMapping } from "../map/map-file.ts";
import { MappedNames } from "../map/mapped-names.ts";
import { loadProfile } from "../profile/shipped.ts";
import { SqliteTailSource } from "../sqlite/tail.ts";
import { Normalizer } from "./normalize.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-arrival-"));
afterAll(() => rmSync(folder, { recursive: true }));
const profile = loadProfile("environmental");
const NOW = Date.UTC(2026, 10, 23, 8);

type Read = readonly [time: string, isArrival: boolean, extra?: string];

function normalizerOf(map: object, catalogue: SensorCatalogue): Normalizer {
  const mapping = parseMapping(JSON.stringify(map), "map.json", [profile]);
  return new Normalizer({ catalogue, profile, mapping, names: new MappedNames(mapping) });
}

function rowsOf(block: ReadingBlock, catalogue: SensorCatalogue): Read[] {
  return Array.from({ length: block.count }, (_, row): Read => {
    const malformed = block.malformed.get(row);
    if (malformed !== undefined) return [`${malformed.reason}: ${malformed.detail}`, false];
    const isArrival = catalogue.labels[block.label[row]!]?.isArrival === true;
    const extra = block.extra.get(row);
    const time = new Date(block.time[row]!).toISOString();
    return extra === undefined ? [time, isArrival] : [time, isArrival, extra];
  });
}

/** Lines, each twice: the second is read by a template, where one can read it. */
async function fromLines(map: object, lines: readonly string[]): Promise<Read[]> {
  const catalogue = new SensorCatalogue();
  const text = lines.flatMap((line) => [line, line]).join("\n");
  const source = new StdinSource({ stream: new Blob([text]).stream(), normalizer: normalizerOf(map, catalogue) });
  const block = new ReadingBlock(1_000);
  for (let i = 0; i < 1_000 && source.take(block, NOW).state !== "ended"; i++) await new Promise(setImmediate);
  const rows = rowsOf(block, catalogue);
  const second = rows.filter((_, i) => i % 2 === 1);
  expect(rows.filter((_, i) => i % 2 === 0)).toEqual(second);
  return second;
}

const ARRIVED = ["2026-11-23T08:00:00.000Z", true] as const;
const Z2M = {
  fields: { last_seen: "timestamp" },
  constants: { sensor_id: "kitchen" },
  timestamp: { format: "unix_ms", missing: "arrival" },
};

test("a line without a time, or with an absent one, has the time of its arrival and says so", async () => {
  const lines = [
    '{"humidity":45.56,"temperature":21.6}',
    '{"last_seen":null,"temperature":21.6}',
    '{"last_seen":1700000000000,"temperature":21.6}',
    '{"humidity":45.7,"temperature":21.7}',
    '{"last_seen":"","temperature":21.6}',
    '{"last_seen":0,"temperature":21.6}',
  ];
  const own = ["2023-11-14T22:13:20.000Z", false] as const;
  expect(await fromLines({ ...Z2M, absent: [0] }, lines)).toEqual([ARRIVED, ARRIVED, own, ARRIVED, ARRIVED, ARRIVED]);
});

test("a time that cannot be read is malformed all the same, and without the key so is a missing one", async () => {
  const [bad] = await fromLines(Z2M, ['{"last_seen":"yesterday","temperature":21.6}']);
  expect(bad).toEqual(['wrong_type: last_seen is text "yesterday", a number was expected', false]);
  const [none] = await fromLines({ ...Z2M, timestamp: { format: "unix_ms" } }, ['{"temperature":21.6}']);
  expect(none).toEqual(["missing_field: last_seen is missing", false]);
});

const TWO = {
  timestamp: { format: "%d/%m/%Y %H.%M.%S", from: ["Date", "Time"] },
  constants: { sensor_id: "a" },
};

test("two fields are one timestamp, and neither is an unknown field", async () => {
  const lines = [
    '{"Date":"10/03/2004","Time":"18.00.00","temperature":1,"note":1}',
    '{"Date":"31/02/2004","Time":"18.00.00","temperature":1}',
    '{"Date":"10/03/2004","temperature":1}',
    '{"Date":"10/03/2004","Time":" ","temperature":1}',
    '{"Date":"10/03/2004","Time":true,"temperature":1}',
  ];
  expect(await fromLines(TWO, lines)).toEqual([
    ["2004-03-10T18:00:00.000Z", false, '{"note":1}'],
    [
      'bad_timestamp: Date Time is text "31/02/2004 18.00.00", text as %d/%m/%Y %H.%M.%S between 1970 and 9999 was expected',
      false,
    ],
    ["missing_field: Time is missing", false],
    ["missing_field: Time is missing", false],
    ["wrong_type: Time is true, text or a number was expected", false],
  ]);
  const orArrival = { ...TWO, timestamp: { ...TWO.timestamp, missing: "arrival" } };
  expect(await fromLines(orArrival, lines.slice(2, 4))).toEqual([ARRIVED, ARRIVED]);
});

test("digits of numbers are read as they are, one field is as if it were mapped, and ISO 8601 may be in two", async () => {
  const at = async (timestamp: object, line: string) => (await fromLines({ ...TWO, timestamp }, [line]))[0]![0];
  expect(await at({ format: "%Y%m%d %H%M", from: ["d", "t"] }, '{"d":20240201,"t":1230,"temperature":1}')).toBe(
    "2024-02-01T12:30:00.000Z",
  );
  expect(await at({ format: "unix", from: ["t"] }, '{"t":1700000000,"temperature":1}')).toBe(
    "2023-11-14T22:13:20.000Z",
  );
  expect(await at({ from: ["d", "t"] }, '{"d":"2024-02-01","t":"12:30","temperature":1}')).toBe(
    "2024-02-01T12:30:00.000Z",
  );
  expect(await at({ format: "%Y%m%d" }, '{"timestamp":20240201,"temperature":1}')).toBe("2024-02-01T00:00:00.000Z");
});

test("rows of a table have the time of their arrival, or that of two columns", () => {
  const catalogue = new SensorCatalogue();
  const path = join(folder, "two.db");
  const db = new Database(path, { create: true });
  db.run("CREATE TABLE t (Date TEXT, Time TEXT, temperature REAL)");
  db.run("INSERT INTO t VALUES ('10/03/2004', '18.00.00', 1), ('10/03/2004', '18.00.01', 2), (NULL, NULL, 3)");
  db.close();
  const map = { ...TWO, timestamp: { ...TWO.timestamp, missing: "arrival" } };
  const uri = `sqlite:${path}?table=t`;
  const source = new SqliteTailSource({ uri, normalizer: normalizerOf(map, catalogue), cursor: null, once: true });
  const block = new ReadingBlock(100);
  while (source.take(block, NOW).state !== "ended");
  expect([rowsOf(block, catalogue), source.problems()]).toEqual([
    [["2004-03-10T18:00:00.000Z", false], ["2004-03-10T18:00:01.000Z", false], ARRIVED],
    [],
  ]);
  source.close();
});

test("unix is seconds to nanoseconds by size, to the letter, and what is no plausible time is malformed", async () => {
  const map = { ...Z2M, timestamp: { format: "unix" } };
  const lines = [
    "1700000000",
    "1700000000123",
    "1700000000123456",
    "1700000000123000001",
    "1700000000.5",
    "45292",
    "-1",
  ];
  const rows = await fromLines(
    map,
    lines.map((number) => `{"last_seen":${number},"temperature":1}`),
  );
  const day = "2023-11-14T22:13:20";
  expect(rows.slice(0, 5)).toEqual([
    [`${day}.000Z`, false],
    [`${day}.123Z`, false],
    [`${day}.123Z`, false, '{"timestamp_received":1700000000123456}'],
    [`${day}.123Z`, false, '{"timestamp_received":1700000000123000001}'],
    [`${day}.500Z`, false],
  ]);
  expect(rows[5]![0]).toBe(
    "bad_timestamp: last_seen is 45292, a number of s, ms, µs or ns since 1970 (2000 to 2099) was expected; as excel_day it is 2024-01-01",
  );
  expect(rows[6]![0]).toStartWith("bad_timestamp");
});

test("a text that is no ISO 8601 is malformed, with the pattern that it is probably written by", async () => {
  const cases = [
    ["01.02.2024 12:00:00", "; as %d.%m.%Y %H:%M:%S it is 2024-02-01"],
    ["01/02/2024 12:00 PM", "; as %d/%m/%Y %I:%M %p it is 2024-02-01, as %m/%d/%Y %I:%M %p it is 2024-01-02"],
    ["2024/01/01 12:00:00", "; as %Y/%m/%d %H:%M:%S it is 2024-01-01"],
    ["2024-1-1 2:03:04", "; as %Y-%m-%d %H:%M:%S it is 2024-01-01"],
    ["Mon, 01 Jan 2024 12:00:00 GMT", "; as %a, %d %b %Y %H:%M:%S %z it is 2024-01-01"],
    ["240101120000", "; as %y%m%d%H%M%S it is 2024-01-01"],
    ["yesterday", ""],
    ["2024-02-30T12:00:00Z", ""],
  ] as const;
  for (const [text, hint] of cases) {
    const [row] = await fromLines({}, [`{"sensor_id":"a","timestamp":"${text}","temperature":1}`]);
    const expected = `bad_timestamp: timestamp is text "${text}", ISO 8601 between 1970 and 9999 was expected${hint}`;
    expect([text, row]).toEqual([text, [expected, false]]);
  }
});

test("rows that are joined have the arrival of their first one, also where they are written later", () => {
  const catalogue = new SensorCatalogue();
  const map = { wide: { name: "q", value: "v" }, constants: { sensor_id: "a" }, timestamp: { missing: "arrival" } };
  const normalizer = normalizerOf(map, catalogue);
  const block = new ReadingBlock(10);
  const add = (q: string, v: number, at: number) => {
    const original = {
      received: () => ({ received: "", encoding: "utf8", bytes: 0 }) as const,
      textOf: () => String(v),
    };
    normalizer.addRecord(block, { q, v }, at, original);
  };
  add("temperature", 20, NOW);
  add("humidity", 40, NOW);
  add("temperature", 21, NOW + 5_000);
  expect(rowsOf(block, catalogue)).toEqual([ARRIVED]);
  normalizer.wide?.flush(block);
  expect(rowsOf(block, catalogue)).toEqual([ARRIVED, ["2026-11-23T08:00:05.000Z", true]]);
});
