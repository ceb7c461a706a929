/**
 * The tables of a snapshot: narrow as the buffer's, but with the names of measures, and only what a question about readings needs. The
 * view `sensor_readings` is the buffer's own.
 */
import { wideView } from "../../buffer/schema.ts";
import { IDENTITY_COLUMNS, NUMERIC_IDENTITY } from "../../core/sensor.ts";

export const PAGE_BYTES = 4_096;
/** Of one text that came from outside: longer ones are cut (`received`) or replaced by their length (`extra`). */
export const TEXT_BYTES_MOST = 4_096;

const FIXED = ["seq", "sensor", "time", "label", "verdict"] as const;

/** The column of each measure in the table `reading`, quoted: its own name, or one by its number where that is taken. */
export function measureColumns(measureNames: readonly string[]): readonly string[] {
  const taken = new Set<string>(FIXED);
  return measureNames.map((name, slot) => {
    const isFree = !taken.has(name.toLowerCase());
    const column = isFree ? name : `measure ${slot}`;
    taken.add(column.toLowerCase());
    return `"${column.replaceAll('"', '""')}"`;
  });
}

const identity = IDENTITY_COLUMNS.map((name) => `${name} ${NUMERIC_IDENTITY.has(name) ? "REAL" : "TEXT"}`).join(", ");

export function snapshotSchema(measureNames: readonly string[]): string {
  const columns = measureColumns(measureNames);
  return `
  -- What this is: node, epoch, when it was taken, which readings.
  CREATE TABLE about (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
  CREATE TABLE sensor (handle INTEGER PRIMARY KEY, ${identity}, measures TEXT NOT NULL) STRICT;
  CREATE TABLE label (handle INTEGER PRIMARY KEY, status_code INTEGER, anomaly_flag INTEGER, anomaly_type TEXT,
    arrival INTEGER) STRICT;
  -- What the readings of one transaction share; times are milliseconds since 1970, UTC.
  CREATE TABLE commit_group (first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, ingested_at INTEGER NOT NULL,
    rules_version TEXT NOT NULL, time_quality TEXT NOT NULL, agent_version TEXT NOT NULL) STRICT;
  -- verdict: 0 valid, 1 anomalous (see finding), 2 malformed (see malformed).
  CREATE TABLE reading (seq INTEGER PRIMARY KEY, sensor INTEGER NOT NULL, time INTEGER NOT NULL, label INTEGER NOT NULL,
    verdict INTEGER NOT NULL${columns.map((column) => `, ${column} REAL`).join("")}) STRICT;
  CREATE TABLE finding (seq INTEGER NOT NULL, place INTEGER NOT NULL, rule TEXT, severity TEXT, reason TEXT, observed ANY,
    "limit" TEXT, PRIMARY KEY (seq, place)) STRICT, WITHOUT ROWID;
  CREATE INDEX finding_rule ON finding (rule);
  CREATE TABLE malformed (seq INTEGER PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL, received TEXT NOT NULL,
    encoding TEXT NOT NULL, bytes INTEGER NOT NULL) STRICT;
  CREATE TABLE extra (seq INTEGER PRIMARY KEY, fields TEXT NOT NULL) STRICT;
  ${wideView(measureNames, (slot) => columns[slot] ?? "NULL")};
  CREATE VIEW sensors AS SELECT ${IDENTITY_COLUMNS.join(", ")}, measures FROM sensor WHERE handle > 0;
  -- One row for each rule that a reading broke.
  CREATE VIEW anomalies AS
    SELECT f.seq AS id, ${timestampOf("r.time")} AS timestamp, s.sensor_id, s.location, f.rule, f.severity,
      f.reason, f.observed, f."limit"
    FROM finding f JOIN reading r ON r.seq = f.seq JOIN sensor s ON s.handle = r.sensor
    UNION ALL
    SELECT m.seq, ${timestampOf("r.time")}, NULL, NULL, 'malformed', 'warning', m.detail, NULL, NULL
    FROM malformed m JOIN reading r ON r.seq = m.seq;
  `;
}

/** As in the buffer's own view. */
function timestampOf(column: string): string {
  return `strftime('%Y-%m-%dT%H:%M:%fZ', ${column} / 1000.0, 'unixepoch')`;
}

/** The statements that copy the readings of a range, `?1` to `?2`, from the attached buffer. */
export function copyStatements(measureNames: readonly string[]): readonly string[] {
  const slots = measureNames.map((_, slot) => `, m${slot}`).join("");
  const inRange = "WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq";
  const isLong = (column: string) => `octet_length(${column}) > ${TEXT_BYTES_MOST}`;
  return [
    `INSERT INTO reading SELECT seq, sensor, time, label, verdict${slots} FROM buffer.reading ${inRange}`,
    `INSERT INTO finding
      SELECT f.seq, j.key, j.value ->> '$.rule', j.value ->> '$.severity', substr(j.value ->> '$.reason', 1, ${TEXT_BYTES_MOST}),
        j.value ->> '$.observed', substr(j.value ->> '$.limit', 1, ${TEXT_BYTES_MOST})
      FROM buffer.finding f, json_each(iif(json_valid(f.findings), f.findings, '[]')) j
      WHERE f.seq BETWEEN ?1 AND ?2 ORDER BY f.seq, j.key`,
    `INSERT INTO malformed
      SELECT seq, reason, substr(detail, 1, ${TEXT_BYTES_MOST}),
        iif(${isLong("received")}, substr(received, 1, ${TEXT_BYTES_MOST / 4}), received), encoding, bytes
      FROM buffer.malformed ${inRange}`,
    `INSERT INTO extra
      SELECT seq, iif(${isLong("fields")}, json_object('left_out_bytes', octet_length(fields)), fields)
      FROM buffer.extra ${inRange}`,
  ];
}
