import { expect, test } from "bun:test";
import { conversionOf, isUnit, UNIT_NAMES } from "./units.ts";

/** A value through a conversion, without the digits that a double adds. */
function through(from: string, to: string, value: number): number | null {
  const conversion = conversionOf(from, to);
  return conversion === null ? null : Number((value * conversion.scale + conversion.offset).toPrecision(9));
}

test("there and back is the same for every two names that are of one quantity", () => {
  let pairs = 0;
  for (const from of UNIT_NAMES) {
    for (const to of UNIT_NAMES) {
      const there = conversionOf(from, to);
      const back = conversionOf(to, from);
      expect([from, to, there === null]).toEqual([from, to, back === null]);
      if (there === null || back === null) continue;
      pairs++;
      const again = (5 * there.scale + there.offset) * back.scale + back.offset;
      expect([from, to, Number(again.toPrecision(6))]).toEqual([from, to, 5]);
    }
  }
  expect(pairs).toBeGreaterThan(1_000);
});

test("the names that devices, people and SenML use are one unit", () => {
  for (const name of ["°C", "C", "degC", "Cel", "celsius", "Celsius", "CELSIUS", "℃", " °C "]) {
    expect([name, through(name, "K", 20)]).toEqual([name, 293.15]);
  }
  expect(["mbar", "mb", "hPa", "Pa", "kPa", "mmHg", "inHg", "psi"].map((name) => through(name, "hPa", 100))).toEqual([
    100, 100, 100, 1, 1000, 133.322387, 3386.38867, 6894.75729,
  ]);
  expect(["km/h", "m/s", "kn", "mph", "Knots"].map((name) => through(name, "m/s", 36))).toEqual([
    10, 36, 18.52, 16.09344, 18.52,
  ]);
  expect(["%RH", "%", "% RH", "percent"].map((name) => through(name, "%", 45))).toEqual([45, 45, 45, 45]);
  expect(through("μg/m3", "µg/m³", 7)).toBe(7);
});

test("names that people write in other words: a sum of rain, a meter's energy, humidity in German, old pressures", () => {
  const same = {
    "L/m²": ["mm", 3],
    "l/m2": ["mm", 3],
    kwh: ["kWh", 3],
    KWH: ["kWh", 3],
    "C°": ["°C", 3],
    "F°": ["°F", 3],
  };
  const share = { "% rF": ["%", 3], "%rF": ["%RH", 3], "%r.F.": ["% rH", 3] };
  const other = { hp: ["W", 2237.09961], "kgf/cm2": ["kPa", 294.1995], "kgf/cm²": ["bar", 2.941995] };
  for (const [name, [to, expected]] of Object.entries<unknown[]>({ ...same, ...share, ...other })) {
    expect([name, through(name, String(to), 3)]).toEqual([name, Number(expected)]);
  }
});

test("upper and lower case are different units: milliwatt and megawatt", () => {
  expect([through("mW", "W", 1), through("MW", "W", 1)]).toEqual([0.001, 1_000_000]);
  expect(["mw", "Mw", "KW", "HPA", "k"].map(isUnit)).toEqual([false, false, false, false, false]);
});

test("a name of two quantities is the one that fits", () => {
  expect([through("g", "m/s²", 1), through("g", "kg", 500)]).toEqual([9.80665, 0.5]);
  expect(conversionOf("g", "°C")).toBeNull();
});
