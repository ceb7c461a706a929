import { expect, test } from "bun:test";
import type { OpenAgent } from "../../agent/open-agent.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../../core/sensor.ts";
import { SENSORS_MOST, sensorsOf } from "./sensor-list.ts";

const identity = (known: Readonly<Record<string, string>>) => IDENTITY_COLUMNS.map((name) => known[name] ?? null);

function agentWith(catalogue: SensorCatalogue, silent: readonly string[]): OpenAgent {
  const silentSensors = () => silent.map((sensor) => ({ rule: "quiet", sensor, sinceMs: 0 }));
  const units = new Map([["t", "°C"]]);
  // All that the list asks of an agent.
  return { parts: { buffer: { catalogue }, rules: { set: { silentSensors } }, units } } as unknown as OpenAgent;
}

test("each sensor is listed once, under its newest identity, the newest first; a silent one is marked", () => {
  const catalogue = new SensorCatalogue();
  const first = catalogue.internSensor(identity({ sensor_id: "a", location: "hall", firmware_version: "1" }), ["t"]);
  const b = catalogue.internSensor(identity({ sensor_id: "b", sensor_type: "turbine" }), ["t", "power"]);
  catalogue.internSensor(identity({ sensor_id: "a", location: "yard", firmware_version: "2" }), ["h"]);
  const times = new Map([
    [first, 7],
    [b, 9],
  ]);
  const measure = (name: string, unit: string | null = null) => ({ name, unit });
  expect(sensorsOf(agentWith(catalogue, ["a"]), times, 0)).toEqual({
    sensors: [
      {
        sensorId: "b",
        sensorType: "turbine",
        location: null,
        measures: [measure("t", "°C"), measure("power")],
        lastAtMs: 9,
        aheadMs: null,
        isSilent: false,
      },
      {
        sensorId: "a",
        sensorType: null,
        location: "yard",
        measures: [measure("h"), measure("t", "°C")],
        lastAtMs: 7,
        aheadMs: null,
        isSilent: true,
      },
    ],
    isCut: false,
  });
});

test("of more sensors than are listed, those are that were heard of last, and the list says that it is cut", () => {
  const catalogue = new SensorCatalogue();
  const times = new Map<number, number>();
  for (let i = 0; i < SENSORS_MOST + 500; i++) {
    const handle = catalogue.internSensor(identity({ sensor_id: `s${i}` }), ["t"]);
    if (i % 3 === 0) times.set(handle, i);
  }
  const { sensors, isCut } = sensorsOf(agentWith(catalogue, []), times, 0);
  expect([sensors.length, isCut]).toEqual([SENSORS_MOST, true]);
  expect(sensors[0]?.sensorId).toBe("s10497");
  expect(sensors.filter(({ lastAtMs }) => lastAtMs !== null).length).toBe(times.size);
});

test("a sensor whose clock is ahead is listed with how far", () => {
  const catalogue = new SensorCatalogue();
  const times = new Map(
    [3 * 86_400_000, 60_000].map((atMs, i) => [catalogue.internSensor(identity({ sensor_id: `s${i}` }), ["t"]), atMs]),
  );
  const { sensors } = sensorsOf(agentWith(catalogue, []), times, 0);
  expect(sensors.map(({ aheadMs }) => aheadMs)).toEqual([3 * 86_400_000, null]);
});
