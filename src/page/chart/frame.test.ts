import { expect, test } from "bun:test";
import { DrawQueue } from "./frame.ts";

function clockByHand() {
  const asked: (() => void)[] = [];
  let nowMs = 0;
  return {
    asked,
    work: (ms: number) => {
      nowMs += ms;
    },
    frame: () => asked.shift()?.(),
    clock: { request: (run: () => void) => void asked.push(run), nowMs: () => nowMs },
  };
}

test("many charts that changed are drawn in one frame, each once, with what it asked last", () => {
  const { clock, asked, frame } = clockByHand();
  const queue = new DrawQueue(clock);
  const owners = Array.from({ length: 24 }, () => ({}));
  const drew: string[] = [];
  for (const round of ["old", "new"]) {
    for (const [index, owner] of owners.entries()) queue.ask(owner, () => void drew.push(`${round} ${index}`));
  }
  expect(asked).toHaveLength(1);
  frame();
  expect(drew).toEqual(owners.map((_, index) => `new ${index}`));
  expect(asked).toHaveLength(0);
});

test("what does not fit into a frame is drawn in the next, and an owner that left is not drawn", () => {
  const { clock, asked, frame, work } = clockByHand();
  const queue = new DrawQueue(clock);
  const drew: string[] = [];
  const draw = (name: string, ms: number) => () => {
    work(ms);
    drew.push(name);
  };
  const gone = {};
  queue.ask({}, draw("slow", 20));
  queue.ask({}, draw("second", 1));
  queue.ask(gone, draw("gone", 1));
  frame();
  expect(drew).toEqual(["slow"]);
  queue.forget(gone);
  expect(asked).toHaveLength(1);
  frame();
  expect(drew).toEqual(["slow", "second"]);
  expect(asked).toHaveLength(0);
});
