/** The broken readings of a buffer: of new commits, and back from the newest. Each call is one short look. */
import type { StoredBlock } from "../../buffer/buffer.ts";
import { findingsIn } from "../../buffer/ledger/findings.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { Finding } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, type SensorCatalogue } from "../../core/sensor.ts";
import type { SeqRange } from "../../core/seq-range.ts";
import type { BrokenReading } from "./episode-book.ts";

const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

export function sensorIdOf(catalogue: SensorCatalogue, handle: number): string {
  return String(catalogue.sensors[handle]?.identity[SENSOR_ID] ?? "");
}

/** As `agent why` has it. */
function malformedFinding(detail: string): Finding {
  return { rule: "malformed", severity: "warning", reason: detail, observed: null, limit: null, window: null };
}

/** Those of blocks that are still in memory. */
export function* brokenInMemory(
  blocks: readonly StoredBlock[],
  { first, last }: SeqRange,
  catalogue: SensorCatalogue,
): Generator<BrokenReading> {
  for (const { firstSeq, block, facts } of blocks) {
    const readingAt = (row: number, sensorId: string, findings: readonly Finding[]): BrokenReading => ({
      seq: firstSeq + row,
      atMs: block.time[row] ?? Number.NaN,
      committedMs: facts.ingestedAtMs,
      sensorId,
      findings,
    });
    const isIn = (row: number) => firstSeq + row >= first && firstSeq + row <= last;
    for (const [row, findings] of block.findings) {
      if (isIn(row)) yield readingAt(row, sensorIdOf(catalogue, block.sensor[row] ?? 0), findings);
    }
    for (const [row, { detail }] of block.malformed)
      if (isIn(row)) yield readingAt(row, "", [malformedFinding(detail)]);
  }
}

type StoredKind = { readonly table: "finding" | "malformed"; readonly column: "findings" | "detail" };
const KINDS: readonly StoredKind[] = [
  { table: "finding", column: "findings" },
  { table: "malformed", column: "detail" },
];

/** The newest of a range, at most `most` of each kind. `next`: the range that is left; null: none. */
export function brokenStored(
  { db, catalogue }: Pick<SqliteBuffer, "db" | "catalogue">,
  { first, last }: SeqRange,
  most: number,
): { readonly readings: readonly BrokenReading[]; readonly next: SeqRange | null } {
  const readings: BrokenReading[] = [];
  let reached = first;
  for (const { table, column } of KINDS) {
    const rows = db
      .query<{ seq: number; text: string; sensor: number; time: number; committed: number }, [number, number, number]>(
        `SELECT b.seq, b.${column} AS text, r.sensor, r.time, coalesce((SELECT ingested_at FROM commit_group
         WHERE first_seq <= b.seq ORDER BY first_seq DESC LIMIT 1), r.time) AS committed
         FROM ${table} b JOIN reading r ON r.seq = b.seq WHERE b.seq BETWEEN ? AND ? ORDER BY b.seq DESC LIMIT ?`,
      )
      .all(first, last, most);
    if (rows.length === most) reached = Math.max(reached, rows.at(-1)?.seq ?? first);
    for (const { seq, text, sensor, time, committed } of rows) {
      const isMalformed = table === "malformed";
      const findings = isMalformed ? [malformedFinding(text)] : (findingsIn(text) ?? []);
      const sensorId = isMalformed ? "" : sensorIdOf(catalogue, sensor);
      readings.push({ seq, atMs: time, committedMs: committed, sensorId, findings });
    }
  }
  const next = reached > first ? { first, last: reached - 1 } : null;
  return { readings: readings.filter(({ seq }) => seq >= reached), next };
}
