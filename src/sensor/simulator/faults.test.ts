import { expect, test } from "bun:test";
import { loadProfile } from "../profile/shipped.ts";
import { ANOMALY_KINDS, Anomalies, type AnomalyKind } from "./faults.ts";

const { measures } = loadProfile("environmental");
const KEYS = Array.from({ length: 20 }, (_, i) => i * 7_919);
const TICKS = 4_000;
const HEALTHY = [14, 55, 1_005, 2.4, 22.8];
const asIs = (_: number, value: number) => value;

/** Every anomalous reading of all sensors: its kind and what became of the healthy values. */
function anomalous(probability: number): { kind: AnomalyKind; values: Float64Array }[] {
  const anomalies = new Anomalies(measures, KEYS, probability);
  const found: { kind: AnomalyKind; values: Float64Array }[] = [];
  for (let sensor = 0; sensor < KEYS.length; sensor++) {
    for (let tick = 0; tick < TICKS; tick++) {
      const episode = anomalies.at(sensor, tick);
      if (episode === null) continue;
      const values = Float64Array.from(HEALTHY);
      if (episode.kind === "stuck") episode.held = HEALTHY[episode.measure]!;
      anomalies.distort(episode, tick, values, asIs);
      found.push({ kind: episode.kind, values });
    }
  }
  return found;
}

const implausible = (values: Float64Array) =>
  measures.some(({ plausible }, m) => values[m]! < plausible[0] || values[m]! > plausible[1]);

test("the share of anomalous readings is the probability, from none to all", () => {
  for (const probability of [0, 0.02, 0.1, 0.25, 0.7, 1]) {
    const share = anomalous(probability).length / (KEYS.length * TICKS);
    expect(Math.abs(share - probability)).toBeLessThan(0.004 + probability * 0.08 * (1 - probability));
  }
});

test("every kind of anomaly occurs, labelled with its name", () => {
  const kinds = new Set(anomalous(0.02).map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual([...ANOMALY_KINDS].sort());
});

test("a spike is always outside the plausible range, and within the range of a broken sensor", () => {
  const spikes = anomalous(0.05).filter(({ kind }) => kind === "spike");
  expect(spikes.length).toBeGreaterThan(50);
  for (const { values } of spikes) {
    expect(implausible(values)).toBe(true);
    expect(values[1]).toBeGreaterThanOrEqual(0);
    expect(values[3]).toBeGreaterThanOrEqual(0);
  }
});

test("missing data is a row in which one measure, or all of them, are null", () => {
  const missing = anomalous(0.05).filter(({ kind }) => kind === "missing_data");
  const absent = missing.map(({ values }) => values.filter(Number.isNaN).length);
  expect([...new Set(absent)].sort()).toEqual([1, measures.length]);
});

test("a stuck sensor repeats one plausible value: no range can see it", () => {
  for (const { kind, values } of anomalous(0.05)) if (kind === "stuck") expect([...values]).toEqual(HEALTHY);
});

test("trend, pattern and noise change the value, and many of them leave the plausible range", () => {
  for (const kind of ["trend", "pattern", "noise"] as const) {
    const some = anomalous(0.1).filter((one) => one.kind === kind);
    const bent = some.filter(({ values }) => values.some((value, m) => value !== HEALTHY[m]));
    expect(bent.length / some.length).toBeGreaterThan(0.98);
    expect(some.filter(({ values }) => implausible(values)).length / some.length).toBeGreaterThan(0.1);
  }
});

test("the place of an episode does not depend on earlier calls", () => {
  const asked = new Anomalies(measures, KEYS, 0.2);
  const kindAt = (anomalies: Anomalies, tick: number) => anomalies.at(3, tick)?.kind ?? null;
  const forwards = Array.from({ length: 300 }, (_, tick) => kindAt(asked, tick));
  const backwards = Array.from({ length: 300 }, (_, i) => kindAt(new Anomalies(measures, KEYS, 0.2), 299 - i));
  expect(backwards.reverse()).toEqual(forwards);
});
