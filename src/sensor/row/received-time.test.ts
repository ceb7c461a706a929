/** What a timestamp says beyond the millisecond is kept to the letter, in `extra`. */
import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { StdinSource } from "../lines/stdin.ts";
import { parseMapping } from "../map/map-file.ts";
import { loadProfile } from "../profile/shipped.ts";
import { SqliteTailSource } from "../sqlite/tail.ts";
import { Normalizer } from "./normalize.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-received-"));
afterAll(() => rmSync(folder, { recursive: true }));
const profile = loadProfile("environmental");

function normalizerOf(format: string): Normalizer {
  const map = JSON.stringify({ timestamp: { format }, text_numbers: true });
  const mapping = parseMapping(map, "map.json", [profile]);
  return new Normalizer({ catalogue: new SensorCatalogue(), profile, mapping });
}

const rowsOf = (block: ReadingBlock) =>
  Array.from({ length: block.count }, (_, row) => [
    new Date(block.time[row]!).toISOString().slice(11),
    block.extra.get(row) ?? null,
  ]);

/** Lines with these timestamps, as JSON text, each twice: the second is read by a template. */
async function fromLines(format: string, times: readonly string[], more = ""): Promise<unknown[]> {
  const lines = times.flatMap((time) => Array(2).fill(`{"sensor_id":"a","timestamp":${time},"temperature":20${more}}`));
  const source = new StdinSource({ stream: new Blob([lines.join("\n")]).stream(), normalizer: normalizerOf(format) });
  const block = new ReadingBlock(1_000);
  for (let i = 0; i < 1_000 && source.take(block, 0).state !== "ended"; i++) await new Promise(setImmediate);
  expect(block.malformed.size).toBe(0);
  const rows = rowsOf(block);
  expect(rows.filter((_, i) => i % 2 === 0)).toEqual(rows.filter((_, i) => i % 2 === 1));
  return rows.filter((_, i) => i % 2 === 0);
}

function fromTable(format: string, type: string, times: readonly (string | bigint | number)[]): unknown[] {
  const path = join(folder, `${crypto.randomUUID()}.db`);
  const db = new Database(path, { create: true });
  db.run(`CREATE TABLE sensor_readings (sensor_id TEXT, timestamp ${type}, temperature REAL)`);
  for (const time of times) db.query("INSERT INTO sensor_readings VALUES ('a', ?, 20)").run(time);
  db.close();
  const source = new SqliteTailSource({
    uri: `sqlite:${path}`,
    normalizer: normalizerOf(format),
    cursor: null,
    once: true,
  });
  const block = new ReadingBlock(1_000);
  while (source.take(block, 0).state !== "ended");
  source.close();
  return rowsOf(block);
}

const extraOf = (text: string) => `{"timestamp_received":${text}}`;

test("text with more than milliseconds, and a leap second", async () => {
  const texts = [
    ["2026-11-23T08:00:00.123456Z", "08:00:00.123Z", true],
    ["2026-11-23T08:00:00.123000Z", "08:00:00.123Z", false],
    ["2026-11-23T08:00:00.9999999+00:00", "08:00:00.999Z", true],
    ["20261123T080000.000001Z", "08:00:00.000Z", true],
    ["2016-12-31T23:59:60Z", "23:59:59.999Z", true],
    ["2026-11-23T08:00:00Z", "08:00:00.000Z", false],
  ] as const;
  const expected = texts.map(([text, time, isKept]) => [time, isKept ? extraOf(`"${text}"`) : null]);
  expect(
    await fromLines(
      "iso",
      texts.map(([text]) => `"${text}"`),
    ),
  ).toEqual(expected);
  expect(
    fromTable(
      "iso",
      "TEXT",
      texts.map(([text]) => text),
    ),
  ).toEqual(expected);
});

test("numbers in any unit, to the letter, also beyond what a double can hold", async () => {
  const cases: [format: string, number: string, time: string, isKept: boolean][] = [
    ["unix_s", "1700000000.123456789", "22:13:20.123Z", true],
    ["unix_s", "1700000000.1230", "22:13:20.123Z", false],
    ["unix_s", '"1700000000.1239"', "22:13:20.123Z", true],
    ["unix_ms", "1700000000123.25", "22:13:20.123Z", true],
    ["unix_us", "1700000000123456", "22:13:20.123Z", true],
    ["unix_us", "1700000000123000", "22:13:20.123Z", false],
    ["unix_ns", "1700000000123999999", "22:13:20.123Z", true],
    ["unix_ns", "1700000000123000001", "22:13:20.123Z", true],
    ["unix_ns", '"1700000000123000001"', "22:13:20.123Z", true],
    ["unix_ns", "1700000000123000000", "22:13:20.123Z", false],
  ];
  for (const [format, number, time, isKept] of cases) {
    const expected = [[time, isKept ? extraOf(number) : null]];
    expect([number, await fromLines(format, [number])]).toEqual([number, expected]);
  }
});

test("integers of a SQLite table, to the nanosecond", () => {
  const of = (...times: bigint[]) => fromTable("unix_ns", "INTEGER", times);
  expect(of(1_700_000_000_123_999_999n, 1_700_000_000_123_000_001n, 1_700_000_000_123_000_000n)).toEqual([
    ["22:13:20.123Z", extraOf("1700000000123999999")],
    ["22:13:20.123Z", extraOf("1700000000123000001")],
    ["22:13:20.123Z", null],
  ]);
  expect(fromTable("unix_s", "REAL", [1_700_000_000.25, 1_700_000_000.123_456])).toEqual([
    ["22:13:20.250Z", null],
    ["22:13:20.123Z", extraOf("1700000000.123456")],
  ]);
});

test("it is the last of the unknown fields, and takes no name that the row has", async () => {
  const time = '"2026-11-23T08:00:00.123456Z"';
  expect(await fromLines("iso", [time], ',"rssi":-70,"timestamp_received":"theirs"')).toEqual([
    ["08:00:00.123Z", `{"rssi":-70,"timestamp_received":"theirs","timestamp_received_":${time}}`],
  ]);
});
