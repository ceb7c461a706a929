import { expect, test } from "bun:test";
import type { OpenAgent } from "../../agent/open-agent.ts";
import { RateCounter } from "../../agent/rates.ts";
import { WrittenBuffer } from "../series/written-buffer.suite.ts";
import type { WireDelivery } from "../wire.ts";
import { DeliveryRecorder } from "./recorder.ts";
import { DeliveryReplies } from "./routes.ts";
import { StepRing } from "./step-ring.ts";

const NOTHING = { rows: 0, objects: 0, bytes: 0, failures: 0, upMs: 0, watchedMs: 0, bufferBytes: 0 };

test("a ring adds what is of one step, and knows nothing of steps that were not seen or are too old", () => {
  const ring = new StepRing(1_000, 3);
  ring.add(5_000, { ...NOTHING, rows: 2, bufferBytes: 7 });
  ring.add(5_900, { ...NOTHING, rows: 3, bufferBytes: 9 });
  expect(ring.read(5_500)).toEqual({ ...NOTHING, rows: 5, bufferBytes: 9 });
  expect([ring.read(4_000), ring.read(6_000), ring.read(2_000)]).toEqual([null, null, null]);
  ring.add(8_000, { ...NOTHING, rows: 1 });
  expect([ring.read(5_000), ring.read(8_999)?.rows]).toEqual([null, 1]);
});

test("the share of the time that the uplink was up is exact also where it changed between two looks", () => {
  const rates = new RateCounter(() => 0, { earliestTime: 0, latestAhead: 0 });
  const recorder = new DeliveryRecorder();
  const look = (nowMs: number, isUp: boolean, linkSinceMs: number) =>
    recorder.look(nowMs, { totals: rates.totals, sinceMs: 60_000, isUp, linkSinceMs, bufferBytes: nowMs });
  look(60_000, true, 0);
  look(70_000, true, 0);
  rates.failed("unreachable");
  look(80_000, false, 76_000);
  look(90_000, false, 76_000);
  rates.delivered("raw", { rows: 10, bytes: 100 }, new Float64Array(0), 0);
  look(100_000, true, 97_000);
  expect(recorder.fine.read(80_000)).toMatchObject({ upMs: 6_000, watchedMs: 10_000, failures: 1 });
  expect(recorder.fine.read(90_000)).toMatchObject({ upMs: 0, watchedMs: 10_000 });
  expect(recorder.fine.read(100_000)).toMatchObject({ upMs: 3_000, rows: 10, objects: 1, bytes: 100 });
  expect(recorder.coarse.read(60_000)).toMatchObject({
    upMs: 19_000,
    watchedMs: 40_000,
    rows: 10,
    bufferBytes: 100_000,
  });
  // A clock that is set, or a machine that slept: that time was not watched.
  look(5_000_000, true, 97_000);
  expect(recorder.coarse.read(5_000_000)).toMatchObject({ upMs: 0, watchedMs: 0 });
});

test("a reply has the steps of the time that was asked for; what was before the start is what the buffer remembers", async () => {
  const written = new WrittenBuffer(["temperature"]);
  const startedAtMs = Date.UTC(2026, 10, 23, 9);
  let nowMs = startedAtMs + 65_000;
  const batch = written.buffer.db.query(
    `INSERT INTO batch (stage, key, count, state, planned_at, settled_at, error) VALUES (?, ?, ?, ?, 1, ?, ?)`,
  );
  batch.run("raw", "a", 100, "delivered", startedAtMs - 600_000, null);
  batch.run("validated", "b", 90, "delivered", startedAtMs - 600_000, null);
  batch.run("raw", "c", 5, "parked", null, "too odd");
  const rates = new RateCounter(() => 0, { earliestTime: 0, latestAhead: 0 });
  const parts = {
    buffer: written.buffer,
    rates,
    delivery: { isDown: false, linkSinceMs: 0 },
    liveReport: () => ({ startedAtMs }),
  };
  // Of an agent, the parts that are asked.
  const opened = { parts } as unknown as OpenAgent;
  const replies = new DeliveryReplies({ opened: () => opened, now: () => nowMs });
  const ask = (query: string) => {
    const reply = replies.answer({ query: new URLSearchParams(query) });
    return { status: reply.status, wire: "body" in reply ? (JSON.parse(String(reply.body)) as WireDelivery) : null };
  };
  replies.look();
  nowMs += 5_000;
  rates.delivered("raw", { rows: 7, bytes: 70 }, new Float64Array(0), 0);
  const { wire } = ask("minutes=60");
  expect(wire).toMatchObject({
    sinceMs: startedAtMs,
    stepMs: 60_000,
    retries: 0,
    refused: 0,
    parked: [{ stage: "raw", key: "c", rows: 5, error: "too odd" }],
    parkedLeftOut: 0,
  });
  expect(wire?.steps.length).toBe(60);
  expect(wire?.steps.at(-1)).toMatchObject({ rows: 7, objects: 1, bytes: 70, upShare: 1, failures: 0 });
  const earlier = wire?.steps.filter(({ rows, upShare }) => rows !== null && upShare === null) ?? [];
  expect(earlier.map(({ bytes, bufferBytes }) => [bytes, bufferBytes])).toEqual([[null, null]]);
  expect(earlier[0]).toMatchObject({ atMs: startedAtMs - 600_000, rows: 190, objects: 2 });
  expect(wire?.steps[0]).toMatchObject({ rows: null, upShare: null });
  expect(wire?.stages.raw).toMatchObject({ ofAgent: { rows: 7 }, lastAtMs: startedAtMs - 600_000 });
  expect([ask("").wire?.stepMs, ask("").wire?.steps.length]).toEqual([10_000, 90]);
  expect([ask("minutes=1440").wire?.stepMs, ask("minutes=1440").wire?.steps.length]).toEqual([300_000, 288]);
  expect(ask("minutes=7").status).toBe(400);
  const starting = new DeliveryReplies({ opened: () => null, now: () => 0 });
  starting.look();
  expect(starting.answer({ query: new URLSearchParams() }).status).toBe(503);
  written.close();
});
