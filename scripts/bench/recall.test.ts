import { expect } from "bun:test";
import { ReadingBlock } from "../../src/core/reading.ts";
import { SensorCatalogue } from "../../src/core/sensor.ts";
import { builtInRules } from "../../src/rules/files/shipped.ts";
import { parseSimulatorUri } from "../../src/sensor/simulator/parameters.ts";
import { SimulatorSource } from "../../src/sensor/simulator/simulator.ts";
import { testWith } from "../../src/testing/needs.ts";
import { Recall, type RecallReport } from "./recall-count.ts";

const longTest = testWith("time");

const NOW = Date.UTC(2030, 0, 1);
/** A day of fifty sensors, a reading a minute. */
const DAY = "sensors=50&rate=0.0166666667&count=72000&start=2025-06-01T00:00:00Z&seed=7";

function shippedRecall(query: string): { all: RecallReport; withoutFlag: RecallReport } {
  const catalogue = new SensorCatalogue();
  const source = new SimulatorSource(parseSimulatorUri(`simulator:?${query}`), catalogue, null, () => NOW);
  const rules = builtInRules(catalogue);
  const all = new Recall(catalogue);
  const withoutFlag = new Recall(catalogue, (rule) => rule !== "sensor-flag");
  const block = new ReadingBlock(1_000);
  for (;;) {
    block.clear();
    const { state } = source.take(block, NOW);
    rules.judge(block);
    rules.keep();
    all.add(block);
    withoutFlag.add(block);
    if (state !== "more") return { all: all.report(), withoutFlag: withoutFlag.report() };
  }
}

longTest(
  "without reading the label, the shipped rules find spikes, missing data and every stuck sensor, and report hardly any healthy reading",
  () => {
    const { all, withoutFlag } = shippedRecall(`${DAY}&anomaly=0.02`);
    const of = (report: RecallReport, name: string) => report.types.find(({ type }) => type === name);
    expect(of(withoutFlag, "spike")?.recall).toBeGreaterThan(0.95);
    expect(of(withoutFlag, "missing_data")?.recall).toBeGreaterThan(0.95);
    expect(of(withoutFlag, "stuck")?.episodeRecall).toBeGreaterThan(0.95);
    // The first readings of a stuck sensor look healthy: eight must be alike before a rule can know.
    expect(of(withoutFlag, "stuck")?.recall).toBeLessThan(0.6);
    expect(withoutFlag.any.precision).toBeGreaterThan(0.98);
    expect(all.types.map((type) => type.recall)).toEqual(all.types.map(() => 1));
    expect(all.any.precision).toBeGreaterThan(0.98);
  },
);

longTest("a day of healthy sensors breaks no shipped rule, whatever they remember", () => {
  expect(shippedRecall(`${DAY}&anomaly=0`).all.rules).toEqual([]);
  const turbines = "profile=wind-turbine&sensors=20&rate=0.1&count=172800&start=2025-06-01T00:00:00Z&seed=7&anomaly=0";
  expect(shippedRecall(turbines).all.rules).toEqual([]);
});
