import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  BACKOFF_BASE_MS,
  type Link,
  type LinkEvent,
  newLink,
  nextLink,
  RETRY_AFTER_LIMIT_MS,
  waitMs,
} from "./link-state.ts";

const NOW = Date.UTC(2026, 10, 23, 8);
const STORED: LinkEvent = { kind: "stored" };
const failed = (retryAfterMs: number | null = null): LinkEvent => ({
  kind: "failed",
  message: 'Cannot store "x": no answer',
  tryHint: null,
  retryAfterMs,
});
const DENIED: LinkEvent = {
  kind: "denied",
  message: "Cannot: AccessDenied",
  tryHint: "agent provision",
  retryAfterMs: null,
};
const half = () => 0.5;

function down(link: Link): Extract<Link, { state: "down" }> {
  if (link.state !== "down") throw new Error("the link is up");
  return link;
}

/** The waits of one outage in which every try fails as soon as it may be made. */
function waits(tries: number, random: () => number, ceilingMs: number): number[] {
  let link = newLink(NOW);
  let nowMs = NOW;
  return Array.from({ length: tries }, () => {
    link = nextLink(link, failed(), nowMs, { random, ceilingMs }).link;
    const wait = down(link).retryAtMs - nowMs;
    nowMs += wait;
    return wait;
  });
}

test("waits double from the base to the ceiling, and stay there for ever", () => {
  const almostOne = () => 1 - Number.EPSILON;
  const rounded = waits(12, almostOne, 60_000).map(Math.round);
  expect(rounded).toEqual([500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000, 60000, 60000]);
  const year = waits(525_600, almostOne, 60_000);
  expect(Math.round(year.at(-1)!)).toBe(60_000);
});

test("a wait is anything between nothing and its limit: full jitter", () => {
  expect(waits(4, () => 0, 60_000)).toEqual([0, 0, 0, 0]);
  expect(waits(4, half, 60_000)).toEqual([250, 500, 1000, 2000]);
  expect(waits(3, half, 600)).toEqual([250, 300, 300]);
});

test("going down is logged once, coming back is logged once", () => {
  let link = newLink(NOW);
  const said: unknown[] = [];
  for (const [event, atMs] of [
    [STORED, 0],
    [failed(), 1],
    [failed(), 10_000],
    [DENIED, 20_000],
    [failed(), 30_000],
    [STORED, 40_000],
    [STORED, 40_001],
  ] as const) {
    const next = nextLink(link, event, NOW + atMs, { random: half });
    link = next.link;
    said.push(next.say);
  }
  expect(said).toEqual([null, "down", null, null, null, "up", null]);
  expect(link).toEqual({ state: "up", sinceMs: NOW + 40_000 });
});

test("the error is the latest failure, since the first", () => {
  const first = nextLink(newLink(NOW - 5), failed(), NOW, { random: half }).link;
  const second = down(nextLink(first, DENIED, NOW + 9_000, { random: half }).link);
  expect(second).toMatchObject({
    sinceMs: NOW,
    error: "Cannot: AccessDenied",
    tryHint: "agent provision",
    denied: true,
  });
  expect(second.attempt).toBe(2);
});

test("puts that fail together are one try", () => {
  let link = nextLink(newLink(NOW), failed(), NOW, { random: half }).link;
  const before = down(link);
  for (let i = 1; i < 8; i++) link = nextLink(link, failed(), NOW + i, { random: half }).link;
  expect(down(link)).toEqual(before);
  expect(down(nextLink(link, failed(3_000), NOW + 9, { random: half }).link).retryAtMs).toBe(NOW + 3_009);
});

describe("a Retry-After", () => {
  test("is waited for, with jitter on top so that a fleet does not come back at once", () => {
    expect(down(nextLink(newLink(NOW), failed(20_000), NOW, { random: half }).link).retryAtMs).toBe(
      NOW + 20_000 + BACKOFF_BASE_MS / 2,
    );
  });
  test("of a day is an hour, and one of the past is nothing", () => {
    expect(down(nextLink(newLink(NOW), failed(86_400_000), NOW, { random: half }).link).retryAtMs).toBe(
      NOW + RETRY_AFTER_LIMIT_MS,
    );
    expect(down(nextLink(newLink(NOW), failed(-5), NOW, { random: half }).link).retryAtMs).toBe(NOW + 250);
  });
});

test("a clock that goes back does not stretch a wait beyond the longest there is", () => {
  const link = nextLink(newLink(NOW), failed(), NOW, { random: half }).link;
  expect(waitMs(link, NOW)).toBe(250);
  expect(waitMs(link, NOW + 250)).toBe(0);
  expect(waitMs(link, NOW - 400 * 86_400_000)).toBe(0);
});

test("in any history: no wait is longer than the bound, a success resets, and each change is logged exactly once", () => {
  const event: fc.Arbitrary<LinkEvent> = fc.oneof(
    fc.constant(STORED),
    fc.record({
      kind: fc.constantFrom("failed" as const, "denied" as const),
      message: fc.string(),
      tryHint: fc.constant(null),
      retryAfterMs: fc.option(fc.integer({ min: -1e6, max: 1e8 })),
    }),
  );
  const step = fc.record({
    event,
    passesMs: fc.integer({ min: -1e9, max: 1e9 }),
    chance: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: RETRY_AFTER_LIMIT_MS }),
      (steps, ceilingMs) => {
        let link = newLink(NOW);
        let nowMs = NOW;
        let balance = 0;
        for (const { event: happened, passesMs, chance } of steps) {
          nowMs += passesMs;
          const next = nextLink(link, happened, nowMs, { random: () => chance, ceilingMs });
          if (next.say !== null) balance += next.say === "down" ? 1 : -1;
          expect(next.say === null).toBe(next.link.state === link.state);
          link = next.link;
          expect(link.state).toBe(happened.kind === "stored" ? "up" : "down");
          expect(balance).toBe(link.state === "down" ? 1 : 0);
          // Never gives up: there is always a next try, and it is due within the bound.
          const wait = waitMs(link, nowMs, ceilingMs);
          expect(wait >= 0 && wait <= RETRY_AFTER_LIMIT_MS).toBe(true);
          const fresh = nextLink(newLink(nowMs), failed(), nowMs, { random: () => chance, ceilingMs }).link;
          expect(down(fresh).retryAtMs - nowMs).toBeLessThanOrEqual(Math.min(BACKOFF_BASE_MS, ceilingMs));
        }
      },
    ),
  );
});
