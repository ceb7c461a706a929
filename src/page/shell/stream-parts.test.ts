import { expect, test } from "bun:test";
import { eventsOf, linesOf } from "./stream-parts.ts";

const bytes = new TextEncoder();
/** A stream whose pieces end anywhere. */
function streamOf(text: string, size: number): ReadableStream<Uint8Array> {
  const all = bytes.encode(text);
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < all.length; at += size) controller.enqueue(all.slice(at, at + size));
      controller.close();
    },
  });
}

test("lines are whole, wherever the network cuts them", async () => {
  for (const size of [1, 2, 3, 7, 100]) {
    expect(await Array.fromAsync(linesOf(streamOf("Köln 20 °C\r\n\nzwei\ndrei", size)))).toEqual([
      "Köln 20 °C",
      "",
      "zwei",
      "drei",
    ]);
  }
});

test("events have a name and data; comments and a last event that is cut off are none", async () => {
  const text = 'event: state\ndata: {"a":1}\n\n: still here\n\ndata: x\ndata: y\n\nevent: points\ndata: {"cut';
  for (const size of [1, 5, 1_000]) {
    expect(await Array.fromAsync(eventsOf(streamOf(text, size)))).toEqual([
      { name: "state", data: '{"a":1}' },
      { name: "message", data: "x\ny" },
    ]);
  }
});
