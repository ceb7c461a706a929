-- The questions of queries.sql in the SQL of SQLite, for `agent query --local`: the same names, the same columns, the same
-- answers (a test compares them with Spark's). queries.sql says what they mean. Times are text here, as the agent writes them:
-- `2026-11-24T08:00:00.000Z`, so the hour of one is its first 13 characters.

-- name: ingestion_rate
SELECT substr(ingested_at, 1, 16) || ':00.000Z' AS minute, node_id, count(*) AS readings
FROM sensor_readings_ingestion
GROUP BY minute, node_id
ORDER BY minute, node_id;

-- name: anomaly_rate
WITH taken AS (SELECT sensor_id, count(*) AS readings FROM sensor_readings_ingestion GROUP BY sensor_id),
broken AS (
  SELECT sensor_id, each.value AS rule, count(*) AS anomalies
  FROM sensor_readings_anomalies, json_each(anomaly_rules) AS each
  GROUP BY sensor_id, each.value
)
SELECT broken.rule, broken.sensor_id, broken.anomalies, taken.readings,
  CAST(broken.anomalies AS REAL) / taken.readings AS rate
FROM broken JOIN taken ON broken.sensor_id IS taken.sensor_id
ORDER BY rule, broken.sensor_id;

-- name: latency
-- There is no table, so the time at which a reading came there is unknown: null.
WITH steps AS (
  SELECT node_id, 'sensor to buffer' AS step,
    CAST(round((julianday(ingested_at) - julianday(timestamp)) * 86400000) AS INTEGER) AS ms
  FROM sensor_readings_ingestion
),
ranked AS (
  SELECT node_id, step, ms, row_number() OVER (PARTITION BY node_id, step ORDER BY ms) - 1 AS place,
    count(*) OVER (PARTITION BY node_id, step) - 1 AS last
  FROM steps
  WHERE ms IS NOT NULL
),
shares(share) AS (VALUES (0.5), (0.95), (0.99)),
-- The values on both sides of the place that has this share of all below it; they are one where the place is a whole number.
around AS (
  SELECT node_id, step, share, share * last AS place, max(ms) FILTER (WHERE place <= share * last) AS below,
    min(ms) FILTER (WHERE place >= share * last) AS above
  FROM ranked CROSS JOIN shares
  WHERE abs(place - share * last) < 1
  GROUP BY node_id, step, share
),
-- Of whole numbers and these shares a thousandth is exact; beyond it there is only noise.
shown AS (
  SELECT node_id, step, share, round(below + (above - below) * (place - CAST(place AS INTEGER)), 3) AS ms FROM around
)
SELECT node_id, step, max(ms) FILTER (WHERE share = 0.5) AS p50_ms, max(ms) FILTER (WHERE share = 0.95) AS p95_ms,
  max(ms) FILTER (WHERE share = 0.99) AS p99_ms
FROM (
  SELECT node_id, step, share, ms FROM shown
  UNION ALL SELECT DISTINCT node_id, 'sensor to buffer', NULL, NULL FROM sensor_readings_ingestion
  UNION ALL SELECT DISTINCT node_id, 'buffer to table', NULL, NULL FROM sensor_readings_ingestion
  UNION ALL SELECT DISTINCT node_id, 'sensor to table', NULL, NULL FROM sensor_readings_ingestion
)
GROUP BY node_id, step
ORDER BY node_id, step;

-- name: schema_evolution
SELECT field.key AS field, node_id, count(*) AS readings, min(timestamp) AS first_seen, max(timestamp) AS last_seen
FROM sensor_readings_ingestion, json_each(CASE WHEN json_valid(extra) AND json_type(extra) = 'object' THEN extra END) AS field
WHERE sensor_id IS NOT NULL AND field.key NOT IN ('bad_fields', 'timestamp_received')
GROUP BY field.key, node_id
ORDER BY field.key, node_id;

-- name: throughput
SELECT stage, substr(event_time, 1, 13) || ':00:00.000Z' AS hour, sum(rows) AS rows, count(DISTINCT source_file) AS objects
FROM (
  SELECT '1 raw' AS stage, timestamp AS event_time, source_file, count(*) AS rows FROM sensor_readings_ingestion
  GROUP BY source_file, substr(timestamp, 1, 13)
  UNION ALL SELECT '2 validated', timestamp, source_file, count(*) FROM sensor_readings_validated
  GROUP BY source_file, substr(timestamp, 1, 13)
  UNION ALL SELECT '3 anomalies', timestamp, source_file, count(*) FROM sensor_readings_anomalies
  GROUP BY source_file, substr(timestamp, 1, 13)
  UNION ALL SELECT '4 schematized', timestamp, source_file, count(*) FROM sensor_readings_schematized
  GROUP BY source_file, substr(timestamp, 1, 13)
  UNION ALL SELECT '5 aggregated', window_start, source_file, count(*) FROM sensor_readings_aggregated
  GROUP BY source_file, substr(window_start, 1, 13)
)
GROUP BY stage, hour
ORDER BY stage, hour;

-- name: wind_turbines
SELECT
  substr(timestamp, 1, 10) AS day,
  count(*) AS anomalies,
  avg(wind_speed) AS avg_wind_speed,
  avg(power_output) AS avg_power_output
FROM sensor_readings_anomalies
WHERE wind_speed IS NOT NULL OR power_output IS NOT NULL
GROUP BY day
ORDER BY day;

-- name: reconciliation
WITH raw AS (
  SELECT node_id, substr(timestamp, 1, 13) || ':00:00.000Z' AS hour, reading_id, source_file,
    substr(reading_id, 1, instr(reading_id, '-') - 1) AS epoch,
    CAST(substr(reading_id, instr(reading_id, '-') + 1) AS INTEGER) AS seq
  FROM sensor_readings_ingestion
),
continued AS (
  SELECT later.epoch, max(raw.seq) AS behind
  FROM (SELECT epoch, min(node_id) AS node_id, min(seq) AS first FROM raw GROUP BY epoch HAVING min(seq) > 1) AS later
  JOIN raw ON raw.node_id = later.node_id AND raw.epoch <> later.epoch AND raw.seq < later.first
  GROUP BY later.epoch
),
numbered AS (
  SELECT raw.node_id, raw.hour, raw.reading_id,
    raw.seq - coalesce(lag(raw.seq) OVER (PARTITION BY raw.epoch ORDER BY raw.seq), continued.behind, 0) AS accepted
  FROM raw LEFT JOIN continued ON continued.epoch = raw.epoch
),
-- `….20000.json.gz`: the digits before the last 8 characters.
named AS (SELECT DISTINCT node_id, hour, source_file, substr(source_file, 1, length(source_file) - 8) AS name FROM raw),
promises AS (
  SELECT node_id, hour, count(*) AS objects,
    sum(CAST(substr(name, length(rtrim(name, '0123456789')) + 1) AS INTEGER)) AS promised
  FROM named
  GROUP BY node_id, hour
),
judged AS (
  SELECT reading_id FROM sensor_readings_validated
  UNION ALL SELECT reading_id FROM sensor_readings_anomalies
),
times AS (SELECT reading_id, count(*) AS judgements FROM judged GROUP BY reading_id),
readings AS (
  SELECT numbered.node_id, numbered.hour, sum(numbered.accepted) AS accepted, count(*) AS rows,
    count(*) FILTER (WHERE numbered.accepted = 0) AS duplicates,
    count(*) FILTER (WHERE times.judgements IS NULL) AS in_no_stage,
    count(*) FILTER (WHERE times.judgements > 1) AS in_two_stages
  FROM numbered LEFT JOIN times ON times.reading_id = numbered.reading_id
  GROUP BY numbered.node_id, numbered.hour
)
SELECT readings.node_id, readings.hour, promises.objects, readings.accepted, promises.promised, readings.rows,
  readings.duplicates, readings.in_no_stage, readings.in_two_stages
FROM readings JOIN promises ON promises.node_id = readings.node_id AND promises.hour = readings.hour
ORDER BY readings.node_id, readings.hour;

-- name: fleet
-- The heartbeats are read when this is asked. Of the columns beside a max(), SQLite takes the values of the row that has it.
WITH heard AS (
  SELECT node_id, epoch, state, received_at, interval_s,
    round((julianday(processing_timestamp) - julianday(received_at)) * 86400000) AS age_ms,
    round(julianday(received_at) * 86400000) AS received_ms,
    round((julianday(sent_at) - julianday(started_at)) * 86400000) AS up_ms
  FROM sensor_readings_heartbeats
  WHERE node_id IS NOT NULL AND _corrupt_record IS NULL
),
report AS (
  SELECT node_id, epoch, state, agent_version, rules_version, max(received_at) AS received_at, interval_s, health, problems, accepted,
    pending, losses, round((julianday(processing_timestamp) - julianday(max(received_at))) * 86400000) AS age_ms
  FROM sensor_readings_heartbeats
  WHERE node_id IS NOT NULL AND _corrupt_record IS NULL
  GROUP BY node_id
),
beside AS (
  SELECT last.node_id, 'two_agents: another agent is at work under this name, with epoch ' || max(heard.epoch) AS problem
  FROM report JOIN heard AS last ON last.node_id = report.node_id AND last.epoch = report.epoch AND last.received_at = report.received_at
    JOIN heard ON heard.node_id = last.node_id AND heard.epoch <> last.epoch
  WHERE last.state = 'running' AND heard.state = 'running' AND heard.age_ms <= 3000 * heard.interval_s
    AND heard.received_ms > last.received_ms - last.up_ms + 1000 * heard.interval_s
  GROUP BY last.node_id
),
broken AS (SELECT node_id, count(*) AS anomalies FROM sensor_readings_anomalies GROUP BY node_id),
newest AS (
  SELECT node_id, agent_version, rules_version, max(ingested_at) FROM sensor_readings_ingestion GROUP BY node_id
),
taken AS (
  SELECT node_id,
    count(DISTINCT substr(reading_id, 1, instr(reading_id, '-') - 1)) AS buffers,
    count(DISTINCT sensor_id) AS sensors,
    count(*) AS readings,
    count(*) FILTER (WHERE time_quality NOT IN ('ok', 'arrival')) AS unsure_times,
    max(timestamp) AS last_reading_at,
    max(ingested_at) AS last_ingested_at,
    max(processing_timestamp) AS last_landed_at
  FROM sensor_readings_ingestion
  GROUP BY node_id
)
SELECT coalesce(report.node_id, taken.node_id) AS node_id,
  CASE
    WHEN report.node_id IS NULL THEN 'no heartbeat'
    WHEN report.state = 'stopped' THEN 'stopped'
    WHEN report.age_ms > 3000 * report.interval_s THEN 'silent'
    WHEN report.health = 'degraded' OR beside.problem IS NOT NULL THEN 'degraded'
    ELSE 'ok'
  END AS state,
  coalesce(report.agent_version, newest.agent_version) AS agent_version,
  coalesce(report.rules_version, newest.rules_version) AS rules_version,
  report.received_at AS heartbeat_at,
  (SELECT group_concat(told.value, '; ') FROM (
    SELECT beside.problem AS value WHERE beside.problem IS NOT NULL UNION ALL SELECT each.value FROM json_each(report.problems) AS each
  ) AS told) AS problems,
  report.accepted,
  report.pending,
  report.losses,
  coalesce(taken.buffers, 0) AS buffers,
  coalesce(taken.sensors, 0) AS sensors,
  coalesce(taken.readings, 0) AS readings,
  coalesce(broken.anomalies, 0) AS anomalies,
  coalesce(taken.unsure_times, 0) AS unsure_times,
  taken.last_reading_at,
  taken.last_ingested_at,
  taken.last_landed_at
FROM report
  FULL OUTER JOIN taken ON taken.node_id = report.node_id
  LEFT JOIN beside ON beside.node_id = report.node_id
  LEFT JOIN newest ON newest.node_id IS taken.node_id
  LEFT JOIN broken ON broken.node_id = taken.node_id
ORDER BY coalesce(report.node_id, taken.node_id);
