import { expect, test } from "bun:test";
import type { Message } from "./frames.ts";
import { MessageQueue, QUEUE, type Waiting } from "./queue.ts";

const waiting = (id: number, length = 10): Waiting => ({
  message: { id, payload: Buffer.alloc(length) } as unknown as Message,
  topic: { context: {}, seed: 0 },
  delivery: null,
});

test("a queue that is never empty holds no more than its messages and a few that were taken", () => {
  const queue = new MessageQueue();
  for (let id = 0; id < 100; id++) queue.push(waiting(id));
  for (let id = 100; id < 50_000; id++) {
    queue.push(waiting(id));
    expect(queue.shift()?.message.id).toBe(id - 100);
  }
  expect(queue.held).toBeLessThan(1_000);
  let rest = 0;
  while (queue.shift() !== null) rest++;
  expect([rest, queue.isEmpty, queue.held]).toEqual([100, true, 0]);
});

test("there is room until there are too many messages, or too many bytes", () => {
  const queue = new MessageQueue();
  for (let id = 0; id < QUEUE.messages; id++) {
    expect(queue.hasRoom).toBe(true);
    queue.push(waiting(id, 1));
  }
  expect(queue.hasRoom).toBe(false);
  queue.shift();
  expect(queue.hasRoom).toBe(true);
  const large = new MessageQueue();
  large.push(waiting(1, QUEUE.bytes));
  expect(large.hasRoom).toBe(false);
});
