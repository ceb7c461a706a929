/**
 * The cost of a reload, and the memory that it leaves behind: a folder of 300 rules is edited and reloaded 1,000 times, on the agent's own path
 * (noticed, read, tested, compiled, written down, exchanged). `bun scripts/bench/reload.ts [RELOADS] [RULES]` prints
 * milliseconds a reload and the resident memory on the way. Ranges, expressions and, where there are such kinds, rules
 * that remember, over 50 sensors with something to remember.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LiveRules } from "../../src/agent/live-rules.ts";
import { SqliteBuffer } from "../../src/buffer/sqlite-buffer.ts";
import { SILENT } from "../../src/core/log/log.ts";
import { ReadingBlock } from "../../src/core/reading.ts";
import { loadRules } from "../../src/rules/files/load.ts";
import { FolderWatch } from "../../src/rules/files/watch.ts";
import { KIND_NAMES } from "../../src/rules/kinds/all.ts";
import { parseSimulatorUri } from "../../src/sensor/simulator/parameters.ts";
import { SimulatorSource } from "../../src/sensor/simulator/simulator.ts";

const reloads = Number(process.argv[2] ?? 1_000);
const count = Number(process.argv[3] ?? 300);
const folder = mkdtempSync(join(tmpdir(), "bench-reload-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, "rules.json");

const MEASURES = ["temperature", "humidity", "pressure", "vibration", "voltage"];
const remembers = (KIND_NAMES as readonly string[]).includes("stuck");

/** Only one rule differs from edit to edit, as with a person at work. */
function edit(version: number): void {
  const rules = Array.from({ length: count }, (_, i) => {
    const measure = MEASURES[i % MEASURES.length] ?? "temperature";
    const limit = 10_000 + i + (i === 0 ? version : 0);
    const kinds = [
      { range: { measure, min: -limit, max: limit } },
      { expression: `${measure} > ${limit.toFixed(1)} && humidity > 1.0` },
      ...(remembers ? [{ stuck: { measure, for: "12h", tolerance: 0 } }] : []),
    ];
    const when = kinds[i % kinds.length];
    return {
      name: `rule-${i}`,
      when,
      ...(i % kinds.length === 0 ? { tests: [{ reading: { [measure]: 1 }, breaks: false }] } : {}),
    };
  });
  writeFileSync(file, JSON.stringify(rules));
}

edit(0);
const buffer = new SqliteBuffer({
  dataDir: folder,
  nodeId: "bench",
  nowMs: Date.now(),
  chance: crypto.getRandomValues(new Uint8Array(10)),
  blockRows: 1_000,
  recentRows: 20_000,
});
const load = () => loadRules(folder, buffer.catalogue, "rules");
const first = load();
if ("refused" in first) throw new Error(JSON.stringify(first.refused[0]));
const watch = new FolderWatch(folder);
const look = (runningMs: number) => (watch.look(runningMs) ? load() : null);
const rules = new LiveRules({ set: first.ok, refused: [], look }, { buffer, log: SILENT, now: Date.now });
const simulator = parseSimulatorUri("simulator:?sensors=50&rate=max&seed=1&count=100000000");
const source = new SimulatorSource(simulator, buffer.catalogue, null, () => 0);

const mb = () => Math.round(process.memoryUsage.rss() / 1e6);
let runningMs = 0;
let spentMs = 0;
let longestMs = 0;
for (let version = 1; version <= reloads; version++) {
  const block = new ReadingBlock(1_000);
  source.take(block);
  rules.set.judge(block);
  rules.committed(block);
  edit(version);
  const before = rules.set;
  while (rules.set === before) {
    runningMs += 250;
    const startedAt = performance.now();
    rules.watch(runningMs);
    const tookMs = performance.now() - startedAt;
    spentMs += tookMs;
    longestMs = Math.max(longestMs, version > 10 ? tookMs : 0);
  }
  if (version % Math.max(1, Math.floor(reloads / 10)) === 0) {
    Bun.gc(true);
    const each = (spentMs / version).toFixed(1);
    console.log(
      `${version} reloads of ${count} rules: ${each} ms each, longest ${longestMs.toFixed(0)} ms, RSS ${mb()} MB`,
    );
  }
}
buffer.close();
