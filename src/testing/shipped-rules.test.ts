import { expect, test } from "bun:test";
import { ReadingBlock } from "../core/reading.ts";
import { SensorCatalogue } from "../core/sensor.ts";
import { builtInRules, shippedRules } from "../rules/files/shipped.ts";
import { suspiciousRules } from "../rules/files/suspicious.ts";
import { loadProfile } from "../sensor/profile/shipped.ts";
import { parseSimulatorUri } from "../sensor/simulator/parameters.ts";
import { SimulatorSource } from "../sensor/simulator/simulator.ts";
import { testWith } from "./needs.ts";

const longTest = testWith("time");

const NOW = Date.UTC(2030, 0, 1);

/** How often each shipped rule is broken by a simulation of fifteen months in steps of three hours; the same in every run. */
function brokenBy(query: string): Record<string, number> {
  const catalogue = new SensorCatalogue();
  const uri = `simulator:?sensors=25&rate=0.0001&count=100000&start=2025-01-01T00:00:00Z&seed=7&${query}`;
  const source = new SimulatorSource(parseSimulatorUri(uri), catalogue, null, () => NOW);
  const rules = builtInRules(catalogue);
  const block = new ReadingBlock(1_000);
  const broken: Record<string, number> = {};
  for (;;) {
    block.clear();
    const { state } = source.take(block, NOW);
    rules.judge(block);
    rules.keep();
    for (const findings of block.findings.values()) {
      for (const { rule } of findings) broken[rule] = (broken[rule] ?? 0) + 1;
    }
    if (state !== "more") return broken;
  }
}

longTest("normal simulated readings break no shipped rule, in every season", () => {
  expect(brokenBy("profile=wind-turbine&anomaly=0")).toEqual({});
  expect(brokenBy("profile=environmental&anomaly=0")).toEqual({});
});

longTest("simulated anomalies break every shipped rule", () => {
  const broken = {
    ...brokenBy("profile=wind-turbine&anomaly=0.03"),
    ...brokenBy("profile=environmental&anomaly=0.03"),
  };
  expect(Object.keys(broken).toSorted()).toEqual([...builtInRules(new SensorCatalogue()).names]);
});

test("no shipped rule looks like a slip", () => {
  expect(suspiciousRules(shippedRules(), [loadProfile("environmental"), loadProfile("wind-turbine")])).toEqual([]);
});
