import { expect, test } from "bun:test";
import { loadProfile, shippedProfiles } from "../profile/shipped.ts";
import { simulationOf } from "../profile/simulation.ts";
import { simulatedSensors } from "./sensors.ts";
import { Signals } from "./signal.ts";
import { Line, wander, wave } from "./waves.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 3, 1);

/** What one sensor measures, by name, every `stepMs`. */
function series(profileName: string, { seed = 1, sensor = 0, stepMs = HOUR, count = 24 * 60, startMs = START } = {}) {
  const profile = loadProfile(profileName);
  const places = simulatedSensors(profile, seed, sensor + 1).map((made) => made.place);
  const signals = new Signals(profile.measures, places);
  const out = new Float64Array(profile.measures.length);
  const found: Record<string, number[]> = Object.fromEntries(profile.measures.map(({ name }) => [name, []]));
  for (let tick = 0; tick < count; tick++) {
    signals.measure(sensor, tick, startMs + tick * stepMs, out);
    for (const [m, { name }] of profile.measures.entries()) found[name]!.push(out[m]!);
  }
  return found;
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  const along = mean(a.map((value, i) => (value - ma) * (b[i]! - mb)));
  return along / Math.sqrt(mean(a.map((value) => (value - ma) ** 2)) * mean(b.map((value) => (value - mb) ** 2)));
}
const lagged = (values: readonly number[], lag: number) => correlation(values.slice(lag), values.slice(0, -lag));

test("no healthy sensor leaves its plausible range, at any site, in any season", () => {
  for (const profile of shippedProfiles()) {
    const places = simulatedSensors(profile, 11, 24).map((made) => made.place);
    const signals = new Signals(profile.measures, places);
    const out = new Float64Array(profile.measures.length);
    for (let tick = 0; tick < 24_000; tick++) {
      signals.measure(tick % 24, tick, START + tick * 2_711_000, out);
      const outside = profile.measures.filter((m, i) => !(out[i]! >= m.plausible[0] && out[i]! <= m.plausible[1]));
      if (outside.length > 0) expect([tick, outside.map((measure) => measure.name), [...out]]).toEqual([]);
    }
  }
});

test("healthy sensors are seldom at their limits", () => {
  const found = series("environmental", { count: 20_000 });
  for (const measure of loadProfile("environmental").measures) {
    const { limits } = simulationOf(measure);
    const at = found[measure.name]!.filter((value) => value <= limits[0] || value >= limits[1]);
    expect([measure.name, at.length / 20_000 < 0.01]).toEqual([measure.name, true]);
  }
});

test("weather is much the same an hour later, and not a month later", () => {
  const { pressure } = series("environmental");
  expect(lagged(pressure!, 1)).toBeGreaterThan(0.95);
  expect(Math.abs(lagged(pressure!, 24 * 30))).toBeLessThan(0.6);
});

test("humidity and air density fall when the temperature rises", () => {
  const { temperature, humidity } = series("environmental");
  expect(correlation(temperature!, humidity!)).toBeLessThan(-0.6);
  const turbine = series("wind-turbine");
  expect(correlation(turbine["temperature"]!, turbine["air_density"]!)).toBeLessThan(-0.6);
});

test("afternoons are warmer than nights, and summers than winters on both halves of the earth", () => {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const locations = simulatedSensors(loadProfile("environmental"), 1, 8);
  locations.forEach(({ place }, sensor) => {
    const { temperature } = series("environmental", { sensor, count: 24 * 90 });
    const at = (hour: number) =>
      mean(temperature!.filter((_, tick) => Math.floor((tick + place.longitude / 15 + 48) % 24) === hour));
    expect(at(15) - at(3)).toBeGreaterThan(5);
    const ofMonth = (month: number) =>
      mean(series("environmental", { sensor, count: 24 * 28, startMs: Date.UTC(2026, month, 1) })["temperature"]!);
    expect((ofMonth(6) - ofMonth(0)) * Math.sign(place.latitude)).toBeGreaterThan(6);
  });
});

test("sensors of one site share its weather, sensors of two sites do not", () => {
  const first = series("environmental", { count: 24 * 20 })["pressure"]!;
  const replica = series("environmental", { sensor: 8, count: 24 * 20 })["pressure"]!;
  const elsewhere = series("environmental", { sensor: 3, count: 24 * 20 })["pressure"]!;
  expect(correlation(first, replica)).toBeGreaterThan(0.95);
  expect(correlation(first, elsewhere)).toBeLessThan(0.9);
});

test("power rises with the wind up to rated power, stays there, and is zero below cut-in and above cut-out", () => {
  const power = new Line(simulationOf(loadProfile("wind-turbine").measures[1]!).curve!.points);
  for (let wind = 3; wind < 12; wind += 0.05) expect(power.heightAt(wind + 0.05)).toBeGreaterThan(power.heightAt(wind));
  expect([0, 3, 12, 25, 25.01, 40].map((wind) => power.heightAt(wind))).toEqual([0, 0, 2490, 2490, 0, 0]);

  const { wind_speed, power_output, rotor_speed, pitch_angle } = series("wind-turbine", {
    stepMs: 60_000,
    count: 60_000,
  });
  const byWind = new Map<number, number[]>();
  const wrong: string[] = [];
  wind_speed!.forEach((wind, i) => {
    const made = power_output![i]!;
    const check = (what: string, holds: boolean) => {
      if (!holds) wrong.push(`wind ${wind}, power ${made}: ${what}`);
    };
    check("below cut-in there is no power", wind > 3 || made === 0);
    check("above rated wind power is rated", wind <= 12.1 || made > 2_400);
    // Betz: no rotor takes more than 16/27 of the wind's power.
    check("Betz", made <= (16 / 27) * 0.5 * 1.225 * Math.PI * 50 ** 2 * wind ** 3 * 0.001 + 0.01);
    check("the rotor rests", wind >= 2.5 || rotor_speed![i] === 0);
    check("the blades are not turned away", wind <= 3 || wind >= 11 || pitch_angle![i]! < 2);
    const bin = byWind.get(Math.floor(wind)) ?? [];
    byWind.set(Math.floor(wind), bin);
    bin.push(made);
  });
  expect(wrong).toEqual([]);
  const means = [4, 6, 8, 10].map(
    (bin) => byWind.get(bin)!.reduce((sum, made) => sum + made, 0) / byWind.get(bin)!.length,
  );
  expect(means).toEqual([...means].sort((a, b) => a - b));
});

test("the gearbox warms with the load but not with each gust", () => {
  const { wind_speed, gearbox_temperature } = series("wind-turbine", { stepMs: 60_000, count: 5_000 });
  expect(correlation(wind_speed!, gearbox_temperature!)).toBeGreaterThan(0.6);
  const steps = gearbox_temperature!.slice(1).map((value, i) => Math.abs(value - gearbox_temperature![i]!));
  expect(Math.max(...steps)).toBeLessThan(2);
});

test("values have the decimals of their measure, and are never -0", () => {
  const found = series("wind-turbine", { count: 3_000 });
  for (const measure of loadProfile("wind-turbine").measures) {
    const scale = 10 ** simulationOf(measure).decimals;
    for (const value of found[measure.name]!) {
      expect(Math.round(value * scale) / scale).toBe(value);
      expect(Object.is(value, -0)).toBe(false);
    }
  }
});

test("a wave is within 0.2 % of a cosine; a wander stays within ±1 and is smooth", () => {
  for (let turns = -2; turns < 2; turns += 0.001) {
    expect(Math.abs(wave(turns) - Math.cos(2 * Math.PI * turns))).toBeLessThan(0.002);
    expect(Math.abs(wander(5, turns * 50))).toBeLessThanOrEqual(1);
    expect(Math.abs(wander(5, turns * 50) - wander(5, turns * 50 + 1e-6))).toBeLessThan(1e-5);
  }
});
