import { expect, test } from "bun:test";
import { type LogEntry, makeLog } from "../../core/log/log.ts";
import { IDENTITY_COLUMNS, LIMITS, SensorCatalogue } from "../../core/sensor.ts";
import { SensorLimit } from "./sensor-limit.ts";

const identity = (id: string) => IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? id : null));

test("the last sensor that there is room for is no problem; one more is, and is logged once; known ones are still found", () => {
  const lines: LogEntry[] = [];
  const log = makeLog({ least: "info", secrets: [], now: () => 0, write: (entry) => lines.push(entry) });
  const catalogue = new SensorCatalogue();
  const limit = new SensorLimit(catalogue);
  for (let i = 0; i < LIMITS.sensors; i++) catalogue.internSensor(identity(`s${i}`), ["t"]);
  limit.report(log);
  expect([limit.problems(), lines]).toEqual([[], []]);
  expect(() => catalogue.internSensor(identity("one more"), ["t"])).toThrow("more than 100000 sensors");
  expect(catalogue.internSensor(identity("s7"), ["t"])).toBe(8);
  limit.report(log);
  limit.report(log);
  expect(limit.problems().map(({ code }) => code)).toEqual(["sensors_many"]);
  expect(lines.map(({ level, code }) => [level, code])).toEqual([["warn", "sensors_many"]]);
});
