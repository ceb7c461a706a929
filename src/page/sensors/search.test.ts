import { describe, expect, test } from "bun:test";
import type { Episode, WireSensor } from "../../dashboard/wire.ts";
import { anomaliesBySeries, grouped, measuresOf, ordered, pageOf, seriesFound } from "./search.ts";

const sensor = (sensorId: string, location: string | null, sensorType: string | null, names: string[]): WireSensor => ({
  sensorId,
  sensorType,
  location,
  measures: names.map((name) => ({ name, unit: null })),
  lastAtMs: null,
  aheadMs: null,
  isSilent: false,
});
const SENSORS = [
  sensor("PUMP_10", "Hall 2", "pump", ["vibration", "voltage"]),
  sensor("PUMP_2", "Hall 1", "pump", ["vibration", "voltage"]),
  sensor("ROOM_12", null, "environmental", ["temperature", "humidity"]),
];
const namesOf = (series: readonly { sensor: WireSensor; measure: string }[]) =>
  series.map(({ sensor: { sensorId }, measure }) => `${sensorId} ${measure}`);
const episode = (sensorId: string, measure: string | null, readings: number): Episode => ({
  id: `${sensorId}-${measure}`,
  rule: "r",
  severity: "warning",
  sensorId,
  measure,
  reason: "",
  sinceMs: 0,
  untilMs: 0,
  readings,
  isOpen: false,
  firstSeq: 1,
  lastSeq: 1,
});

describe("search", () => {
  test("finds by id, type, location and measure, all words of it", () => {
    expect(namesOf(seriesFound(SENSORS, "room", null))).toEqual(["ROOM_12 temperature", "ROOM_12 humidity"]);
    expect(namesOf(seriesFound(SENSORS, "PUMP volt", null))).toEqual(["PUMP_10 voltage", "PUMP_2 voltage"]);
    expect(namesOf(seriesFound(SENSORS, "hall 1 vib", null))).toEqual(["PUMP_10 vibration", "PUMP_2 vibration"]);
    expect(namesOf(seriesFound(SENSORS, "environmental", "humidity"))).toEqual(["ROOM_12 humidity"]);
    expect(seriesFound(SENSORS, "nothing like it", null)).toEqual([]);
    expect(seriesFound(SENSORS, "  ", null)).toHaveLength(6);
  });

  test("the key of a series is what the API calls it", () => {
    expect(seriesFound(SENSORS, "room temp", null)[0]?.key).toBe("ROOM_12\0temperature");
  });
});

describe("order", () => {
  const all = seriesFound(SENSORS, "", null);

  test("by name counts numbers in names, and keeps measures in the order of the profile", () => {
    expect(namesOf(ordered(all, "name", () => 0))).toEqual([
      "PUMP_2 vibration",
      "PUMP_2 voltage",
      "PUMP_10 vibration",
      "PUMP_10 voltage",
      "ROOM_12 temperature",
      "ROOM_12 humidity",
    ]);
  });

  test("by anomalies puts those with most first; one of no measure counts for all of its sensor", () => {
    const count = anomaliesBySeries([
      episode("ROOM_12", "humidity", 3),
      episode("PUMP_10", null, 2),
      episode("PUMP_10", "voltage", 0),
    ]);
    expect(namesOf(ordered(all, "anomalies", count)).slice(0, 3)).toEqual([
      "PUMP_10 voltage",
      "ROOM_12 humidity",
      "PUMP_10 vibration",
    ]);
  });
});

describe("groups", () => {
  const all = ordered(seriesFound(SENSORS, "", null), "name", () => 0);

  test("by location and by type, with a name for those that have none", () => {
    expect(grouped(all, "location").map(({ title, series }) => [title, series.length])).toEqual([
      ["Hall 1", 2],
      ["Hall 2", 2],
      ["no location", 2],
    ]);
    expect(grouped(all, "type").map(({ title }) => title)).toEqual(["environmental", "pump"]);
    expect(grouped(all, "none")).toEqual([{ title: null, series: all }]);
  });

  test("are cut into pages, all series once", () => {
    const groups = grouped(all, "type");
    const pages = [0, 1, 2].map((page) => pageOf(groups, page, 4));
    expect(pages[0]?.map(({ title, series }) => [title, series.length])).toEqual([
      ["environmental", 2],
      ["pump", 2],
    ]);
    expect(pages[1]?.map(({ title, series }) => [title, series.length])).toEqual([["pump", 2]]);
    expect(pages[2]).toEqual([]);
  });
});

test("the measures to choose from are those of all sensors, once each", () => {
  expect(measuresOf(SENSORS)).toEqual(["humidity", "temperature", "vibration", "voltage"]);
});
