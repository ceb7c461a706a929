import { expect, test } from "bun:test";
import { HeapWatch } from "./heap-watch.ts";

test("the whole heap is collected when memory has grown, and not again until it has grown more; in between only young objects are", () => {
  let rss = 50e6;
  let live = 40e6;
  let collected = 0;
  let young = 0;
  const watch = new HeapWatch(() => rss, {
    all: () => {
      collected++;
      rss = live;
    },
    young: () => {
      young++;
    },
  });
  watch.look();
  // A small process is left alone.
  expect([collected, young]).toEqual([0, 0]);
  rss = 120e6;
  watch.look();
  watch.look();
  expect([collected, young]).toEqual([1, 0]);
  // More is live than the floor: collecting again and again would only cost time.
  live = 130e6;
  rss = 140e6;
  for (let i = 0; i < 10; i++) watch.look();
  expect([collected, young]).toEqual([2, 9]);
  rss = 145e6;
  watch.look();
  expect([collected, young]).toEqual([3, 9]);
});

test("memory is checked once per fixed number of readings", () => {
  let looks = 0;
  const rss = () => {
    looks++;
    return 0;
  };
  const watch = new HeapWatch(rss, { all: () => {}, young: () => {} });
  for (let i = 0; i < 25; i++) watch.count(1_000);
  expect(looks).toBe(2);
});
