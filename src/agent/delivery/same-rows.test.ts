/** Rows that two versions of the agent wrote of the same reading, and rows that only look alike. */
import { expect, test } from "bun:test";
import { isSameRow, rowName } from "./same-rows.ts";

const READING = {
  sensor_id: "s1",
  firmware_version: null,
  timestamp: "2026-11-23T08:00:00.000Z",
  temperature: 20.5,
  humidity: null,
  status_code: 0,
  reading_id: "01abc-17",
  node_id: "pump-7",
  agent_version: "0.1.0",
  rules_version: "000000000000",
  ingested_at: "2026-11-23T08:00:01.000Z",
  time_quality: "ok",
  extra: null,
};

test("a reading is the same from any writer: another version, name of the node, rules, time of commit, order of columns", () => {
  const others = [
    READING,
    { ...READING, agent_version: "9.0.0", node_id: "renamed", rules_version: "1", ingested_at: "later" },
    Object.fromEntries(Object.entries(READING).reverse()),
    { ...READING, site: "north" },
    { ...READING, time_quality: "stepped", dew_point: 7 },
  ];
  for (const other of others) {
    expect(isSameRow("raw", READING, other)).toBe(true);
    expect(isSameRow("raw", other, READING)).toBe(true);
  }
  const { firmware_version: _null, ...shorter } = READING;
  expect(isSameRow("raw", READING, shorter)).toBe(true);
});

test("another value of the sensor is another reading, also under the same id", () => {
  const changes = [
    { temperature: 20.6 },
    { temperature: null },
    { humidity: 0 },
    { timestamp: "2026-11-23T08:00:00.001Z" },
    { sensor_id: "s2" },
    { status_code: null },
    { anomaly_flag: 1 },
    { extra: '{"n":1}' },
    { firmware_version: "1" },
    { reading_id: "01abc-18" },
  ];
  for (const change of changes) {
    expect([change, isSameRow("raw", READING, { ...READING, ...change })]).toEqual([change, false]);
  }
  expect(isSameRow("raw", READING, { reading_id: READING.reading_id })).toBe(false);
});

test("a window is the same where its numbers are, but for their last digits", () => {
  const window = { window_id: "e-1", revision: 0, sensor_id: "s1", record_count: 10, avg_temperature: 20.1 };
  const name = rowName("aggregated", window);
  expect(rowName("aggregated", { ...window, revision: 1 })).not.toBe(name);
  expect(rowName("aggregated", { ...window, record_count: 9 })).toBe(name);
  const close = { ...window, avg_temperature: 20.1 + 1e-12, agent_version: "9" };
  expect(isSameRow("aggregated", window, close)).toBe(true);
  expect(isSameRow("aggregated", window, { ...window, avg_temperature: 20.2 })).toBe(false);
  expect(isSameRow("aggregated", window, { ...window, record_count: 9 })).toBe(false);
});
