/**
 * How well the shipped rules find the faults that the simulator made, with and without the rule that reads the simulator's own flag.
 * `bun scripts/bench/recall.ts` takes a day of 50 sensors, a reading a minute; another simulation may be given:
 * `bun scripts/bench/recall.ts 'sensors=50&rate=max&count=4320000&start=2025-06-01T00:00:00Z&seed=7&anomaly=0.02'`.
 */
import { ReadingBlock } from "../../src/core/reading.ts";
import { SensorCatalogue } from "../../src/core/sensor.ts";
import { builtInRules } from "../../src/rules/files/shipped.ts";
import { parseSimulatorUri } from "../../src/sensor/simulator/parameters.ts";
import { SimulatorSource } from "../../src/sensor/simulator/simulator.ts";
import { Recall, type RecallReport } from "./recall-count.ts";

const DAY = "sensors=50&rate=0.0166666667&count=72000&start=2025-06-01T00:00:00Z&seed=7&anomaly=0.02";
const FLAG_RULE = "sensor-flag";

const percent = (share: number | null) => (share === null ? "-" : `${(share * 100).toFixed(2)} %`).padStart(9);
const number = (value: number) => String(value).padStart(8);

function print(title: string, report: RecallReport): void {
  const { caught, precision } = report.any;
  console.log(`\n${title}: ${caught} of the labelled readings found, precision ${percent(precision).trim()}`);
  console.log(`${"".padEnd(14)}readings   found   recall    episodes   found   recall`);
  for (const type of report.types) {
    const readings = `${number(type.readings)}${number(type.caught)}${percent(type.recall)}`;
    const episodes = `${number(type.episodes)}${number(type.episodesFound)}${percent(type.episodeRecall)}`;
    console.log(`${(type.type ?? "").padEnd(14)}${readings}    ${episodes}`);
  }
}

const catalogue = new SensorCatalogue();
const query = process.argv[2] ?? DAY;
const source = new SimulatorSource(parseSimulatorUri(`simulator:?${query}`), catalogue, null, Date.now);
const rules = builtInRules(catalogue);
const all = new Recall(catalogue);
const withoutFlag = new Recall(catalogue, (rule) => rule !== FLAG_RULE);
const block = new ReadingBlock(1_000);
for (;;) {
  block.clear();
  const { state } = source.take(block);
  rules.judge(block);
  rules.keep();
  all.add(block);
  withoutFlag.add(block);
  if (state !== "more") break;
}
const { readings, any } = all.report();
console.log(`simulator:?${query}\n${readings} readings, ${any.readings} of them labelled as anomalies`);
print("All shipped rules", all.report());
print(`Without "${FLAG_RULE}"`, withoutFlag.report());
console.log("\nRules, without the flag's:");
for (const { rule, broken, precision } of withoutFlag.report().rules) {
  console.log(`${rule.padEnd(34)}${number(broken)} broken, precision ${percent(precision)}`);
}
