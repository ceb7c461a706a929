import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { cases } from "../../testing/needs.ts";
import { StdinSource } from "../lines/stdin.ts";
import { parseMapping } from "../map/map-file.ts";
import { loadProfile } from "../profile/shipped.ts";
import { SqliteTailSource } from "../sqlite/tail.ts";
import { zoneOf } from "../time/zone.ts";
import { Normalizer } from "./normalize.ts";
import type { LastTimesOf } from "./repeated-times.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-repeated-"));
afterAll(() => rmSync(folder, { recursive: true }));

const profile = loadProfile("environmental");
const MINUTE = 60_000;

/** The local times of a logger in this zone, at these moments. */
function localOf(zone: string, moments: readonly number[]): string[] {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
  return moments.map((ms) => format.format(ms));
}

type LoggedRow = { readonly sensor: string; readonly local: string };
type World = { readonly zone: string; readonly lastTimesOf?: LastTimesOf };

function normalizerOf({ zone, lastTimesOf }: World, catalogue = new SensorCatalogue()): Normalizer {
  const mapping = parseMapping(JSON.stringify({ timestamp: { zone } }), "map.json", [profile]);
  return new Normalizer({ catalogue, profile, mapping, ...(lastTimesOf && { lastTimesOf }) });
}

async function byLines(rows: readonly LoggedRow[], world: World) {
  const lines = rows.map(({ sensor, local }, i) =>
    JSON.stringify({ sensor_id: sensor, timestamp: local, temperature: 20 + (i % 10) }),
  );
  const stream = new Blob([lines.join("\n")]).stream();
  const source = new StdinSource({ stream, normalizer: normalizerOf(world) });
  const block = new ReadingBlock(rows.length + 1);
  for (let i = 0; i < 1_000 && source.take(block, 0).state !== "ended"; i++) await new Promise(setImmediate);
  return { times: [...block.time.subarray(0, block.count)], flaws: [...block.flaws.values()] };
}

let made = 0;
function byTable(rows: readonly LoggedRow[], world: World) {
  const path = join(folder, `${made++}.db`);
  const db = new Database(path, { create: true });
  db.run("CREATE TABLE sensor_readings (sensor_id TEXT, timestamp TEXT, temperature REAL)");
  const insert = db.query("INSERT INTO sensor_readings VALUES (?, ?, 20)");
  db.transaction(() => {
    for (const { sensor, local } of rows) insert.run(sensor, local);
  })();
  db.close();
  const source = new SqliteTailSource({
    uri: `sqlite:${path}`,
    normalizer: normalizerOf(world),
    cursor: null,
    once: true,
  });
  const block = new ReadingBlock(rows.length + 1);
  while (source.take(block, 0).state !== "ended");
  source.close();
  return { times: [...block.time.subarray(0, block.count)], flaws: [...block.flaws.values()] };
}

test("a logger's rows through the hour that occurs twice are all the moments that they were", async () => {
  const start = Date.UTC(2024, 9, 26, 23);
  for (const [zone, from, everyMs] of [
    ["Europe/Berlin", start, 10 * MINUTE],
    ["Europe/Berlin", start, 30 * MINUTE],
    ["Europe/Berlin", start - 60 * MINUTE, 45 * MINUTE],
    ["Europe/Berlin", start - 120 * MINUTE, 60 * MINUTE],
    ["Europe/Berlin", start - 240 * MINUTE, 120 * MINUTE],
    ["Europe/Berlin", Date.UTC(2024, 9, 27, 0, 56), 1_000],
    ["America/St_Johns", Date.UTC(2010, 10, 7, 0, 31), 5 * MINUTE],
    ["Australia/Lord_Howe", Date.UTC(2024, 3, 6, 13), 10 * MINUTE],
  ] as const) {
    const moments = Array.from(
      { length: Math.min(400, Math.ceil((9 * 60 * MINUTE) / everyMs)) },
      (_, i) => from + i * everyMs,
    );
    const rows = localOf(zone, moments).map((local) => ({ sensor: "a", local }));
    expect([zone, everyMs, (await byLines(rows, { zone })).times]).toEqual([zone, everyMs, moments]);
    expect([zone, everyMs, byTable(rows, { zone }).times]).toEqual([zone, everyMs, moments]);
  }
});

test("each sensor has an order of its own, and a little disorder does not matter", () => {
  const zone = "Europe/Berlin";
  const jitter = fc.integer({ min: -5 * MINUTE, max: 5 * MINUTE }).map((ms) => ms - (ms % 1_000));
  // In threes: a sensor that is silent for half an hour is another case.
  const three = fc.record({
    sensors: fc.shuffledSubarray(["a", "b", "c"], { minLength: 3 }),
    jitters: fc.tuple(jitter, jitter, jitter),
  });
  fc.assert(
    fc.property(fc.array(three, { minLength: 100, maxLength: 100 }), (threes) => {
      const jitters = threes.flatMap(({ jitters: some }) => some);
      const sensors = threes.flatMap(({ sensors: some }) => some);
      const moments = jitters.map((ms, i) => Date.UTC(2024, 9, 26, 23) + i * MINUTE + ms);
      const rows = localOf(zone, moments).map((local, i) => ({ sensor: sensors[i]!, local }));
      expect(byTable(rows, { zone }).times).toEqual(moments);
    }),
    { numRuns: cases(20) },
  );
}, 300_000);

test("after a restart in that hour the sensor's last reading in the buffer says where it was", async () => {
  const zone = "Europe/Berlin";
  const rows = ["02:00:00", "02:10:00"].map((time) => ({ sensor: "a", local: `2024-10-27 ${time}` }));
  const firstPass = [Date.UTC(2024, 9, 27, 0), Date.UTC(2024, 9, 27, 0, 10)];
  const secondPass = firstPass.map((ms) => ms + 60 * MINUTE);
  const after = async (...last: number[]) => (await byLines(rows, { zone, lastTimesOf: () => last })).times;
  expect(await after(Date.UTC(2024, 9, 27, 0, 50))).toEqual(secondPass);
  expect(await after(Date.UTC(2024, 9, 26, 23, 50))).toEqual(firstPass);
  // Not known, or long ago, or from later: the first occurrence.
  for (const last of [[], [Date.UTC(2024, 8, 1)], [Date.UTC(2024, 9, 27, 9)]]) {
    expect(await after(...last)).toEqual(firstPass);
  }
});

test("hourly rows are settled by their interval, also over a restart; several rows of one time stay together", async () => {
  const zone = "Europe/Berlin";
  const hour = (utc: number) => Date.UTC(2024, 9, 27, utc);
  const one = [{ sensor: "a", local: "2024-10-27 02:00:00" }];
  const after = async (...last: number[]) => (await byLines(one, { zone, lastTimesOf: () => last })).times;
  expect(await after(hour(0), hour(-1), hour(-2))).toEqual([hour(1)]);
  expect(await after(hour(-1), hour(-2), hour(-3))).toEqual([hour(0)]);
  const long = ["01:00:00", "01:00:00", "02:00:00", "02:00:00"].map((time) => ({
    sensor: "a",
    local: `2024-10-27 ${time}`,
  }));
  const times = [hour(-1), hour(-1), hour(0), hour(0)];
  expect((await byLines(long, { zone })).times).toEqual(times);
  expect(byTable(long, { zone }).times).toEqual(times);
});

test("such rows are counted, and said once with the place and the time; others are not", async () => {
  const zone = "Europe/Berlin";
  const locals = ["01:50:00", "02:00:00", "02:30:00", "02:00:00", "03:00:00"];
  const rows = locals.map((time) => ({ sensor: "a", local: `2024-10-27 ${time}` }));
  const { flaws, times } = await byLines(rows, { zone });
  expect(flaws.map(({ reason, field, count }) => [reason, field, count])).toEqual([["repeated_time", null, 3]]);
  expect(flaws[0]?.detail).toStartWith("local times of Europe/Berlin around 2024-10-27T00:00:00.000Z occur twice");
  expect(times.at(-2)).toBe(zoneOf(zone)!.toUtc(Date.UTC(2024, 9, 27, 2)) + 60 * MINUTE);
  expect(byTable(rows, { zone })).toEqual({ flaws, times });
});
