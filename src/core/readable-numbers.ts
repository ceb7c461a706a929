/** Numbers as people read them: grouped digits, rough sizes and ages, ranges. */
import type { SeqRange } from "./seq-range.ts";

/** `1,234,567` */
export function grouped(value: number): string {
  return value.toLocaleString("en");
}

/** `1 row`, `1,234 rows` */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** `4.6 MiB`: three digits or so, for reading; `core/time/duration.ts` has the exact form. */
export function roughBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** How many a second or a minute, for reading: `1,234`, `56`, `7.8`, `0.05`, `0`. */
export function roughRate(rate: number): string {
  if (rate === 0 || rate >= 10) return grouped(Math.round(rate));
  return rate >= 1 ? rate.toFixed(1) : rate.toPrecision(1).replace(/^0\.0{3,}.*|.*e-.*/, "< 0.001");
}

/** How long something takes, for reading: `850 ms`, `1.2 s`, then as {@link roughAge}. */
export function roughDelay(ms: number): string {
  if (ms < 1_000) return `${Math.round(Math.max(0, ms))} ms`;
  return ms < 10_000 ? `${(ms / 1_000).toFixed(1)} s` : roughAge(ms);
}

/** How long ago, for reading: `12 s`, `3 min`, `5 h`, `2 d`. */
export function roughAge(ms: number): string {
  const seconds = Math.max(0, ms) / 1_000;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** `101-200, 301 and 4 more`: at most `limit` ranges by name. */
export function rangesText(ranges: readonly SeqRange[], limit = 5): string {
  const shown = ranges.slice(0, limit).map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
  return shown.join(", ") + (ranges.length > limit ? ` and ${ranges.length - limit} more` : "");
}
