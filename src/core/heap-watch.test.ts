import { expect, test } from "bun:test";
import { HeapWatch } from "./heap-watch.ts";

test("memory is collected when it has grown, and not again until it has grown anew", () => {
  let rss = 50e6;
  let live = 40e6;
  let collected = 0;
  const watch = new HeapWatch(
    () => rss,
    () => {
      collected++;
      rss = live;
    },
  );
  watch.look();
  expect(collected).toBe(0);
  rss = 120e6;
  watch.look();
  watch.look();
  expect(collected).toBe(1);
  // What is live is more than the floor: collecting in vain again and again would only cost time.
  live = 130e6;
  rss = 140e6;
  for (let i = 0; i < 10; i++) watch.look();
  expect(collected).toBe(2);
  rss = 147e6;
  watch.look();
  expect(collected).toBe(3);
});
