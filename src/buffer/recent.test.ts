import { expect, test } from "bun:test";
import type { ReadingBlock } from "../core/reading.ts";
import { RecentBlocks } from "./recent.ts";

const facts = { ingestedAtMs: 0, rulesVersion: "abc", timeQuality: "ok", agentVersion: "0.1.0" } as const;

/** Commits as a buffer does: `commits` blocks of `rows` rows each, from seq 1. */
function fill(recent: RecentBlocks, commits: number, rows: number): Set<ReadingBlock> {
  const used = new Set<ReadingBlock>();
  for (let i = 0; i < commits; i++) {
    const block = recent.lend();
    expect(block.count).toBe(0);
    used.add(block);
    for (let row = 0; row < rows; row++) block.add(0, 0, 0);
    recent.add({ firstSeq: 1 + i * rows, block, facts });
  }
  return used;
}

test("commits of a few rows each that are never released hold no more blocks than full ones", () => {
  const recent = new RecentBlocks(1_000, 10);
  expect(fill(recent, 5_000, 1).size).toBeLessThanOrEqual(101);
  expect([recent.cover({ first: 4_901, last: 5_000 })?.length, recent.cover({ first: 4_900, last: 5_000 })]).toEqual([
    100,
    null,
  ]);
});

test("the batch of a source that commits little at a time is in memory, however small a batch", () => {
  const recent = new RecentBlocks(40, 10);
  fill(recent, 30, 1);
  expect(recent.cover({ first: 1, last: 30 })?.length).toBe(30);
});

test("blocks that a settlement releases at once are all used again", () => {
  const recent = new RecentBlocks(1_000, 10);
  const first = fill(recent, 60, 10);
  recent.release(600);
  expect(recent.cover({ first: 600, last: 600 })).toBeNull();
  expect(fill(recent, 60, 10)).toEqual(first);
});
