/**
 * Questions that are ready to run. Those of the lake (`notebooks/queries.sql`) that a single node can answer have the same names, and
 * the same columns where a node has them.
 */
export type NamedQuestion = {
  readonly name: string;
  readonly title: string;
  readonly sql: string;
};

const columnOf = (name: string) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

const ANY: readonly NamedQuestion[] = [
  {
    name: "ingestion_rate",
    title: "Readings that the agent took, by minute",
    sql: `SELECT strftime('%Y-%m-%dT%H:%M:00Z', g.ingested_at / 1000, 'unixepoch') AS minute, count(*) AS readings
FROM commit_group g JOIN reading r ON r.seq BETWEEN g.first_seq AND g.last_seq
GROUP BY minute ORDER BY minute`,
  },
  {
    name: "anomalies_by_rule",
    title: "Anomalies by rule",
    sql: `SELECT rule, severity, count(*) AS anomalies, count(DISTINCT sensor_id) AS sensors,
  min(timestamp) AS first_seen, max(timestamp) AS last_seen
FROM anomalies GROUP BY rule, severity ORDER BY anomalies DESC`,
  },
  {
    name: "anomaly_rate",
    title: "How often a sensor broke a rule, as a share of its readings",
    sql: `WITH taken AS (SELECT sensor_id, count(*) AS readings FROM reading r JOIN sensor s ON s.handle = r.sensor GROUP BY sensor_id),
broken AS (SELECT sensor_id, rule, count(*) AS anomalies FROM anomalies GROUP BY sensor_id, rule)
SELECT rule, sensor_id, anomalies, readings, round(1.0 * anomalies / readings, 6) AS rate
FROM broken JOIN taken USING (sensor_id)
ORDER BY rate DESC`,
  },
  {
    name: "newest_anomalies",
    title: "The newest anomalies, with the reading's values",
    sql: `SELECT a.timestamp, a.sensor_id, a.rule, a.reason, s.*
FROM anomalies a JOIN sensor_readings s ON s.id = a.id
ORDER BY a.id DESC LIMIT 200`,
  },
  {
    name: "latency",
    title: "Milliseconds from the sensor's time to the agent's buffer",
    sql: `WITH late AS (
  SELECT g.ingested_at - r.time AS ms
  FROM commit_group g JOIN reading r ON r.seq BETWEEN g.first_seq AND g.last_seq
), placed AS (
  SELECT ms, row_number() OVER (ORDER BY ms) AS place, count(*) OVER () AS readings FROM late
)
SELECT max(readings) AS readings, min(ms) AS least_ms,
  min(ms) FILTER (WHERE place >= 0.5 * readings) AS p50_ms,
  min(ms) FILTER (WHERE place >= 0.95 * readings) AS p95_ms,
  min(ms) FILTER (WHERE place >= 0.99 * readings) AS p99_ms,
  max(ms) AS most_ms
FROM placed`,
  },
  {
    name: "throughput",
    title: "Readings and anomalies by hour of the sensor's time",
    sql: `SELECT strftime('%Y-%m-%dT%H:00:00Z', time / 1000, 'unixepoch') AS hour, count(*) AS readings,
  sum(verdict = 0) AS valid, sum(verdict = 1) AS anomalies, sum(verdict = 2) AS malformed
FROM reading GROUP BY hour ORDER BY hour`,
  },
  {
    name: "sensors_now",
    title: "Sensors: how many readings, the last one, anomalies",
    sql: `SELECT s.sensor_id, s.sensor_type, s.location, count(*) AS readings, sum(r.verdict = 1) AS anomalies,
  strftime('%Y-%m-%dT%H:%M:%fZ', max(r.time) / 1000.0, 'unixepoch') AS last_reading_at
FROM reading r JOIN sensor s ON s.handle = r.sensor WHERE s.handle > 0
GROUP BY s.sensor_id, s.sensor_type, s.location ORDER BY s.sensor_id`,
  },
  {
    name: "gaps",
    title: "The longest gaps between two readings of a sensor",
    sql: `WITH pairs AS (
  SELECT sensor, time, time - lag(time) OVER (PARTITION BY sensor ORDER BY time) AS gap_ms FROM reading WHERE verdict < 2
)
SELECT s.sensor_id, round(gap_ms / 1000.0, 3) AS gap_s,
  strftime('%Y-%m-%dT%H:%M:%fZ', (time - gap_ms) / 1000.0, 'unixepoch') AS gap_from,
  strftime('%Y-%m-%dT%H:%M:%fZ', time / 1000.0, 'unixepoch') AS gap_to
FROM pairs JOIN sensor s ON s.handle = pairs.sensor
WHERE gap_ms IS NOT NULL ORDER BY gap_ms DESC LIMIT 100`,
  },
  {
    name: "late_readings",
    title: "Readings that came more than a minute after their time, by sensor",
    sql: `SELECT s.sensor_id, count(*) AS readings, round(max(g.ingested_at - r.time) / 1000.0, 1) AS most_late_s
FROM commit_group g JOIN reading r ON r.seq BETWEEN g.first_seq AND g.last_seq JOIN sensor s ON s.handle = r.sensor
WHERE g.ingested_at - r.time > 60000
GROUP BY s.sensor_id ORDER BY readings DESC`,
  },
  {
    name: "schema_evolution",
    title: "Fields that no profile knows, since when, and how often",
    sql: `SELECT j.key AS field, count(*) AS readings,
  strftime('%Y-%m-%dT%H:%M:%fZ', min(r.time) / 1000.0, 'unixepoch') AS first_seen,
  strftime('%Y-%m-%dT%H:%M:%fZ', max(r.time) / 1000.0, 'unixepoch') AS last_seen, min(j.value) AS example
FROM extra e JOIN reading r USING (seq), json_each(e.fields) j
WHERE j.key NOT IN ('bad_fields', 'timestamp_received') GROUP BY field ORDER BY readings DESC`,
  },
  {
    name: "malformed",
    title: "What was no reading: reason, detail, as received",
    sql: `SELECT seq AS id, reason, detail, received, bytes FROM malformed ORDER BY seq DESC LIMIT 500`,
  },
  {
    name: "rule_sets",
    title: "Rule sets that judged these readings, and when",
    sql: `SELECT rules_version, strftime('%Y-%m-%dT%H:%M:%fZ', min(ingested_at) / 1000.0, 'unixepoch') AS since,
  strftime('%Y-%m-%dT%H:%M:%fZ', max(ingested_at) / 1000.0, 'unixepoch') AS until,
  sum(last_seq - first_seq + 1) AS readings
FROM commit_group GROUP BY rules_version ORDER BY since`,
  },
];

/** `measures`: of the snapshot. */
export function namedQuestions(measures: readonly string[]): readonly NamedQuestion[] {
  const [first] = measures;
  const has = (name: string) => measures.includes(name);
  return [
    ...(first === undefined ? [] : ofMeasure(has("temperature") ? "temperature" : first)),
    ...ANY,
    ...(has("wind_speed") && has("power_output") ? [WIND] : []),
  ];
}

function ofMeasure(measure: string): readonly NamedQuestion[] {
  const [column, shown] = [columnOf(measure), measure.replaceAll("_", " ")];
  return [
    {
      name: "by_minute",
      title: `Average, lowest and highest ${shown}, by minute`,
      sql: `SELECT strftime('%Y-%m-%dT%H:%M:00Z', time / 1000, 'unixepoch') AS minute,
  round(avg(${column}), 3) AS average, min(${column}) AS lowest, max(${column}) AS highest
FROM reading GROUP BY minute HAVING average IS NOT NULL ORDER BY minute`,
    },
    {
      name: "hottest",
      title: `The sensors with the highest ${shown}`,
      sql: `SELECT sensor_id, location, max(${column}) AS highest, round(avg(${column}), 3) AS average, timestamp AS at
FROM sensor_readings WHERE ${column} IS NOT NULL
GROUP BY sensor_id ORDER BY highest DESC LIMIT 20`,
    },
  ];
}

const WIND: NamedQuestion = {
  name: "wind_turbines",
  title: "Power of wind turbines by wind speed",
  sql: `SELECT CAST(wind_speed AS INTEGER) AS wind_speed, count(*) AS readings,
  round(avg(power_output), 2) AS average_power, min(power_output) AS lowest, max(power_output) AS highest,
  sum(verdict = 1) AS anomalies
FROM reading WHERE wind_speed IS NOT NULL GROUP BY 1 ORDER BY 1`,
};
