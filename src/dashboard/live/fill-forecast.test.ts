import { expect, test } from "bun:test";
import { FillForecast } from "./fill-forecast.ts";

const MINUTE = 60_000;
const LIMIT = 1_000_000;
const NOW = Date.UTC(2026, 10, 23);
/** 100 bytes a reading, 5,000 readings in the buffer. */
const status = (pending: number, waitedMs: number | null, state: "up" | "down") => ({
  buffer: { first_seq: 1, last_seq: 5_000, bytes: 500_000, limit_bytes: LIMIT },
  stages: {
    raw: { pending, oldest_pending_at: waitedMs === null ? null : new Date(NOW - waitedMs).toISOString() },
    aggregated: { pending: 9_999_999, oldest_pending_at: null },
  },
  uplink: { state },
});

test("with the store away, all that waits has come since it went away: no earlier look is needed", () => {
  const forecast = new FillForecast();
  // 1,000 readings, 100,000 bytes in 10 minutes; 900,000 bytes are left.
  expect(forecast.fullInMs(status(1_000, 10 * MINUTE, "down"), NOW, 0)).toBeCloseTo(90 * MINUTE, 0);
  expect(forecast.fullInMs(status(5, 2_000, "down"), NOW, 1_000)).toBeNull();
});

test("a buffer whose readings are delivered does not fill, whatever its size and however many wait between two deliveries", () => {
  const forecast = new FillForecast();
  for (let second = 0; second < 600; second++) {
    const found = forecast.fullInMs(status((second % 30) * 10, 30_000, "up"), NOW, second * 1_000);
    expect(found).toBeNull();
  }
});

test("a store that is slower than the sensors fills it, and that is said after two minutes and not before", () => {
  const forecast = new FillForecast();
  let found: number | null = null;
  for (let second = 0; second <= 300; second++) {
    // One reading a second is left over, and 20 more wait between two deliveries.
    found = forecast.fullInMs(status(second + (second % 20), 30_000, "up"), NOW, second * 1_000);
    if (second < 115) expect(found).toBeNull();
  }
  // About 970,000 bytes are left, at 100 bytes a second.
  expect(found).toBeGreaterThan(8_000_000);
  expect(found).toBeLessThan(12_000_000);
});
