/**
 * How fast the judge is on its real path: blocks of 1,000 readings, findings written, values that mostly break nothing.
 * `bun scripts/bench/rules.ts` prints rule evaluations/s, readings/s and CPU-seconds per million readings.
 */
import { ReadingBlock } from "../../src/core/reading.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../../src/core/sensor.ts";
import { loadRuleTexts } from "../../src/rules/files/load.ts";
import { builtInRules } from "../../src/rules/files/shipped.ts";
import type { RuleSet } from "../../src/rules/rule-set.ts";

const ROWS = 1_000;
const SENSORS = 50;
const SECONDS = 1.5;
/** Of event time, between two readings of all sensors. */
const STEP_MS = 1_000;
const WARM_UP_EVALUATIONS = 20_000_000;
/** One reading in this many has a value out of its range. */
const BROKEN_EVERY = 100;

type Signal = readonly [name: string, normal: number, spread: number, broken: number];
const ENVIRONMENTAL: readonly Signal[] = [
  ["temperature", 20, 10, 72],
  ["humidity", 50, 20, 99],
  ["pressure", 1_000, 30, 1_090],
  ["vibration", 3, 2, 14],
  ["voltage", 23, 1, 31],
];
const TURBINE: readonly Signal[] = [
  ["wind_speed", 9, 1, 9],
  ["power_output", 1_030, 100, 4_400],
  ["rotor_speed", 12, 1, 12],
  ["pitch_angle", 0.5, 0.2, 0.5],
  ["gearbox_temperature", 60, 5, 60],
  ["temperature", 11, 5, 11],
];

function blockOf(catalogue: SensorCatalogue, sensorType: string, signals: readonly Signal[]): ReadingBlock {
  const block = new ReadingBlock(ROWS);
  const quiet = catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
  const names = signals.map(([name]) => name);
  for (let i = 0; i < ROWS; i++) {
    const of = {
      sensor_id: `${sensorType}-${i % SENSORS}`,
      sensor_type: sensorType,
      location: `site-${(i % SENSORS) % 7}`,
    };
    const identity = IDENTITY_COLUMNS.map((column) => (column in of ? of[column as keyof typeof of] : null));
    const row = block.add(catalogue.internSensor(identity, names), i * STEP_MS, quiet);
    signals.forEach(([name, normal, spread, broken], slot) => {
      const wave = normal + spread * Math.sin(i * 0.7 + slot);
      block.column(catalogue.slotOf(name))[row] = i % BROKEN_EVERY === slot ? broken : wave;
    });
  }
  return block;
}

function measure(what: string, rules: RuleSet, block: ReadingBlock): void {
  // The clock continues from block to block; otherwise every reading is late from the second block on.
  const next = () => {
    for (let row = 0; row < ROWS; row++) block.time[row] = (block.time[row] ?? 0) + ROWS * STEP_MS;
    rules.judge(block);
    rules.keep();
  };
  for (let i = 0; i < WARM_UP_EVALUATIONS / (ROWS * rules.names.length); i++) next();
  const cpu = process.cpuUsage();
  const started = performance.now();
  let blocks = 0;
  while (performance.now() - started < SECONDS * 1_000) {
    for (let i = 0; i < 5; i++) next();
    blocks += 5;
  }
  const seconds = (performance.now() - started) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const readings = blocks * ROWS;
  const million = (value: number) => `${(value / 1e6).toFixed(1).padStart(7)} M`;
  const evaluations = million((readings * rules.names.length) / seconds);
  const perMillion = ((user + system) / 1e6 / (readings / 1e6)).toFixed(4);
  const broken = block.findings.size;
  console.log(
    `${what.padEnd(44)} ${evaluations} rule evaluations/s ${million(readings / seconds)} readings/s  ${perMillion} CPU-s per million readings  (${broken} of ${ROWS} broken)`,
  );
}

type ConditionMaker = (measure: string, spread: number, limit: number, i: number) => object;

/** Limits that hardly ever break: the bench measures the judging, not the sentences. */
const MADE: Record<string, ConditionMaker> = {
  range: (measure, _, limit) => ({ range: { measure, min: -limit, max: limit } }),
  "range with deadband": (measure, _, limit) => ({ range: { measure, min: -limit, max: limit, deadband: 1 } }),
  expression: (measure, _, limit, i) => ({
    expression: `${measure} > ${limit.toFixed(1)} && location == "site-${i % 7}" || ${measure} < -${limit.toFixed(1)}`,
  }),
  "expression with a pattern": (measure, _, limit) => ({
    expression: `sensor_id.matches("-[1-4]?[[:digit:]]$") && ${measure} > ${limit.toFixed(1)}`,
  }),
  "expression with local time": (measure, _, limit) => ({
    expression: `timestamp.getHours("Europe/Brussels") < 25 && ${measure} > ${limit.toFixed(1)}`,
  }),
  rate: (measure, _, limit) => ({ rate: { measure, max_change: limit * 1_000, per: "1m" } }),
  "rate over a span": (measure, _, limit) => ({ rate: { measure, max_change: limit * 1_000, per: "1m", over: "1h" } }),
  stuck: (measure) => ({ stuck: { measure, readings: 8, times_usual: 6 } }),
  gap: () => ({ gap: { longer_than: "5m" } }),
  missing: (measure) => ({ missing: { measures: [measure] } }),
  "spike, window 30": (measure, spread) => ({ spike: { measure, window: 30, threshold: 60, min_deviation: spread } }),
  drift: (measure) => ({ drift: { measure, baseline: 500, threshold: 1e6 } }),
  disagrees: (measure, _, limit) => ({ disagrees: { measure, group_by: "location", max_difference: limit } }),
};
const STATEFUL = Object.keys(MADE).filter((kind) => kind !== "range" && !kind.startsWith("expression"));

function generated(kinds: readonly string[], count: number, catalogue: SensorCatalogue): RuleSet {
  const rules = Array.from({ length: count }, (_, i) => {
    const signal = ENVIRONMENTAL[Math.floor(i / kinds.length) % ENVIRONMENTAL.length];
    const made = MADE[kinds[i % kinds.length] ?? ""];
    if (signal === undefined || made === undefined) throw new Error(`Cannot make a rule of ${kinds.join(", ")}`);
    const [measure, normal, spread] = signal;
    const when = made(measure, spread, normal + spread * 8 + i, i);
    return { name: `rule-${i}`, ...(i % 3 === 0 ? { applies_to: { location: `site-${i % 7}` } } : {}), when };
  });
  const text = JSON.stringify(rules);
  const started = performance.now();
  const loaded = loadRuleTexts([{ name: "bench.json", text }], catalogue);
  if ("refused" in loaded) throw new Error(JSON.stringify(loaded.refused[0]));
  const ms = (performance.now() - started).toFixed(1);
  if (kinds.length > 1 || kinds.includes("expression"))
    console.log(`${count} rules: read, tested and compiled in ${ms} ms`);
  return loaded.ok;
}

const catalogue = new SensorCatalogue();
const environmental = blockOf(catalogue, "environmental", ENVIRONMENTAL);
const turbine = blockOf(catalogue, "wind-turbine", TURBINE);
measure("shipped rules, environmental readings", builtInRules(catalogue), environmental);
measure("shipped rules, wind-turbine readings", builtInRules(catalogue), turbine);
for (const kind of Object.keys(MADE)) measure(`300 rules: ${kind}`, generated([kind], 300, catalogue), environmental);
measure("300 stateful rules of all kinds", generated(STATEFUL, 300, catalogue), environmental);
