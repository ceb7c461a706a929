import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ReadingBlock } from "../core/reading.ts";
import { SensorCatalogue } from "../core/sensor.ts";
import { resolveSettings } from "../core/settings/settings.ts";
import { openSource } from "../sensor/open-source.ts";
import { FileHolders } from "../sensor/shared-files.ts";
import { loadReadingFiles } from "./reading-files.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-reading-files-"));
afterAll(() => rmSync(folder, { recursive: true }));

writeFileSync(
  join(folder, "room.json"),
  JSON.stringify({
    name: "room",
    measures: [
      { name: "co2", unit: "ppm", plausible: [300, 10_000] },
      { name: "temperature", unit: "°F", plausible: [-20, 130] },
    ],
  }),
);
const map = (text: unknown) => writeFileSync(join(folder, "map.json"), JSON.stringify(text));

const settingsOf = (from: { flags?: Record<string, string>; env?: Record<string, string> }) =>
  resolveSettings({ flags: { source: "stdin:", map: "map.json", ...from.flags }, env: from.env ?? {} });

/** Rows of these sensor_types, with 20 °C and 700 ppm: the measures and unknown fields of each. */
async function taken(settings: ReturnType<typeof settingsOf>, types: readonly (string | null)[]) {
  const catalogue = new SensorCatalogue();
  const lines = types.map((sensor_type) =>
    JSON.stringify({ sensor_id: "a", sensor_type, timestamp: "2026-01-01T00:00:00Z", T: 20, co2: 700 }),
  );
  const source = await openSource("stdin:", {
    ...loadReadingFiles(settings, { cwd: folder, once: true }),
    catalogue,
    nodeId: "node-1",
    mqttLogin: { user: null, password: null, passwordFile: null },
    cursor: () => null,
    stateOf: () => new Map(),
    lastTimesOf: () => [],
    once: true,
    stdin: () => new Blob([lines.join("\n")]).stream(),
    now: () => 0,
    maxLineBytes: 100_000,
    pollMs: 1,
    cwd: folder,
    fileHolders: new FileHolders(),
    notice: () => {},
  });
  const block = new ReadingBlock(100);
  for (let i = 0; i < 100 && source.take(block, 0).state !== "ended"; i++) await new Promise(setImmediate);
  return types.map((_, row) => {
    const { measures = [], slots = [] } = catalogue.sensors[block.sensor[row] ?? 0] ?? {};
    return [
      Object.fromEntries(measures.map((name, i) => [name, block.measures[slots[i] ?? 0]?.[row] ?? null])),
      block.extra.get(row) ?? null,
    ];
  });
}

test("a profile that the user names holds for every row, whatever its sensor_type", async () => {
  map({ fields: { T: { to: "temperature", unit: "°C" } } });
  const all = ["indoor", "environmental", "wind-turbine", null, "room"];
  const expected = all.map(() => [{ co2: 700, temperature: 68 }, null]);
  expect(await taken(settingsOf({ flags: { profile: "room.json" } }), all)).toEqual(expected);
  expect(await taken(settingsOf({ env: { AGENT_PROFILE: "room.json" } }), all)).toEqual(expected);
});

test("a shipped profile that the user names holds for every row too", async () => {
  map({ fields: { T: { to: "temperature", unit: "°C" } } });
  const rows = await taken(settingsOf({ flags: { profile: "environmental" } }), ["indoor", "wind-turbine"]);
  for (const [measures] of rows) expect(Object.keys(measures ?? {})).toContain("humidity");
});

test("without --profile the sensor_type of a row chooses among the shipped profiles", async () => {
  map({ fields: { T: { to: "temperature", unit: "°C" } } });
  const [indoor, turbine] = await taken(settingsOf({}), ["indoor", "wind-turbine"]);
  expect([Object.keys(indoor?.[0] ?? {}).includes("humidity"), Object.keys(turbine?.[0] ?? {})[0]]).toEqual([
    true,
    "wind_speed",
  ]);
});

test("a map may not lead to a measure that only another profile has", () => {
  map({ fields: { h: "humidity" } });
  const load = (flags: Record<string, string>) => () =>
    loadReadingFiles(settingsOf({ flags }), { cwd: folder, once: true });
  expect(load({ profile: "room.json" })).toThrow('"humidity" is neither a measure of the profile nor a column');
  expect(load({})).not.toThrow();
});
