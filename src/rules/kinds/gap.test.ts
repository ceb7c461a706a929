import { expect, test } from "bun:test";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import {
  addSample,
  agreesWithNaive,
  findingsOf,
  MINUTE,
  NaiveClock,
  perSensor,
  START,
  setOf,
} from "./stateful.suite.ts";

const rule = { when: { gap: { longer_than: "5m" } } };
const at = (minutes: number, sensor = "a", value: number | null = 1) => ({
  sensor,
  time: START + minutes * MINUTE,
  value,
});

test("the reading that ends a silence longer than allowed breaks the rule, and says how long it was", () => {
  const found = findingsOf(rule, [at(0), at(5), at(10.5), at(11), at(30, "b")]);
  expect(found.map((finding) => finding?.reason ?? null)).toEqual([
    null,
    null,
    "the sensor was silent for 5m 30s",
    null,
    null,
  ]);
  expect(found[2]).toMatchObject({
    observed: 330,
    limit: "a reading every 5m",
    window: { from: "2026-01-01T00:05:00.000Z", to: "2026-01-01T00:10:30.000Z" },
  });
});

test("a reading without measures is a reading; a late one ends no silence and begins none", () => {
  const found = findingsOf(rule, [at(0), at(4, "a", null), at(8), at(2), at(13.5)]);
  expect(found.map((finding) => finding !== null)).toEqual([false, false, false, false, true]);
});

test("a clock that was ahead for a while does not silence the rule: after ten readings in order it counts from there", () => {
  const late = Array.from({ length: 10 }, (_, i) => at(i + 1));
  const found = findingsOf(rule, [at(0), at(2_000), ...late, at(11), at(20)]);
  expect(found.map((finding) => finding !== null)).toEqual([false, true, ...late.map(() => false), false, true]);
});

test("sensors that are silent now are listed, longest first, without deciding anything", () => {
  const catalogue = new SensorCatalogue();
  const set = setOf({ name: "silence", ...rule }, catalogue);
  const block = new ReadingBlock(4);
  for (const sample of [at(0, "a"), at(3, "b"), at(6, "c")]) addSample(block, catalogue, sample);
  set.judge(block);
  set.keep();
  expect(set.silentSensors(START + 9 * MINUTE)).toEqual([
    { rule: "silence", sensor: "a", sinceMs: START },
    { rule: "silence", sensor: "b", sinceMs: START + 3 * MINUTE },
  ]);
  expect(set.silentSensors(START)).toEqual([]);
});

test("finds what a plain implementation finds, for any stream, cut anywhere, over restarts", () => {
  agreesWithNaive(rule, () => {
    const of = perSensor(() => ({
      clock: new NaiveClock(),
      counted: [] as number[],
      silences: [] as [number, number][],
    }));
    return ({ sensor, time, value }) => {
      const { clock, counted, silences } = of({ sensor, time, value });
      const { last } = clock;
      const step = clock.step(time);
      if (step === "late") return false;
      const newest = Math.max(...counted);
      const isNewest = time > newest;
      const since = isNewest ? newest : last!;
      counted.push(time);
      if (step === "first" || (!isNewest && step !== "catches up") || time - since <= 5 * MINUTE) return false;
      const [from, to] = silences.at(-1) ?? [time, time];
      if (isNewest) {
        if (time - since >= to - from || time - to >= to - from) silences.push([since, time]);
        return true;
      }
      return time <= counted[0]! || (since >= from && time <= to);
    };
  });
});
