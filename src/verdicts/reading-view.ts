/** A stored reading as `why`, `tail` and `rules backtest` show it: its fields, its findings, and one line of both. */
import { type StoredBlock, verdictOf } from "../buffer/buffer.ts";
import { oneLine } from "../core/log/log.ts";
import { type Finding, type Malformed, timeQualityOf } from "../core/reading.ts";
import { IDENTITY_COLUMNS, type Label, NO_SENSOR, type Sensor, type SensorCatalogue } from "../core/sensor.ts";

/** By stored verdict. */
export const OUTCOMES = ["valid", "anomalous", "malformed"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Where a reading is: row `row` of a block, in a buffer. */
export type ReadingAt = {
  readonly stored: StoredBlock;
  readonly row: number;
  readonly catalogue: SensorCatalogue;
  readonly epoch: string;
  readonly nodeId: string;
};

export type ReadingFields = Readonly<Record<string, string | number | null>>;

const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

/** Of a malformed reading. */
const NO_LABEL: Label = { statusCode: null, anomalyFlag: null, anomalyType: null };

export function sensorOf({ stored, row, catalogue }: ReadingAt): Sensor {
  const sensor = catalogue.sensors[stored.block.sensor[row] ?? NO_SENSOR];
  if (sensor === undefined) throw new Error(`Cannot show row ${row}: the catalogue does not know its sensor`);
  return sensor;
}

/** In ISO 8601, UTC. */
function eventTimeOf({ stored, row }: ReadingAt): string {
  return new Date(stored.block.time[row] ?? Number.NaN).toISOString();
}

/** The same names and values as the reading's row in the stage `raw`. */
export function fieldsOf(at: ReadingAt): ReadingFields {
  const { stored, row, catalogue } = at;
  const { block, facts } = stored;
  const { identity } = sensorOf(at);
  const label = catalogue.labels[block.label[row] ?? -1] ?? NO_LABEL;
  const malformed = block.malformed.get(row);
  return {
    ...Object.fromEntries(IDENTITY_COLUMNS.map((name, i) => [name, identity[i] ?? null])),
    timestamp: eventTimeOf(at),
    ...measuresOf(at),
    status_code: label.statusCode,
    anomaly_flag: label.anomalyFlag,
    anomaly_type: label.anomalyType,
    reading_id: readingId(at),
    node_id: at.nodeId,
    agent_version: facts.agentVersion,
    rules_version: facts.rulesVersion,
    ingested_at: new Date(facts.ingestedAtMs).toISOString(),
    time_quality: timeQualityOf(facts, block.time[row] ?? Number.NaN, label.isArrival === true),
    extra: malformed === undefined ? (block.extra.get(row) ?? null) : receivedText(malformed),
  };
}

function receivedText({ received, encoding, bytes, reason, detail }: Malformed): string {
  return JSON.stringify({ received, encoding, bytes, reason, detail });
}

export function readingId({ epoch, stored, row }: ReadingAt): string {
  return `${epoch}-${stored.firstSeq + row}`;
}

/** The measures of its sensor, in the order of its profile; null where this reading has none. */
export function measuresOf(at: ReadingAt): Readonly<Record<string, number | null>> {
  const { measures, slots } = sensorOf(at);
  const values = slots.map((slot) => at.stored.block.measures[slot]?.[at.row] ?? Number.NaN);
  return Object.fromEntries(measures.map((name, i) => [name, Number.isNaN(values[i]) ? null : (values[i] ?? null)]));
}

export function sensorIdOf(at: ReadingAt): string | null {
  const id = sensorOf(at).identity[SENSOR_ID];
  return id === null || id === undefined ? null : String(id);
}

export function outcomeOf({ stored, row }: ReadingAt): Outcome {
  return OUTCOMES[verdictOf(stored.block, row)];
}

/** A malformed reading breaks the rule "malformed", as in the stage `anomalies`. */
export function verdictShown({ stored, row }: ReadingAt): readonly Finding[] {
  const malformed = stored.block.malformed.get(row);
  if (malformed === undefined) return stored.block.findings.get(row) ?? [];
  return [
    { rule: "malformed", severity: "warning", reason: malformed.detail, observed: null, limit: null, window: null },
  ];
}

export type ShownReading = {
  readonly reading: ReadingFields;
  readonly rules_version: string;
  readonly outcome: Outcome;
  /** The rules that it broke. */
  readonly verdict: readonly Finding[];
  readonly malformed: Malformed | null;
};

/** As JSON: the output of `why --json`, and a line of `tail --json`. */
export function readingJson(at: ReadingAt): ShownReading {
  const { stored, row } = at;
  return {
    reading: fieldsOf(at),
    rules_version: stored.facts.rulesVersion,
    outcome: outcomeOf(at),
    verdict: verdictShown(at).map(({ rule, severity, reason, observed, limit, window }) => {
      // A verdict of an older agent may lack a field.
      return { rule, severity, reason, observed: observed ?? null, limit: limit ?? null, window: window ?? null };
    }),
    malformed: stored.block.malformed.get(row) ?? null,
  };
}

/** `42  2026-11-23T08:00:00.000Z  s1  temperature 72.4, humidity -  ANOMALY temperature-range: temperature 72.4 is above 60` */
export function readingLine(at: ReadingAt): string {
  const { stored, row } = at;
  const malformed = stored.block.malformed.get(row);
  const parts = [
    String(stored.firstSeq + row),
    eventTimeOf(at),
    sensorIdOf(at) ?? "-",
    malformed === undefined ? measuresText(at) : "",
    VERDICT_TEXT[outcomeOf(at)](at),
  ];
  return oneLine(parts.filter((part) => part !== "").join("  "));
}

export function measuresText(at: ReadingAt): string {
  return Object.entries(measuresOf(at))
    .map(([name, value]) => `${name} ${value ?? "-"}`)
    .join(", ");
}

const VERDICT_TEXT: Record<Outcome, (at: ReadingAt) => string> = {
  valid: () => "ok",
  anomalous: (at) =>
    `ANOMALY ${verdictShown(at)
      .map(({ rule, reason }) => `${rule}: ${reason}`)
      .join("; ")}`,
  malformed: ({ stored, row }) => {
    const { reason = "", detail = "" } = stored.block.malformed.get(row) ?? {};
    return `MALFORMED ${reason}: ${detail}`;
  },
};
