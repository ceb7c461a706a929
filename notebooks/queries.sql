-- What people ask of the lake, by name. Tables are named without catalog and schema: USE those first, or give them with the
-- statement. A query begins at its `-- name:` line and ends before the next.

-- name: ingestion_rate
-- Readings that the agents took, by minute and node.
SELECT date_trunc('MINUTE', ingested_at) AS minute, node_id, count(*) AS readings
FROM sensor_readings_ingestion
GROUP BY ALL
ORDER BY minute, node_id;

-- name: anomaly_rate
-- How often a sensor broke a rule, as a share of all its readings. What was no reading has no sensor.
WITH taken AS (SELECT sensor_id, count(*) AS readings FROM sensor_readings_ingestion GROUP BY sensor_id),
broken AS (
  SELECT sensor_id, rule, count(*) AS anomalies
  FROM sensor_readings_anomalies LATERAL VIEW explode(anomaly_rules) AS rule
  GROUP BY sensor_id, rule
)
SELECT broken.rule, broken.sensor_id, broken.anomalies, taken.readings, broken.anomalies / taken.readings AS rate
FROM broken JOIN taken ON broken.sensor_id <=> taken.sensor_id
ORDER BY rule, sensor_id;

-- name: latency
-- Seconds from a sensor's time to the agent's buffer, and to the table: half, 95 % and 99 % of the readings were faster.
SELECT
  node_id,
  percentile(unix_millis(ingested_at) - unix_millis(timestamp), array(0.5, 0.95, 0.99)) AS to_buffer_ms,
  percentile(unix_millis(processing_timestamp) - unix_millis(timestamp), array(0.5, 0.95, 0.99)) AS to_table_ms
FROM sensor_readings_ingestion
GROUP BY node_id
ORDER BY node_id;

-- name: throughput
-- Rows and objects of each stage, by hour of event time.
SELECT stage, date_trunc('HOUR', event_time) AS hour, count(*) AS rows, count(DISTINCT source_file) AS objects
FROM (
  SELECT '1 raw' AS stage, timestamp AS event_time, source_file FROM sensor_readings_ingestion
  UNION ALL SELECT '2 validated', timestamp, source_file FROM sensor_readings_validated
  UNION ALL SELECT '3 anomalies', timestamp, source_file FROM sensor_readings_anomalies
  UNION ALL SELECT '4 schematized', timestamp, source_file FROM sensor_readings_schematized
  UNION ALL SELECT '5 aggregated', window_start, source_file FROM sensor_readings_aggregated
)
GROUP BY ALL
ORDER BY stage, hour;

-- name: wind_turbines
-- Average wind and power of the anomalies of wind turbines, by day.
SELECT
  CAST(timestamp AS DATE) AS day,
  count(*) AS anomalies,
  avg(wind_speed) AS avg_wind_speed,
  avg(power_output) AS avg_power_output
FROM sensor_readings_anomalies
WHERE wind_speed IS NOT NULL OR power_output IS NOT NULL
GROUP BY day
ORDER BY day;

-- name: reconciliation
-- By node and hour: what the names of the raw objects promise, what the tables hold, and readings that are in no stage or in
-- two. All but the first three columns are equal or 0 when nothing is amiss.
WITH objects AS (
  SELECT node_id, source_file, date_trunc('HOUR', min(timestamp)) AS hour, count(*) AS rows,
    CAST(regexp_extract(source_file, '[.]([0-9]+)[.]json[.]gz$', 1) AS BIGINT) AS promised
  FROM sensor_readings_ingestion
  GROUP BY node_id, source_file
),
judged AS (
  SELECT reading_id, 'validated' AS stage FROM sensor_readings_validated
  UNION ALL SELECT reading_id, 'anomalies' FROM sensor_readings_anomalies
),
times AS (SELECT reading_id, count(*) AS judgements FROM judged GROUP BY reading_id),
readings AS (
  SELECT raw.node_id, date_trunc('HOUR', raw.timestamp) AS hour,
    count(*) - count(DISTINCT raw.reading_id) AS duplicates,
    count_if(times.judgements IS NULL) AS in_no_stage,
    count_if(times.judgements > 1) AS in_two_stages
  FROM sensor_readings_ingestion AS raw LEFT JOIN times ON times.reading_id = raw.reading_id
  GROUP BY ALL
)
SELECT objects.node_id, objects.hour, count(*) AS objects, sum(objects.promised) AS promised, sum(objects.rows) AS rows,
  any_value(readings.duplicates) AS duplicates, any_value(readings.in_no_stage) AS in_no_stage,
  any_value(readings.in_two_stages) AS in_two_stages
FROM objects JOIN readings ON readings.node_id = objects.node_id AND readings.hour = objects.hour
GROUP BY objects.node_id, objects.hour
ORDER BY node_id, hour;

-- name: schema_evolution
-- Fields that no column has, since when, and how often. Lines that were no readings are not fields.
SELECT field, node_id, count(*) AS readings, min(timestamp) AS first_seen, max(timestamp) AS last_seen
FROM sensor_readings_ingestion LATERAL VIEW explode(json_object_keys(extra)) AS field
WHERE sensor_id IS NOT NULL
GROUP BY field, node_id
ORDER BY field, node_id;
