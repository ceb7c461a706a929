import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../../core/errors.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { parseSimulatorUri } from "../simulator/parameters.ts";
import { SimulatorSource } from "../simulator/simulator.ts";
import { parseProfile } from "./read.ts";
import { loadProfile, shippedProfiles } from "./shipped.ts";
import { simulationOf } from "./simulation.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "agent-profiles-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The lines of the error, or none. */
function problems(value: unknown): string[] {
  try {
    parseProfile(JSON.stringify(value), "mine.json");
    return [];
  } catch (error) {
    expect(error).toHaveProperty("name", "UsageError");
    return String((error as Error).message).split("\n");
  }
}
const room = { name: "room", measures: [{ name: "co2", unit: "ppm", plausible: [350, 5_000] }] };

test("environmental and wind-turbine ship, with the measures and ranges that the shipped rules know", () => {
  expect(shippedProfiles().map((profile) => profile.name)).toEqual(["environmental", "wind-turbine"]);
  expect(loadProfile("environmental").measures.map(({ name, unit, plausible }) => [name, unit, ...plausible])).toEqual([
    ["temperature", "°C", -20, 60],
    ["humidity", "%RH", 5, 95],
    ["pressure", "hPa", 950, 1050],
    ["vibration", "mm/s²", 0, 10],
    ["voltage", "V", 20, 25],
  ]);
  const turbine = loadProfile("wind-turbine");
  expect(turbine.measures.slice(0, 6).map(({ name, unit }) => `${name} ${unit}`)).toEqual([
    "wind_speed m/s",
    "power_output kW",
    "rotor_speed rpm",
    "pitch_angle °",
    "gearbox_temperature °C",
    "temperature °C",
  ]);
  expect(turbine.parameters).toMatchObject({ rotor_diameter_m: 100, rated_power_kw: 2500, cut_out_wind_speed_m_s: 25 });
});

test("a user's file with only names and ranges works as a shipped profile does, down to the simulator", () => {
  writeFileSync(join(folder, "room.json"), JSON.stringify(room));
  const profile = loadProfile("room.json", folder);
  expect(profile).toMatchObject({ name: "room", description: "" });
  const catalogue = new SensorCatalogue();
  const parameters = parseSimulatorUri("simulator:?rate=max&count=500&anomaly=0&profile=room.json", { cwd: folder });
  const block = new ReadingBlock(500);
  new SimulatorSource(parameters, catalogue, null, Date.now).take(block, 0);
  const values = [...block.column(catalogue.slotOf("co2"))];
  expect(Math.min(...values)).toBeGreaterThan(350);
  expect(Math.max(...values)).toBeLessThan(5_000);
  expect(new Set(values).size).toBeGreaterThan(100);
});

test("a measure without a simulation part stays within its plausible range", () => {
  const { limits, faulty } = simulationOf({ name: "x", unit: "", plausible: [10, 20] });
  expect([limits, faulty]).toEqual([
    [10, 20],
    [5, 25],
  ]);
});

test("a bad profile gives every problem at once, each with its path", () => {
  const bad = {
    name: "My Room",
    colour: "blue",
    measures: [
      { name: "co2", unit: "ppm", plausible: [5_000, 350], simulate: { decimals: 1.5, nois: 3, limits: [0, 9e9] } },
      { name: "timestamp", unit: 7, plausible: [0] },
      { name: "co2", unit: "ppm", plausible: [0, 1], simulate: { follows: { measure: "lux", factor: "2" } } },
      "light",
    ],
    simulate: {
      manufacturers: [],
      locations: [{ name: "A", code: "a b", latitude: 91, longitude: 0, offsets: { x: 1 } }],
    },
  };
  const found = problems(bad);
  for (const line of found) expect(line).toMatch(/^mine\.json:1:\d+: /);
  expect(found.map((line) => line.replace(/^mine\.json:1:\d+: /, ""))).toEqual([
    'name: must be a lower-case name such as wind-turbine, not "My Room"',
    "colour: is not known here; known are $schema, name, description, parameters, measures, simulate",
    "measures[0].plausible: must have the least first: 5000 is not below 350",
    "measures[0].simulate.decimals: must be a whole number from 0 to 6, not 1.5",
    "measures[0].simulate.nois: is not known here; did you mean noise?",
    "measures[0].simulate.limits[1]: must be a number from -1000000000 to 1000000000, not 9000000000",
    'measures[1].name: "timestamp" is already the name of a column that every reading has',
    "measures[1].unit: must be a text of at most 32 characters, empty where there is no unit, not 7",
    "measures[1].plausible: must be [least, most], not [0]",
    'measures[2].name: "co2" is there twice',
    'measures[2].simulate.follows.measure: "lux" must be a measure that comes before this one',
    'measures[2].simulate.follows.factor: must be a number from -1000000000 to 1000000000, not "2"',
    'measures[3]: must be an object, not "light"',
    "simulate.manufacturers: must be a list of 1 to 1000, not a list of 0",
    'simulate.locations[0].code: must be 1 to 16 letters or digits, not "a b"',
    "simulate.locations[0].latitude: must be a number from -90 to 90, not 91",
    "simulate.locations[0].offsets.x: is not a measure of this profile",
  ]);
});

test("a problem of a profile file is reported at its place: at a value, at an unknown key, or where something is missing", () => {
  const text = `{
  "name": "room",
  "colour": "blue",
  "measures": [
    { "name": "co2", "unit": 7, "plausible": [5000, "x"] },
    { "name": "lux",
      "plausible": [0, 1] }
  ]
}`;
  writeFileSync(join(folder, "placed.json"), text);
  expect(() => loadProfile("placed.json", folder)).toThrow(
    new UsageError(
      [
        "placed.json:3:3: colour: is not known here; known are $schema, name, description, parameters, measures, simulate",
        "placed.json:5:30: measures[0].unit: must be a text of at most 32 characters, empty where there is no unit, not 7",
        'placed.json:5:53: measures[0].plausible[1]: must be a number from -1000000000 to 1000000000, not "x"',
        'placed.json:6:5: measures[1]: needs "unit": a text of at most 32 characters, empty where there is no unit',
      ].join("\n"),
    ),
  );
});

test("a file that is not a profile at all is refused too", () => {
  for (const value of [null, [], "environmental", 7, {}, { name: "a", measures: [] }]) {
    expect(problems(value).length).toBeGreaterThan(0);
  }
  const curve = (points: unknown) => ({
    ...room,
    measures: [
      ...room.measures,
      { name: "b", unit: "", plausible: [0, 1], simulate: { curve: { measure: "co2", points } } },
    ],
  });
  expect(
    problems(
      curve([
        [0, 1],
        [2, 3],
      ]),
    ),
  ).toEqual([]);
  expect(
    problems(
      curve([
        [2, 1],
        [2, 3],
      ]),
    )[0],
  ).toContain("measures[1].simulate.curve.points[1]: x must be above");
  expect(problems(curve([[2, 1], 3]))[0]).toContain("measures[1].simulate.curve.points[1]: must be [x, y], not 3");
});

test("a file that is not there, or is not JSON, says so and names the shipped profiles", () => {
  const missing = () => loadProfile("enviromental", folder);
  expect(missing).toThrow(
    'Cannot read profile "enviromental": it is neither a shipped profile (environmental, wind-turbine) nor a file',
  );
  try {
    missing();
  } catch (error) {
    expect(error).toHaveProperty("tryHint", "agent run --profile environmental");
  }
  writeFileSync(join(folder, "broken.json"), "{");
  expect(() => loadProfile("broken.json", folder)).toThrow(/^broken.json:1:2: expected a key in double quotes/);
  expect(() => loadProfile(".", folder)).toThrow(/^Cannot read profile "\.": /);
});
