/**
 * Whether a row of an object is a row that we would send. Another version of the agent, or a salvage, may write the same
 * reading in other bytes; so only columns count that the reading itself decides.
 */
import { IDENTITY_COLUMNS } from "../../core/sensor.ts";
import type { Stage } from "../../core/stage.ts";
import { DERIVED } from "../../stages/schematize.ts";

type ObjectRow = Readonly<Record<string, unknown>>;

/** Every version writes these for a reading: a column that is absent counts as null. */
const OF_A_READING = [
  ...IDENTITY_COLUMNS,
  ...["timestamp", "status_code", "anomaly_flag", "anomaly_type", "reading_id", "extra"],
];
/** Of the agent that wrote the row, its name, its rules and its time of commit. */
const OF_THE_AGENT = new Set([
  ...["node_id", "agent_version", "rules_version", "ingested_at", "time_quality"],
  ...["anomaly_rules", "anomaly_reason", "severity", "observed", "schema_version"],
  ...DERIVED.map(({ name }) => name),
]);
/** Sums in another order differ in the last digits. */
const TOLERANCE = 1e-9;

/** The name of a row within its object; null where it has none. */
export function rowName(stage: Stage, row: ObjectRow): string | null {
  const { reading_id: readingId, window_id: windowId, revision, sensor_id: sensorId } = row;
  if (stage !== "aggregated") return typeof readingId === "string" ? readingId : null;
  return JSON.stringify([windowId, revision, sensorId]);
}

/** Of two rows of one name. */
export function isSameRow(stage: Stage, ours: ObjectRow, theirs: ObjectRow): boolean {
  if (stage === "aggregated") return isSameWindow(ours, theirs);
  if (!OF_A_READING.every((name) => isSame(ours[name] ?? null, theirs[name] ?? null))) return false;
  // Measures. A newer version may have one more, or one less.
  return Object.keys(ours).every(
    (name) => OF_THE_AGENT.has(name) || !(name in theirs) || isSame(ours[name], theirs[name]),
  );
}

function isSameWindow(ours: ObjectRow, theirs: ObjectRow): boolean {
  if (!["record_count", "anomaly_count"].every((name) => isSame(ours[name] ?? null, theirs[name] ?? null)))
    return false;
  return Object.keys(ours).every(
    (name) => OF_THE_AGENT.has(name) || !(name in theirs) || isClose(ours[name], theirs[name]),
  );
}

function isClose(a: unknown, b: unknown): boolean {
  if (typeof a !== "number" || typeof b !== "number") return isSame(a, b);
  return Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(a), Math.abs(b));
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));
}
