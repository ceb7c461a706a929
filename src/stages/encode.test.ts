import { expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { Gzip } from "../core/bytes/gzip.ts";
import { type Finding, ReadingBlock } from "../core/reading.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../core/sensor.ts";
import type { ReadingStage } from "../core/stage.ts";
import { cases } from "../testing/needs.ts";
import { type EncodableBlock, StageEncoder } from "./encode.ts";
import type { MeasureUnits } from "./schematize.ts";

const ALL = new Set<ReadingStage>(["raw", "validated", "anomalies", "schematized"]);
const HOUR = Date.UTC(2026, 10, 23, 8);
const FACTS = { ingestedAtMs: HOUR, rulesVersion: "a1b2c3d4e5f6", timeQuality: "ok" as const, agentVersion: "0.1.0" };
const FINDING: Finding = {
  rule: "temperature-range",
  severity: "warning",
  reason: "temperature 72.4 is above 60",
  observed: 72.4,
  limit: "-20…60",
  window: null,
};

type TestRow = {
  sensor: number;
  minute: number;
  value: number | null;
  kind: "valid" | "anomalous" | "malformed";
  isArrival?: boolean;
};

function build(rows: readonly TestRow[], blockRows: number, units: MeasureUnits = new Map()) {
  const catalogue = new SensorCatalogue();
  const label = catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null });
  const isArrival = true;
  const arrived = () => catalogue.internLabel({ statusCode: 0, anomalyFlag: 0, anomalyType: null, isArrival });
  const blocks: EncodableBlock[] = [];
  for (let from = 0; from < rows.length; from += blockRows) {
    const block = new ReadingBlock(blockRows);
    for (const row of rows.slice(from, from + blockRows)) {
      const time = HOUR + row.minute * 60_000;
      if (row.kind === "malformed") {
        block.addMalformed(time, {
          reason: "not_json",
          detail: "not JSON",
          received: "{é",
          encoding: "utf8",
          bytes: 3,
        });
        continue;
      }
      const identity = IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? `s${row.sensor}` : null));
      const at = block.add(
        catalogue.internSensor(identity, ["temperature", "humidity"]),
        time,
        row.isArrival ? arrived() : label,
      );
      block.column(catalogue.slotOf("temperature"))[at] = row.value ?? Number.NaN;
      block.column(catalogue.slotOf("humidity"))[at] = 50;
      if (row.kind === "anomalous") block.findings.set(at, [FINDING]);
    }
    blocks.push({ firstSeq: from + 1, block, facts: FACTS });
  }
  const encoder = new StageEncoder({ epoch: "e", nodeId: "n", gzip: new Gzip(3, () => 0), units }, catalogue);
  return { encoder, blocks };
}

const linesOf = (body: Uint8Array | undefined) =>
  body === undefined
    ? []
    : gunzipSync(body)
        .toString()
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
const idsOf = (body: Uint8Array | undefined) =>
  linesOf(body)
    .map((row) => String(row["reading_id"]))
    .sort();

const rowArbitrary: fc.Arbitrary<TestRow> = fc.record({
  sensor: fc.integer({ min: 0, max: 4 }),
  minute: fc.integer({ min: -30, max: 90 }),
  value: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
  kind: fc.constantFrom("valid", "valid", "anomalous", "malformed"),
});

test("every reading of a range and hour is in its stages exactly once, and in no other hour's object", () => {
  fc.assert(
    fc.property(fc.array(rowArbitrary, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (rows, blockRows) => {
      const { encoder, blocks } = build(rows, blockRows);
      const last = Math.max(1, Math.floor(rows.length * 0.8));
      for (const hourMs of [HOUR - 3_600_000, HOUR, HOUR + 3_600_000]) {
        const made = encoder.encode(blocks, { first: 2, last, hourMs }, ALL);
        const expected = (kinds: string[]) =>
          rows
            .map((row, i) => ({ ...row, seq: i + 1 }))
            .filter((r) => r.seq >= 2 && r.seq <= last && kinds.includes(r.kind))
            .filter((r) => Math.floor((HOUR + r.minute * 60_000) / 3_600_000) * 3_600_000 === hourMs)
            .map((r) => `e-${r.seq}`)
            .sort();
        expect(idsOf(made.get("raw")?.body)).toEqual(expected(["valid", "anomalous", "malformed"]));
        expect(idsOf(made.get("validated")?.body)).toEqual(expected(["valid"]));
        expect(idsOf(made.get("schematized")?.body)).toEqual(expected(["valid"]));
        expect(idsOf(made.get("anomalies")?.body)).toEqual(expected(["anomalous", "malformed"]));
        for (const [stage, object] of made) expect([stage, linesOf(object.body).length]).toEqual([stage, object.count]);
      }
    }),
    { numRuns: cases(150) },
  );
});

test("a row is flat, with its columns in their order; each stage adds its own", () => {
  const rows: TestRow[] = [
    { sensor: 1, minute: 0, value: 20, kind: "valid" },
    { sensor: 1, minute: 1, value: 72.4, kind: "anomalous" },
  ];
  const { encoder, blocks } = build(rows, 10);
  const made = encoder.encode(blocks, { first: 1, last: 2, hourMs: HOUR }, ALL);
  const columns = [
    ...IDENTITY_COLUMNS,
    ...["timestamp", "temperature", "humidity", "status_code", "anomaly_flag", "anomaly_type", "reading_id"],
    ...["node_id", "agent_version", "rules_version", "ingested_at", "time_quality", "extra"],
  ];
  expect(Object.keys(linesOf(made.get("validated")?.body)[0]!)).toEqual(columns);
  expect(linesOf(made.get("anomalies")?.body)[0]).toMatchObject({
    anomaly_rules: ["temperature-range"],
    anomaly_reason: "temperature 72.4 is above 60",
    severity: "warning",
    observed: 72.4,
  });
  expect(linesOf(made.get("schematized")?.body)[0]).toMatchObject({ schema_version: 1, dew_point: 9.261 });
  expect(Object.keys(linesOf(made.get("schematized")?.body)[0]!)).toEqual([
    ...columns,
    ...["schema_version", "dew_point", "heat_index", "absolute_humidity"],
  ]);
});

test("a malformed reading goes to raw and anomalies as received, with the reason", () => {
  const { encoder, blocks } = build([{ sensor: 0, minute: 0, value: null, kind: "malformed" }], 10);
  const made = encoder.encode(blocks, { first: 1, last: 1, hourMs: HOUR }, ALL);
  expect([...made.keys()].sort()).toEqual(["anomalies", "raw"]);
  const [row] = linesOf(made.get("anomalies")?.body);
  expect(row).toMatchObject({ sensor_id: null, anomaly_rules: ["malformed"], anomaly_reason: "not JSON" });
  expect(JSON.parse(String(row!["extra"]))).toMatchObject({ received: "{é", reason: "not_json" });
});

test("raw is the validated member and the others behind it: the valid rows are compressed once", () => {
  const rows: TestRow[] = Array.from({ length: 50 }, (_, i) => ({ sensor: i % 3, minute: 1, value: i, kind: "valid" }));
  const { encoder, blocks } = build([...rows, { sensor: 1, minute: 1, value: 99, kind: "anomalous" }], 100);
  const made = encoder.encode(blocks, { first: 1, last: 51, hourMs: HOUR }, ALL);
  const validated = made.get("validated")!.body;
  expect(Buffer.from(made.get("raw")!.body.subarray(0, validated.length)).equals(Buffer.from(validated))).toBe(true);
});

test("derived columns are the same for the same air, whatever unit the profile has; null if it cannot be converted", () => {
  const derived = (value: number, unit: string) => {
    const { encoder, blocks } = build(
      [{ sensor: 1, minute: 0, value, kind: "valid" }],
      1,
      new Map([["temperature", unit]]),
    );
    const [row = {}] = linesOf(
      encoder.encode(blocks, { first: 1, last: 1, hourMs: HOUR }, ALL).get("schematized")?.body,
    );
    return [row["dew_point"], row["heat_index"], row["absolute_humidity"]];
  };
  const inCelsius = derived(20, "°C");
  expect(inCelsius[0]).toBe(9.261);
  expect(derived(68, "°F")).toEqual(inCelsius);
  expect(derived(293.15, "K")).toEqual(inCelsius);
  expect(derived(20, "points")).toEqual([null, null, null]);
});

test("time_quality is that of the commit, but unsynced for a reading whose time is outside what was plausible then", () => {
  const rows: TestRow[] = [-2, -1, 0, 1, 2].map((minute) => ({ sensor: 1, minute, value: 20, kind: "valid" }));
  const { encoder, blocks } = build(rows, 10);
  const qualities = (facts: object) => {
    const bounded = blocks.map((block) => ({ ...block, facts: { ...block.facts, ...facts } }));
    return [HOUR - 3_600_000, HOUR].flatMap((hourMs) => {
      const made = encoder.encode(bounded, { first: 1, last: 5, hourMs }, ALL);
      return linesOf(made.get("raw")?.body).map((row) => row["time_quality"]);
    });
  };
  expect(qualities({})).toEqual(["ok", "ok", "ok", "ok", "ok"]);
  const bounds = { earliestMs: HOUR - 60_000, latestMs: HOUR + 60_000 };
  expect(qualities(bounds)).toEqual(["unsynced", "ok", "ok", "ok", "unsynced"]);
  expect(qualities({ ...bounds, timeQuality: "stepped" })).toEqual([
    "unsynced",
    "stepped",
    "stepped",
    "stepped",
    "unsynced",
  ]);
  expect(qualities({ earliestMs: HOUR })).toEqual(["unsynced", "unsynced", "ok", "ok", "ok"]);
});

test("a reading that came without a time says arrival in every stage, unless the clock was not good or the time is implausible", () => {
  const kinds = ["valid", "valid", "anomalous"] as const;
  const rows: TestRow[] = kinds.map((kind, i) => ({ sensor: 1, minute: i, value: 20, kind, isArrival: i > 0 }));
  const { encoder, blocks } = build(rows, 10);
  const qualities = (facts: object) => {
    const given = blocks.map((block) => ({ ...block, facts: { ...block.facts, ...facts } }));
    const made = encoder.encode(given, { first: 1, last: 3, hourMs: HOUR }, ALL);
    const of = (stage: ReadingStage) => linesOf(made.get(stage)?.body).map((row) => row["time_quality"]);
    return [of("raw"), of("validated"), of("schematized"), of("anomalies")];
  };
  const good = ["ok", "arrival"];
  expect(qualities({})).toEqual([[...good, "arrival"], good, good, ["arrival"]]);
  for (const timeQuality of ["unsynced", "stepped"]) {
    expect(qualities({ timeQuality })[0]).toEqual([timeQuality, timeQuality, timeQuality]);
  }
  expect(qualities({ latestMs: HOUR + 60_000 })[0]).toEqual(["ok", "arrival", "unsynced"]);
});
