import { expect, test } from "bun:test";
import { AckWindow } from "./window.ts";

/** A broker that sends up to `window` messages, and more 2 ms after they are answered; a commit each second, or when it is full. */
function commitsIn(seconds: number, window: number, everyMs: number): { commits: number; messages: number } {
  const acks = new AckWindow(256);
  let unanswered = 0;
  let [commits, messages, commitAt, nextAt] = [0, 0, 1_000, 0];
  for (let now = 0; now < seconds * 1_000; now++) {
    if (now >= nextAt && unanswered < window) {
      acks.received(++unanswered, now);
      messages++;
      nextAt = now + everyMs;
    }
    if (unanswered === 0 || (now < commitAt && !acks.isFull(unanswered))) continue;
    acks.answered(unanswered, now);
    unanswered = 0;
    commits++;
    commitAt = now + 1_000;
    nextAt = Math.max(nextAt, now + 2);
  }
  return { commits, messages };
}

test("a broker that waits with 20 messages is answered when it has sent them, and not once a second", () => {
  const { commits, messages } = commitsIn(60, 20, 0);
  expect(messages).toBeGreaterThan(20_000);
  expect(commits).toBeLessThan(messages / 15);
});

test("one that sends a single message at a time is answered at once", () => {
  expect(commitsIn(60, 1, 0).messages).toBeGreaterThan(10_000);
});

test("slow senders cost no more commits than a second has", () => {
  for (const everyMs of [37, 333, 1_500]) expect(commitsIn(60, 512, everyMs).commits).toBeLessThan(65);
});

test("with a window of our own, half of it makes a commit", () => {
  const acks = new AckWindow(256);
  expect([acks.isFull(0), acks.isFull(255), acks.isFull(256)]).toEqual([false, false, true]);
});
