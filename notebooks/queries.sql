-- What people ask of the lake, by name. Tables are named without catalog and schema: USE those first, or give them with the
-- statement. A query begins at its `-- name:` line and ends before the next. The names of queries and of their columns are
-- what dashboards and scripts rest on: add, do not rename.

-- name: ingestion_rate
-- Readings that the agents took, by minute and node.
SELECT date_trunc('MINUTE', ingested_at) AS minute, node_id, count(*) AS readings
FROM sensor_readings_ingestion
GROUP BY ALL
ORDER BY minute, node_id;

-- name: anomaly_rate
-- How often a sensor broke a rule, as a share of all its readings. A malformed line has no sensor.
WITH taken AS (SELECT sensor_id, count(*) AS readings FROM sensor_readings_ingestion GROUP BY sensor_id),
broken AS (
  SELECT sensor_id, rule, count(*) AS anomalies
  FROM (SELECT sensor_id, explode(anomaly_rules) AS rule FROM sensor_readings_anomalies)
  GROUP BY sensor_id, rule
)
SELECT broken.rule, broken.sensor_id, broken.anomalies, taken.readings, broken.anomalies / taken.readings AS rate
FROM broken JOIN taken ON broken.sensor_id IS NOT DISTINCT FROM taken.sensor_id
ORDER BY rule, sensor_id;

-- name: latency
-- Milliseconds from the sensor's time to the agent's buffer, from there to the table, and the whole way: half, 95 % and 99 %
-- of a node's readings were faster. The first and the last are as good as the sensor's clock.
SELECT node_id, step,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS p50_ms,
  percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) AS p95_ms,
  percentile_cont(0.99) WITHIN GROUP (ORDER BY ms) AS p99_ms
FROM (
  SELECT node_id, 'sensor to buffer' AS step, unix_millis(ingested_at) - unix_millis(timestamp) AS ms
  FROM sensor_readings_ingestion
  UNION ALL SELECT node_id, 'buffer to table', unix_millis(processing_timestamp) - unix_millis(ingested_at)
  FROM sensor_readings_ingestion
  UNION ALL SELECT node_id, 'sensor to table', unix_millis(processing_timestamp) - unix_millis(timestamp)
  FROM sensor_readings_ingestion
)
GROUP BY node_id, step
ORDER BY node_id, step;

-- name: schema_evolution
-- Fields that no profile knows, since when, and how often: what could become a column. Malformed lines and notes of
-- the agent are not counted.
SELECT field, node_id, count(*) AS readings, min(timestamp) AS first_seen, max(timestamp) AS last_seen
FROM (
  SELECT explode(json_object_keys(extra)) AS field, node_id, timestamp
  FROM sensor_readings_ingestion
  WHERE sensor_id IS NOT NULL
)
WHERE field NOT IN ('bad_fields', 'timestamp_received')
GROUP BY field, node_id
ORDER BY field, node_id;

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
-- By node and hour of event time. `accepted`: by the agent, which numbers its readings without a gap; those that are not in
-- the table count in the hour of the next one that is. `promised`: by the names of the raw objects. `rows`: in the table.
-- The three are equal when all is well, and the last three are 0: readings that are there more than once, that are
-- neither valid nor anomalies, and that are judged more than once.
WITH raw AS (
  SELECT node_id, date_trunc('HOUR', timestamp) AS hour, reading_id, source_file, split_part(reading_id, '-', 1) AS epoch,
    CAST(split_part(reading_id, '-', 2) AS BIGINT) AS seq
  FROM sensor_readings_ingestion
),
-- An epoch that began in a buffer that was copied continues behind another epoch of its node.
continued AS (
  SELECT later.epoch, max(raw.seq) AS behind
  FROM (SELECT epoch, min(node_id) AS node_id, min(seq) AS first FROM raw GROUP BY epoch HAVING min(seq) > 1) AS later
  JOIN raw ON raw.node_id = later.node_id AND raw.epoch <> later.epoch AND raw.seq < later.first
  GROUP BY later.epoch
),
numbered AS (
  SELECT raw.node_id, raw.hour, raw.reading_id, raw.source_file,
    raw.seq - coalesce(lag(raw.seq) OVER (PARTITION BY raw.epoch ORDER BY raw.seq), continued.behind, 0) AS accepted
  FROM raw LEFT JOIN continued ON continued.epoch = raw.epoch
),
objects AS (
  SELECT DISTINCT node_id, hour, source_file,
    CAST(regexp_extract(source_file, '[.]([0-9]+)[.]json[.]gz$', 1) AS BIGINT) AS rows
  FROM raw
),
promises AS (SELECT node_id, hour, count(*) AS objects, sum(rows) AS promised FROM objects GROUP BY node_id, hour),
judged AS (
  SELECT reading_id FROM sensor_readings_validated
  UNION ALL SELECT reading_id FROM sensor_readings_anomalies
),
times AS (SELECT reading_id, count(*) AS judgements FROM judged GROUP BY reading_id),
readings AS (
  SELECT numbered.node_id, numbered.hour, sum(numbered.accepted) AS accepted, count(*) AS rows,
    count_if(numbered.accepted = 0) AS duplicates,
    count_if(times.judgements IS NULL) AS in_no_stage,
    count_if(times.judgements > 1) AS in_two_stages
  FROM numbered LEFT JOIN times ON times.reading_id = numbered.reading_id
  GROUP BY numbered.node_id, numbered.hour
)
SELECT readings.node_id, readings.hour, promises.objects, readings.accepted, promises.promised, readings.rows,
  readings.duplicates, readings.in_no_stage, readings.in_two_stages
FROM readings JOIN promises ON promises.node_id = readings.node_id AND promises.hour = readings.hour
ORDER BY node_id, hour;

-- name: fleet
-- The nodes: the last report of each, and what its readings show. `state` is that of the time when the notebook last read the
-- heartbeats, by the store's clock; the query has no time of its own: `stopped` in order, `silent` when three of its
-- heartbeats did not come, else `degraded` or `ok` as the node says; `no heartbeat` where only readings are known. `problems`,
-- `accepted`, `pending` and `losses` are as the node reported them; the other counts are of the tables. Agents with two data dirs
-- under one name are a problem of that node. An epoch that followed another one is none: its reports begin when the other's end.
WITH heard AS (
  SELECT node_id, epoch, state, agent_version, rules_version, received_at, interval_s, health, problems, accepted, pending, losses,
    unix_millis(processing_timestamp) - unix_millis(received_at) AS age_ms,
    unix_millis(received_at) AS received_ms, unix_millis(sent_at) - unix_millis(started_at) AS up_ms,
    row_number() OVER (PARTITION BY node_id ORDER BY received_at DESC, source_file) AS place
  FROM sensor_readings_heartbeats
  WHERE node_id IS NOT NULL AND _corrupt_record IS NULL
),
-- An object in the place of one node may name another: of those that name a node, the last one counts.
report AS (SELECT * FROM heard WHERE place = 1),
beside AS (
  SELECT report.node_id, concat('two_agents: another agent is at work under this name, with epoch ', max(heard.epoch)) AS problem
  FROM report JOIN heard ON heard.node_id = report.node_id AND heard.epoch <> report.epoch
  WHERE report.state = 'running' AND heard.state = 'running' AND heard.age_ms <= 3000 * heard.interval_s
    AND heard.received_ms > report.received_ms - report.up_ms + 1000 * heard.interval_s
  GROUP BY report.node_id
),
broken AS (SELECT node_id, count(*) AS anomalies FROM sensor_readings_anomalies GROUP BY node_id),
taken AS (
  SELECT node_id,
    max_by(agent_version, ingested_at) AS agent_version,
    max_by(rules_version, ingested_at) AS rules_version,
    count(DISTINCT split_part(reading_id, '-', 1)) AS buffers,
    count(DISTINCT sensor_id) AS sensors,
    count(*) AS readings,
    count_if(time_quality NOT IN ('ok', 'arrival')) AS unsure_times,
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
  coalesce(report.agent_version, taken.agent_version) AS agent_version,
  coalesce(report.rules_version, taken.rules_version) AS rules_version,
  report.received_at AS heartbeat_at,
  nullif(concat_ws('; ', beside.problem, nullif(array_join(report.problems, '; '), '')), '') AS problems,
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
  LEFT JOIN broken ON broken.node_id = taken.node_id
ORDER BY node_id;
