/** A real buffer for the tests of these rooms, written as the agent writes it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { Finding } from "../../core/reading.ts";
import { IDENTITY_COLUMNS } from "../../core/sensor.ts";

export type WrittenReading = {
  readonly sensor: string;
  readonly at: number;
  readonly values: Readonly<Record<string, number>>;
  /** Rules that it broke. */
  readonly broke?: readonly string[];
  readonly isMalformed?: boolean;
};

export class WrittenBuffer {
  readonly dataDir = mkdtempSync(join(tmpdir(), "agent-page-"));
  readonly buffer: SqliteBuffer;
  readonly #measures: readonly string[];

  constructor(measures: readonly string[], recentRows = 1) {
    this.#measures = measures;
    this.buffer = new SqliteBuffer({
      dataDir: this.dataDir,
      nodeId: "n",
      nowMs: 0,
      chance: new Uint8Array(10),
      blockRows: 1_000,
      recentRows,
    });
    // No test here is about a power cut.
    this.buffer.db.run("PRAGMA synchronous = OFF");
  }

  /** One commit; returns the seq of its first reading. */
  commit(ingestedAtMs: number, readings: readonly WrittenReading[]): number {
    const { recent, catalogue } = this.buffer;
    const block = recent.lend();
    const label = catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
    for (const { sensor, at, values, broke, isMalformed } of readings) {
      if (isMalformed) {
        block.addMalformed(at, { reason: "not_json", detail: "no JSON", received: "x", encoding: "utf8", bytes: 1 });
        continue;
      }
      const identity = IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? sensor : null));
      const row = block.add(catalogue.internSensor(identity, this.#measures), at, label);
      for (const [name, value] of Object.entries(values)) block.column(catalogue.slotOf(name))[row] = value;
      if (broke !== undefined && broke.length > 0) block.findings.set(row, broke.map(findingOf));
    }
    const stored = this.buffer.commit(
      block,
      { ingestedAtMs, rulesVersion: "r", timeQuality: "ok", agentVersion: "1" },
      [],
    );
    return stored.firstSeq;
  }

  close(): void {
    this.buffer.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

function findingOf(rule: string): Finding {
  return { rule, severity: "warning", reason: `${rule} is broken`, observed: null, limit: null, window: null };
}
