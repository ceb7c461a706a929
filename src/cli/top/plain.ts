/** `agent top` where there is no terminal to draw on: a line or a JSON value for each look. */
import { counted, grouped, roughBytes, roughDelay, roughRate } from "../../core/readable-numbers.ts";
import { STAGES } from "../../core/stage.ts";
import { silenceText } from "../../status/status-line.ts";
import { harmless } from "./cells.ts";
import { isTaking } from "./lists.ts";
import type { TopLook } from "./look.ts";

/** Of each list of a JSON value. */
const LISTED = 100;
const REASON_MOST = 200;

/** `2026-11-23T08:00:00.000Z  edge-7 ok  250 readings/s  …`: always one line. */
export function plainLine({ atMs, status, trouble }: TopLook): string {
  const time = new Date(atMs).toISOString();
  if (status === null) return harmless(`${time}  waiting: ${trouble?.message.replaceAll("\n", " ") ?? "-"}`);
  const { rates, buffer, uplink, problems } = status;
  const pending = Math.max(
    ...STAGES.filter((stage) => stage !== "aggregated").map((stage) => status.stages[stage].pending),
  );
  const state = status.pid === null ? (status.waiting === null ? "stopped" : "waiting") : status.health;
  const silence = silenceText(status, atMs);
  const lag = rates === null || rates.lagP95Ms === null ? "-" : roughDelay(rates.lagP95Ms);
  const words = [
    `${time}  ${status.node_id} ${state}`,
    ...(silence === null ? [] : [silence]),
    `${rates === null ? "-" : roughRate(rates.readingsPerSecond)} readings/s`,
    `${rates === null ? "-" : roughRate(rates.anomaliesPerMinute)} anomalies/min`,
    `${rates === null ? "-" : roughBytes(rates.bytesPerSecond)}/s sent`,
    `lag p95 ${lag}`,
    `${grouped(pending)} pending`,
    `buffer ${Math.round((buffer.bytes / Math.max(1, buffer.limit_bytes)) * 100)} %`,
    `store ${status.pid === null || uplink.as_of !== null ? "-" : uplink.state}`,
    ...(problems.length === 0
      ? []
      : [`${counted(problems.length, "problem")}, first ${problems[0]?.code}: ${problems[0]?.message}`]),
  ];
  return harmless(words.join("  ").replaceAll("\n", " "));
}

/** `status` as `agent status --json` has it; null while there is no buffer that can be read, and `trouble` says why. */
export function plainJson({ atMs, status, trouble, sensors, areSensorsCut, anomalies, rules }: TopLook) {
  const time = (ms: number) => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : null);
  return {
    at: time(atMs),
    status,
    trouble,
    sensors: sensors.slice(0, LISTED).map(({ id, lastAtMs, perSecond, broken, trails }) => ({
      sensor_id: id,
      last_at: time(lastAtMs),
      per_second: isTaking(status) ? perSecond : null,
      broken,
      values: Object.fromEntries([...trails].map(([name, trail]) => [name, numberOrNull(trail.at(-1))])),
    })),
    sensors_cut: areSensorsCut || sensors.length > LISTED,
    anomalies: anomalies.slice(0, LISTED).map(({ id, atMs: when, sensorId, rule, severity, reason }) => ({
      reading_id: id,
      at: time(when),
      sensor_id: sensorId,
      rule,
      severity,
      reason: reason.slice(0, REASON_MOST),
    })),
    rules: rules.map(({ name, severity, kind, broken, perMinute, sensors: seen, errors, nsPerReading }) => ({
      rule: name,
      severity,
      kind,
      broken,
      per_minute: isTaking(status) ? perMinute : null,
      sensors: seen,
      errors,
      ns_per_reading: nsPerReading,
    })),
  };
}

function numberOrNull(value: number | undefined): number | null {
  return value === undefined || Number.isNaN(value) ? null : value;
}
