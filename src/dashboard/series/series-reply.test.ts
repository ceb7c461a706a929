import { afterEach, expect, test } from "bun:test";
import type { OpenAgent } from "../../agent/open-agent.ts";
import type { HttpReply, HttpRequest } from "../../http/route.ts";
import type { DashboardNode } from "../node.ts";
import type { SeriesAnswer } from "../wire.ts";
import { SeriesReplies } from "./series-reply.ts";
import { Turns } from "./work-budget.ts";
import { WrittenBuffer } from "./written-buffer.suite.ts";

const START = Date.UTC(2026, 10, 23, 8);
const HOUR = 3_600_000;
let written: WrittenBuffer | null = null;
afterEach(() => {
  written?.close();
  written = null;
});

function ask(of: WrittenBuffer, from: number, to: number, pixels: number): HttpReply {
  const parts = { buffer: of.buffer, rules: { set: { rules: [] } } };
  // All that this answer asks of an agent.
  const opened = { parts } as unknown as OpenAgent;
  const node = { opened: () => opened } as DashboardNode;
  const query = new URLSearchParams({ series: "a\0t", from: String(from), to: String(to), pixels: String(pixels) });
  return new SeriesReplies(node, new Turns(() => performance.now())).answer({ query } as HttpRequest);
}

async function answersOf(reply: HttpReply): Promise<SeriesAnswer[]> {
  if (!("stream" in reply)) throw new Error(String(reply.body));
  const answers: SeriesAnswer[] = [];
  const send = (line: Uint8Array | string) => {
    answers.push(JSON.parse(String(line)));
    return true;
  };
  await reply.stream({ send, drained: async () => undefined, gone: new AbortController().signal });
  return answers;
}

test("pixels are those of what the buffer holds, whatever longer time was asked for", async () => {
  written = new WrittenBuffer(["t"]);
  for (let minute = 0; minute < 60; minute++) {
    const at = START + minute * 60_000;
    written.commit(at, [{ sensor: "a", at, values: { t: minute } }]);
  }
  const answers = await answersOf(ask(written, 0, START + HOUR, 400));
  expect(answers.at(-1)?.isWhole).toBe(true);
  expect(answers.flatMap(({ series }) => series["a\0t"]?.values ?? []).length).toBe(60);
});

test("readings that are older than the first commit are drawn too, wherever they are in the buffer", async () => {
  written = new WrittenBuffer(["t"]);
  const seen: number[] = [];
  for (let minute = 0; minute < 60; minute++) {
    const at = START + minute * 60_000;
    const backfilled = at - 30 * 24 * HOUR * (1 + (minute % 2));
    const times = minute === 20 || minute === 43 ? [at, backfilled] : [at];
    seen.push(...times);
    written.commit(
      at,
      times.map((time) => ({ sensor: "a", at: time, values: { t: 1 } })),
    );
  }
  const answers = await answersOf(ask(written, 0, START + HOUR, 4_000));
  expect(answers.at(-1)?.isWhole).toBe(true);
  const drawn = answers.flatMap(({ series }) => series["a\0t"]?.atMs.filter((_, i) => series["a\0t"]?.values[i]) ?? []);
  const isDrawn = (at: number) => drawn.some((one) => Math.abs(one - at) < (120 * 24 * HOUR) / 4_000);
  expect(seen.filter((at) => !isDrawn(at))).toEqual([]);
  // Nothing before what was asked for.
  const later = await answersOf(ask(written, START - 40 * 24 * HOUR, START + HOUR, 4_000));
  const first = Math.min(...later.flatMap(({ series }) => series["a\0t"]?.atMs ?? []));
  expect(first).toBe(START + 20 * 60_000 - 30 * 24 * HOUR);
});

test("a client that has left is sent nothing", async () => {
  written = new WrittenBuffer(["t"]);
  written.commit(START, [{ sensor: "a", at: START, values: { t: 1 } }]);
  const reply = ask(written, 0, START, 100);
  if (!("stream" in reply)) throw new Error("no stream");
  const sent: unknown[] = [];
  const send = (line: unknown) => sent.push(line) > 0;
  await reply.stream({ send, drained: async () => undefined, gone: AbortSignal.abort() });
  expect(sent).toEqual([]);
});
