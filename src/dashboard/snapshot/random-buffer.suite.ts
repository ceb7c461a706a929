/** Buffers with what the outside world brings: gaps of values, unknown fields, malformed lines, odd names. */
import fc from "fast-check";
import { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { Finding } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, NUMERIC_IDENTITY } from "../../core/sensor.ts";

export type RandomReading = {
  readonly sensor: number;
  readonly time: number;
  readonly values: readonly (number | null)[];
  readonly kind: "valid" | "anomalous" | "malformed";
  readonly extra: string | null;
  readonly text: string;
};

const MEASURES = [
  ["temperature", "humidity"],
  ["wind_speed", "temperature", "Temperature"],
  ["seq", "time", 'a "quoted" one'],
] as const;

export const randomReading: fc.Arbitrary<RandomReading> = fc.record({
  sensor: fc.nat({ max: 5 }),
  // Late ones too.
  time: fc.oneof(fc.integer({ min: 0, max: 4e12 }), fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 })),
  values: fc.array(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })), { minLength: 3, maxLength: 3 }),
  kind: fc.constantFrom("valid", "valid", "anomalous", "malformed"),
  extra: fc.option(fc.constantFrom('{"x":1}', '{"note":"a, \\"b\\""}', `{"long":"${"y".repeat(9_000)}"}`)),
  text: fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom("=1+1", "a,b", "ø\n", "'; DROP TABLE reading; --")),
});

export function openBuffer(dataDir: string): SqliteBuffer {
  return new SqliteBuffer({
    dataDir,
    nodeId: "node-1",
    nowMs: Date.UTC(2026, 10, 23),
    chance: new Uint8Array(10).fill(7),
    blockRows: 20_000,
    recentRows: 10,
  });
}

export function commitReadings(buffer: SqliteBuffer, readings: readonly RandomReading[], ingestedAtMs: number): void {
  const block = buffer.recent.lend();
  const { catalogue } = buffer;
  for (const { sensor, time, values, kind, extra, text } of readings) {
    if (kind === "malformed") {
      block.addMalformed(time, { reason: "not_json", detail: text, received: `{${text}`, encoding: "utf8", bytes: 9 });
      continue;
    }
    const named = IDENTITY_COLUMNS.map((name) => {
      if (name === "sensor_id") return `s${sensor}`;
      return NUMERIC_IDENTITY.has(name) ? sensor / 3 : name === "location" ? text : null;
    });
    const handle = catalogue.internSensor(named, MEASURES[sensor % 3] ?? []);
    const label = { statusCode: sensor, anomalyFlag: kind === "anomalous" ? 1 : 0, anomalyType: text } as const;
    const at = block.add(handle, time, catalogue.internLabel(label));
    catalogue.sensors[handle]?.slots.forEach((slot, i) => {
      block.column(slot)[at] = values[i] ?? Number.NaN;
    });
    if (extra !== null) block.extra.set(at, extra);
    if (kind === "anomalous") block.findings.set(at, findingsOf(text, values[0] ?? null));
  }
  const facts = { ingestedAtMs, rulesVersion: "abc", timeQuality: "ok", agentVersion: "0.1.0" } as const;
  buffer.commit(block, facts, []);
}

function findingsOf(text: string, observed: number | null): readonly Finding[] {
  const own = { severity: "warning", observed, limit: null, window: null } as const;
  return [
    { rule: "hot", reason: `it is ${text}`, ...own },
    { rule: "odd", reason: "it is odd", ...own },
  ];
}
