import { expect, test } from "bun:test";
import { Bell } from "./bell.ts";

test("a bell that was rung before the wait ends it, once", async () => {
  const bell = new Bell();
  bell.ring();
  bell.ring();
  await bell.wait(null);
  const order: string[] = [];
  const second = bell.wait(null).then(() => order.push("woken"));
  await new Promise((resolve) => setImmediate(resolve));
  order.push("rung");
  bell.ring();
  await second;
  expect(order).toEqual(["rung", "woken"]);
});

test("two loops that ring for each other let timers and I/O run", async () => {
  let heard = false;
  setImmediate(() => {
    heard = true;
  });
  const loop = async (mine: Bell, other: Bell) => {
    for (let turn = 0; turn < 10_000 && !heard; turn++) {
      other.ring();
      await mine.wait(null);
    }
    other.ring();
  };
  const bells = [new Bell(), new Bell()] as const;
  await Promise.all([loop(bells[0], bells[1]), loop(bells[1], bells[0])]);
  expect(heard).toBe(true);
});
