import { expect, test } from "bun:test";
import { ReadingBlock } from "./reading.ts";

test("the readings of one message may take a block beyond its capacity, and nothing of it is lost", () => {
  const block = new ReadingBlock(2);
  block.column(1)[block.add(7, 1_000, 3)] = 21.5;
  expect(block.full).toBe(false);
  block.makeRoom(3);
  for (const time of [2_000, 3_000, 4_000]) block.column(0)[block.add(8, time, 4)] = time / 10;
  expect(block.full).toBe(true);
  expect([...block.time.subarray(0, block.count)]).toEqual([1_000, 2_000, 3_000, 4_000]);
  expect([...block.sensor.subarray(0, block.count)]).toEqual([7, 8, 8, 8]);
  expect([...block.label.subarray(0, block.count)]).toEqual([3, 4, 4, 4]);
  expect([...block.column(0)]).toEqual([Number.NaN, 200, 300, 400]);
  expect([...block.column(1)]).toEqual([21.5, Number.NaN, Number.NaN, Number.NaN]);
});
