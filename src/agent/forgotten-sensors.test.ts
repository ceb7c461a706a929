import { afterEach, beforeEach, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { forgetSensors, MANY_SENSORS, sensorsInUse } from "../buffer/forget-sensors.ts";
import { SqliteBuffer } from "../buffer/sqlite-buffer.ts";
import { makeLog } from "../core/log/log.ts";
import { IDENTITY_COLUMNS } from "../core/sensor.ts";
import { loadRuleTexts } from "../rules/files/load.ts";
import { testWith } from "../testing/needs.ts";
import { LiveRules } from "./live-rules.ts";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "agent-forgotten-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const RULE = { name: "jumps", when: { rate: { measure: "temperature", max_change: 5, per: "1s" } } };

/** As a start of the agent does. */
async function open() {
  const first = openBuffer();
  const used = await sensorsInUse(first, async () => undefined);
  first.close();
  return opened(openBuffer(used));
}

function openBuffer(used: ReadonlySet<number> | null = null): SqliteBuffer {
  const chance = crypto.getRandomValues(new Uint8Array(10));
  return new SqliteBuffer({
    dataDir,
    nodeId: "n",
    nowMs: 0,
    chance,
    blockRows: 1_000,
    recentRows: 10,
    opened: (db) => {
      if (used !== null) forgetSensors(db, used);
    },
  });
}

function opened(buffer: SqliteBuffer) {
  const loaded = loadRuleTexts([{ name: "a.json", text: JSON.stringify(RULE) }], buffer.catalogue);
  if ("refused" in loaded) throw new Error(loaded.refused[0]!.message);
  const log = makeLog({ least: "error", secrets: [], now: () => 0, write: () => undefined });
  const rules = new LiveRules({ set: loaded.ok, refused: [] }, { buffer, log, now: () => 0 });
  return { buffer, rules };
}

type Opened = ReturnType<typeof opened>;

/** One reading of each of `count` sensors from `from` on; returns how many broke the rule. */
function commit(
  { buffer, rules }: Opened,
  from: number,
  count: number,
  reading: { at: number; value: number },
): number {
  const { catalogue } = buffer;
  let broken = 0;
  for (let i = from; i < from + count; ) {
    const block = buffer.recent.lend();
    const label = catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
    for (const until = Math.min(from + count, i + 1_000); i < until; i++) {
      const identity = IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? `s${i}` : null));
      const row = block.add(catalogue.internSensor(identity, ["temperature"]), reading.at, label);
      block.column(catalogue.slotOf("temperature"))[row] = reading.value;
    }
    rules.set.judge(block);
    broken += block.findings.size;
    const facts = { ingestedAtMs: 0, rulesVersion: rules.set.version, timeQuality: "ok", agentVersion: "1" } as const;
    buffer.commit(block, facts, [], (lastSeq) => rules.commit(block, lastSeq));
    rules.committed(block);
  }
  return broken;
}

const subjects = ({ rules }: Opened) => rules.set.costs()[0]?.subjects;

testWith("time")(
  "rules forget the sensors that the buffer forgot, once, and remember the others; a crash changes nothing of it",
  async () => {
    let node = await open();
    commit(node, 0, MANY_SENSORS, { at: 1_000, value: 20 });
    node.rules.save();
    node.buffer.db.run("DELETE FROM reading WHERE seq > 100");
    node.buffer.close();

    node = await open();
    expect(subjects(node)).toBe(100);
    // Sensor 50 is remembered, and 500 is as new: only the first one jumps. Then it crashes, before anything else is saved.
    expect(commit(node, 50, 1, { at: 2_000, value: 90 })).toBe(1);
    expect(commit(node, 500, 1, { at: 2_000, value: 90 })).toBe(0);
    node.buffer.close();

    node = await open();
    expect(subjects(node)).toBe(101);
    expect(commit(node, 500, 1, { at: 3_000, value: 20 })).toBe(1);
    node.buffer.close();
  },
  60_000,
);
