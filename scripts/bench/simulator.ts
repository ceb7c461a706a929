/** `bun scripts/bench/simulator.ts [millions]`: the cost of the simulator, alone and with the text of its rows. */
import { ByteWriter } from "../../src/core/bytes/bytes.ts";
import { ReadingText } from "../../src/core/bytes/reading-text.ts";
import { ReadingBlock } from "../../src/core/reading.ts";
import { SensorCatalogue } from "../../src/core/sensor.ts";
import { parseSimulatorUri } from "../../src/sensor/simulator/parameters.ts";
import { SimulatorSource } from "../../src/sensor/simulator/simulator.ts";

const BLOCK_ROWS = 1_000;
const FLUSH_BYTES = 256 * 1024;
const readings = Math.round(Number(process.argv[2] ?? "2") * 1e6);
const shape = `sensors=50&rate=max&start=2026-01-01&count=${readings}`;

/** Takes all readings in blocks and hands each block over. */
function drain(uri: string, each: (block: ReadingBlock) => void, catalogue: SensorCatalogue): void {
  const source = new SimulatorSource(parseSimulatorUri(uri), catalogue, null, () => 0);
  const block = new ReadingBlock(BLOCK_ROWS);
  for (;;) {
    const { state } = source.take(block);
    each(block);
    block.clear();
    if (state === "ended") return;
  }
}

function measure(name: string, work: () => string): void {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const note = work();
  const seconds = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const perMillion = (user + system) / readings;
  const peakMb = process.resourceUsage().maxRSS / 1_024;
  console.log(
    `${name.padEnd(34)} ${Math.round(readings / seconds)
      .toLocaleString("en")
      .padStart(11)} rows/s  ` +
      `${perMillion.toFixed(2)} CPU-s per million  peak RSS ${peakMb.toFixed(0)} MB  ${note}`,
  );
}

for (const profile of ["environmental", "wind-turbine"]) {
  for (const faults of [0, 0.01]) {
    measure(`take, ${profile}, faults ${faults}`, () => {
      let rows = 0;
      const uri = `simulator:?${shape}&profile=${profile}&faults=${faults}`;
      drain(uri, (block) => (rows += block.count), new SensorCatalogue());
      return `${rows} rows`;
    });
  }
}
measure("take and text, environmental", () => {
  const catalogue = new SensorCatalogue();
  const text = new ReadingText(catalogue);
  const writer = new ByteWriter(2 * FLUSH_BYTES);
  let bytes = 0;
  const each = (block: ReadingBlock) => {
    for (let row = 0; row < block.count; row++) {
      text.write(writer, block, row);
      writer.byte(125);
      writer.byte(10);
      if (writer.length < FLUSH_BYTES) continue;
      bytes += writer.length;
      writer.clear();
    }
  };
  drain(`simulator:?${shape}`, each, catalogue);
  return `${Math.round((bytes + writer.length) / readings)} B a row`;
});
