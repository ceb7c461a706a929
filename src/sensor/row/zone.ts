/**
 * Local times of a place to UTC, for timestamps that carry no zone. When clocks go back an hour of local times occurs
 * twice: the first is meant. When they go forward an hour never occurs: it is read with the offset that was in force before.
 * (The same choices as RFC 5545 and Temporal's "compatible".)
 */
import { MS_PER_DAY, MS_PER_MINUTE } from "../../core/time/duration.ts";

/** Offsets change on a quarter of an hour, everywhere since 1972. */
const QUARTER_MS = 15 * MS_PER_MINUTE;

export class Zone {
  readonly name: string;
  readonly #offsetAt: (utcMs: number) => number;
  #quarter = Number.NaN;
  #offsetMs = 0;

  constructor(name: string, offsetAt: (utcMs: number) => number) {
    this.name = name;
    this.#offsetAt = offsetAt;
  }

  toUtc(localMs: number): number {
    const quarter = Math.floor(localMs / QUARTER_MS);
    if (quarter !== this.#quarter) {
      this.#offsetMs = this.#offsetOfLocal(quarter * QUARTER_MS);
      this.#quarter = quarter;
    }
    return localMs - this.#offsetMs;
  }

  #offsetOfLocal(localMs: number): number {
    const before = this.#offsetAt(localMs - MS_PER_DAY);
    const after = this.#offsetAt(localMs + MS_PER_DAY);
    if (before === after) return before;
    // A change is near. An offset is right if it is in force at the moment that it gives; `before` first, for both odd hours.
    if (this.#offsetAt(localMs - before) === before) return before;
    return this.#offsetAt(localMs - after) === after ? after : before;
  }
}

/** `UTC`, `Z`, `+01:00`, `-0330`, or an IANA name (`Europe/Brussels`); null where there is no such zone. */
export function zoneOf(name: string): Zone | null {
  if (name === "UTC" || name === "Z") return new Zone(name, () => 0);
  const fixed = /^([+-])([01]\d|2[0-3]):?([0-5]\d)$/.exec(name);
  if (fixed !== null) {
    const ms = (Number(fixed[2]) * 60 + Number(fixed[3])) * MS_PER_MINUTE * (fixed[1] === "-" ? -1 : 1);
    return new Zone(name, () => ms);
  }
  try {
    const format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    return new Zone(name, (utcMs) => offsetBy(format, utcMs));
  } catch {
    return null;
  }
}

function offsetBy(format: Intl.DateTimeFormat, utcMs: number): number {
  const part: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(utcMs)) part[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(utcMs / 1_000) * 1_000;
}
