/** The rows that the other process writes: row `n` is a function of (seed, n), so that a writer that was killed can continue. */
import { bell, between, hashAt, hashText, unit } from "../../src/core/random.ts";
import { IDENTITY_COLUMNS, NUMERIC_IDENTITY } from "../../src/core/sensor.ts";

export const MEASURES = ["temperature", "humidity", "pressure", "vibration", "voltage"] as const;
/** Unknown to the profile, so it arrives in `extra`: says which row this was, whatever happens to the rest of it. */
export const NOTE = "row_note";
export const COLUMNS = [
  "timestamp",
  "sensor_id",
  ...MEASURES,
  "status_code",
  "anomaly_flag",
  "anomaly_type",
  ...IDENTITY_COLUMNS.slice(1),
  NOTE,
] as const;
export type SourceRow = Readonly<Record<string, string | number | null>>;

const SENSORS = 6;
/** Long past, so that the clock holds no window; near midnight, so that hours and dates change during the run. */
const START_MS = Date.UTC(2026, 0, 5, 21, 30);
const STEP_MS = 400;
/** After this many rows a sensor has a new firmware: the same sensor_id, another identity. */
const FIRMWARE_ROWS = 2_500;

const MIDDLE: Record<(typeof MEASURES)[number], readonly [mean: number, deviation: number]> = {
  temperature: [21, 4],
  humidity: [50, 8],
  pressure: [1_000, 8],
  vibration: [3, 1],
  voltage: [22.5, 0.5],
};

export function createTable(): string {
  const textual = (name: string) =>
    name === "timestamp" || name === "anomaly_type" || name === NOTE || isTextIdentity(name);
  const typed = COLUMNS.map((name) => {
    const type = textual(name) ? "TEXT" : name === "status_code" || name === "anomaly_flag" ? "INTEGER" : "REAL";
    return `${name} ${type}`;
  });
  return `CREATE TABLE IF NOT EXISTS sensor_readings (id INTEGER PRIMARY KEY AUTOINCREMENT, ${typed.join(", ")})`;
}

function isTextIdentity(name: string): boolean {
  return IDENTITY_COLUMNS.some((column) => column === name && !NUMERIC_IDENTITY.has(column));
}

export function sourceRow(seed: number, n: number): SourceRow {
  const key = hashAt(seed, n);
  const chance = (what: string) => unit(hashText(key, what));
  const sensor = between(hashText(key, "sensor"), 0, SENSORS - 1);
  const row: Record<string, string | number | null> = {
    ...identityOf(sensor, Math.floor(n / FIRMWARE_ROWS)),
    timestamp: new Date(START_MS + n * STEP_MS - lateness(chance)).toISOString(),
    status_code: 0,
    anomaly_flag: 0,
    anomaly_type: null,
    [NOTE]: noteOf(n),
  };
  for (const name of MEASURES) {
    const [mean, deviation] = MIDDLE[name];
    const value = mean + deviation * bell(hashText(key, name));
    row[name] = chance(`no ${name}`) < 0.02 ? null : Math.round(value * 100) / 100;
  }
  if (chance("flagged") < 0.03) Object.assign(row, { status_code: 1, anomaly_flag: 1, anomaly_type: "spike" });
  if (chance("hot") < 0.02) row["temperature"] = 61 + 40 * chance("how hot");
  if (chance("broken") < 0.01) Object.assign(row, brokenField(chance("how")));
  return row;
}

export function noteOf(n: number): string {
  return `row ${n}`;
}

/** Some are a little out of order, some hours late, and a few from a sensor whose clock is years ahead. */
function lateness(chance: (what: string) => number): number {
  if (chance("ahead") < 0.001) return -10 * 365 * 86_400_000;
  if (chance("late") < 0.03) return Math.floor(chance("how late") * 2 * 3_600_000);
  return chance("out of order") < 0.2 ? Math.floor(chance("how much") * 15_000) : 0;
}

/** Too malformed to be a reading: goes to raw and anomalies as received. */
function brokenField(how: number): SourceRow {
  if (how < 0.4) return { timestamp: "yesterday, about noon" };
  if (how < 0.7) return { sensor_id: null };
  // One bad measure alone would be null.
  return { ...Object.fromEntries(MEASURES.map((name) => [name, null])), temperature: "warm" };
}

function identityOf(sensor: number, firmware: number): SourceRow {
  return {
    sensor_id: `SENSOR_${sensor}`,
    firmware_version: `1.${firmware}.0`,
    model: "EnvMonitor",
    manufacturer: "SensorTech",
    location: `Hall "${sensor}"`,
    latitude: 47.1 + sensor / 10,
    longitude: -122.3 - sensor / 10,
    original_timezone: "+01:00",
    serial_number: `SN-${1_000 + sensor}`,
    manufacture_date: "2025-01-15",
    deployment_type: "fixed",
    installation_date: "2025-06-01",
    height_meters: 2.5,
    orientation_degrees: 90 * (sensor % 4),
    instance_id: `instance-${sensor}`,
    sensor_type: "environmental",
  };
}
