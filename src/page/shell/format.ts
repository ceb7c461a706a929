/** Numbers, sizes, times and durations as the viewer reads them: in the browser's language, in the zone that was chosen. */
import { effect, signal } from "@preact/signals";
import { keepText, keptText } from "./kept.ts";

const KEY = "agent-zone";

/** `UTC`, `local`, or a name as `Europe/Berlin`. */
export const zone = signal<string>(zoneAtFirst());
effect(() => keepText("browser", KEY, zone.value));

function zoneAtFirst(): string {
  const kept = keptText("browser", KEY);
  return kept !== null && isZone(kept) ? kept : "UTC";
}

export function isZone(name: string): boolean {
  try {
    return name === "local" || new Intl.DateTimeFormat("en", { timeZone: name }) !== null;
  } catch {
    return false;
  }
}

/** The clock of the page, a step a second while a component shows it. */
let ticking: ReturnType<typeof setInterval> | null = null;
export const nowMs = signal(Date.now(), {
  watched() {
    this.value = Date.now();
    ticking = setInterval(() => {
      if (!document.hidden) this.value = Date.now();
    }, 1_000);
  },
  unwatched() {
    if (ticking !== null) clearInterval(ticking);
  },
});

const numbers = new Map<number, Intl.NumberFormat>();
/** At most `decimals` digits after the point. */
export function formatNumber(value: number, decimals = 0): string {
  let format = numbers.get(decimals);
  if (format === undefined) {
    format = new Intl.NumberFormat(undefined, { maximumFractionDigits: decimals });
    numbers.set(decimals, format);
  }
  return format.format(value);
}

const SCIENTIFIC = new Intl.NumberFormat(undefined, { notation: "scientific", maximumFractionDigits: 4 });
const SMALL = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });

/** A measured value or a rate: `0.01234`, `48.92`, `995.5`, `12,480.3`; a very large or small one as `1.2E15`. */
export function formatValue(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return formatNumber(value);
  if (size >= 1e9 || size < 1e-4) return SCIENTIFIC.format(value);
  return size < 1 ? SMALL.format(value) : formatNumber(value, size >= 100 ? 1 : 2);
}

/**
 * A name from outside as it is read: controls and formats, such as those that turn the writing direction around, by their code, and
 * the blanks at its ends as `␣`.
 */
export function visibleName(text: string): string {
  return text
    .toWellFormed()
    .replace(/^\p{Z}+|\p{Z}+$/gu, (blanks) => "␣".repeat(blanks.length))
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `[U+${codeOf(char)}]`);
}

function codeOf(char: string): string {
  return (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}

/** `48.9`, `4.2`, `0.03`: three digits or so. */
export function formatRate(value: number): string {
  return formatNumber(value, value >= 100 ? 0 : value >= 0.95 ? 1 : 2);
}

export function formatShare(share: number): string {
  return `${formatNumber(share * 100, share > 0 && share < 0.1 ? 1 : 0)} %`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${formatNumber(value, unit === 0 || value >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/** Two units at most: `850 ms`, `12 s`, `4 min 12 s`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${formatNumber(Math.max(0, ms))} ms`;
  const seconds = ms < 10_000 ? Math.round(ms / 100) / 10 : Math.round(ms / 1_000);
  if (seconds < 60) return `${formatNumber(seconds, 1)} s`;
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3_600)];
  if (hours < 1) return pair(minutes, "min", seconds % 60, "s");
  if (hours < 48) return pair(hours, "h", minutes % 60, "min");
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  const rest = Math.floor(small) === 0 || large >= 100 ? "" : ` ${Math.floor(small)} ${smallUnit}`;
  return `${formatNumber(large)} ${largeUnit}${rest}`;
}

/** `now`, `12 s ago`, `3 min ago`; `in 3 d` where the clock that said it is ahead. */
export function formatAgo(atMs: number, now = nowMs.value): string {
  const ms = now - atMs;
  if (ms < -60_000) return `in ${formatDuration(-ms)}`;
  return ms < 1_500 ? "now" : `${formatDuration(ms < 60_000 ? Math.round(ms / 1_000) * 1_000 : ms)} ago`;
}

const times = new Map<string, Intl.DateTimeFormat>();
function inZone(kind: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${kind} ${zone.value}`;
  let format = times.get(key);
  if (format === undefined) {
    const timeZone = zone.value === "local" || !isZone(zone.value) ? {} : { timeZone: zone.value };
    format = new Intl.DateTimeFormat(undefined, { ...options, ...timeZone });
    times.set(key, format);
  }
  return format;
}

/** `14:02:51` */
export function formatTime(ms: number): string {
  return inZone("time", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(ms);
}

/** `30 Nov 2026, 14:02:51`, in the order of the viewer's language. */
export function formatDateTime(ms: number): string {
  return inZone("date-time", {
    year: "numeric",
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }).format(ms);
}

/** The time only, where it is of the last 12 hours; else with its date. */
export function formatWhen(ms: number, now = nowMs.value): string {
  return Math.abs(now - ms) < 12 * 3_600_000 ? formatTime(ms) : formatDateTime(ms);
}
