/**
 * The cost of making the four bodies of committed readings, and how large they get, by gzip level and by the number of
 * sensors: `bun scripts/bench/encode.ts [ROWS]`. Simulated readings in blocks of 1,000 and ranges of 20,000, as the agent
 * commits and delivers them; the best of three. The lines without a profile are valid readings only.
 */
import { Gzip } from "../../src/core/bytes/gzip.ts";
import { ReadingBlock } from "../../src/core/reading.ts";
import { SensorCatalogue } from "../../src/core/sensor.ts";
import type { ReadingStage } from "../../src/core/stage.ts";
import { hourOf } from "../../src/core/time/duration.ts";
import { parseSimulatorUri } from "../../src/sensor/simulator/parameters.ts";
import { SimulatorSource } from "../../src/sensor/simulator/simulator.ts";
import { type EncodableBlock, StageEncoder } from "../../src/stages/encode.ts";

const BLOCK_ROWS = 1_000;
const RANGE_ROWS = 20_000;
const ROUNDS = 3;
const STAGES: ReadonlySet<ReadingStage> = new Set(["raw", "validated", "anomalies", "schematized"]);
const rows = Number(process.argv[2] ?? 100_000);

/** Committed blocks of simulated readings, and the catalogue that they refer to. */
function committed(parameters: string): { catalogue: SensorCatalogue; blocks: EncodableBlock[] } {
  const catalogue = new SensorCatalogue();
  const uri = `simulator:?rate=max&seed=1&start=2026-01-01&count=${rows}&${parameters}`;
  const source = new SimulatorSource(parseSimulatorUri(uri), catalogue, null, () => 0);
  const blocks: EncodableBlock[] = [];
  for (let firstSeq = 1; firstSeq <= rows; ) {
    const block = new ReadingBlock(BLOCK_ROWS);
    source.take(block);
    const ingestedAtMs = Date.UTC(2026, 0, 2) + blocks.length * 137;
    const facts = { ingestedAtMs, rulesVersion: "a1b2c3d4e5f6", timeQuality: "ok" as const, agentVersion: "0.1.0" };
    blocks.push({ firstSeq, block, facts });
    firstSeq += block.count;
  }
  return { catalogue, blocks };
}

function encodeAll(blocks: readonly EncodableBlock[], encoder: StageEncoder): number {
  let bytes = 0;
  for (let first = 1; first <= rows; first += RANGE_ROWS) {
    const last = Math.min(rows, first + RANGE_ROWS - 1);
    const within = blocks.filter(({ firstSeq, block }) => firstSeq <= last && firstSeq + block.count > first);
    const hours = new Set(within.flatMap(({ block }) => hoursOf(block)));
    for (const hourMs of hours) {
      for (const { body } of encoder.encode(within, { first, last, hourMs }, STAGES).values()) bytes += body.length;
    }
  }
  return bytes;
}

function hoursOf({ time, count }: ReadingBlock): number[] {
  return [...new Set(Array.from(time.subarray(0, count), hourOf))];
}

for (const [name, parameters] of [
  ["50 sensors", "sensors=50"],
  ["5 sensors", "sensors=5"],
  ["1,000 sensors", "sensors=1000"],
  ["20,000 sensors", "sensors=20000"],
  ["50 turbines", "sensors=50&profile=wind-turbine"],
] as const) {
  const { catalogue, blocks } = committed(parameters);
  for (const level of [1, 2, 3, 6] as const) {
    let best = Number.POSITIVE_INFINITY;
    let bytes = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const encoder = new StageEncoder({ epoch: "01kb", nodeId: "node", gzip: new Gzip(level, () => 0) }, catalogue);
      const before = process.cpuUsage();
      bytes = encodeAll(blocks, encoder);
      const { user, system } = process.cpuUsage(before);
      best = Math.min(best, (user + system) / rows);
    }
    const size = (bytes / rows).toFixed(1).padStart(6);
    console.log(`${name.padEnd(16)} level ${level}: ${best.toFixed(2)} CPU-s per million, ${size} B a reading`);
  }
}
