/** What every source holds (source.ts), of those that others send to. Over kills: kills.binary.test.ts in the room of each. */
import { afterAll, afterEach, expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "../core/random.ts";
import { ReadingBlock } from "../core/reading.ts";
import { SensorCatalogue } from "../core/sensor.ts";
import { testWith } from "../testing/needs.ts";
import { HttpRig, NOW } from "./http/rig.suite.ts";
import { endBrokers, publishLines, startBroker } from "./mqtt/broker.suite.ts";
import { MqttSource } from "./mqtt/mqtt.ts";
import { loadProfile } from "./profile/shipped.ts";
import { Normalizer } from "./row/normalize.ts";
import type { Source } from "./source.ts";

const longTest = testWith("time");
const folder = mkdtempSync(join(tmpdir(), "agent-senders-"));
const open: Source[] = [];
afterEach(async () => {
  for (const source of open.splice(0)) await source.close();
});
afterAll(async () => {
  await endBrokers();
  rmSync(folder, { recursive: true, force: true });
});

const line = (n: number) => `{"sensor_id":"s${n}","timestamp":"2026-01-01T00:00:00Z","temperature":${n}}`;
const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => line(from + i));

/** A source to which at least as many readings were sent as a block holds. */
async function expectPort(source: Source, nowMs: number): Promise<void> {
  const block = new ReadingBlock(8);
  for (let turn = 0; block.count < 8 && turn < 2_000_000; turn++) {
    source.take(block, nowMs);
    if (block.count < 8) await new Promise(setImmediate);
  }
  expect(block.count).toBeGreaterThanOrEqual(8);
  const cursor = source.cursor();
  // A block that is full gets nothing; all that was sent at once may be in it.
  const full = new ReadingBlock(1);
  for (full.add(0, 0, 0); full.count < full.capacity; ) full.add(0, 0, 0);
  source.take(full, nowMs);
  expect([full.count, source.cursor()]).toEqual([1, cursor]);
  expect(Buffer.byteLength(cursor ?? "")).toBeLessThan(4_096);
  source.committed();
  const after = source.cursor();
  source.committed();
  expect([source.cursor(), [...(source.changes?.() ?? [])]]).toEqual([after, []]);
  for (const { code, message, try: hint } of source.problems?.() ?? []) {
    expect([code, message, hint]).toEqual([
      expect.stringMatching(/^[a-z_]+$/),
      expect.any(String),
      expect.stringMatching(/./),
    ]);
  }
  await source.close();
  await source.close();
}

longTest("http: blocks, commits and its end", async () => {
  const rig = new HttpRig({ capacity: 8 });
  open.push(rig.source);
  const url = await rig.listen();
  rig.isRunning = false;
  const sent = [lines(0, 5), lines(5, 30)].map((some) =>
    fetch(url, { method: "POST", body: some.join("\n") }).then(
      ({ status }) => status,
      () => 0,
    ),
  );
  await expectPort(rig.source, NOW);
  expect(await Promise.all(sent)).toEqual([200, 200]);
});

longTest("http: over commits and crashes of any order, what is repeated under its key is taken once", async () => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 100_000);
  const random = seededRandom(seed);
  const taken: number[] = [];
  const state = new Map<string, string>();
  let rig = new HttpRig({ capacity: 7 });
  let url = await rig.listen();
  for (let request = 0; request < 20; request++) {
    const body = lines(request * 10, request * 10 + 1 + Math.floor(random() * 10)).join("\n");
    for (let isAnswered = false; !isAnswered; ) {
      const crash = random() < 0.4;
      // It dies between the commit and the answer, or before the commit.
      if (crash) rig.isRunning = random() < 0.5;
      const sent = fetch(url, { method: "POST", body, headers: { "idempotency-key": `k${request}` } }).then(
        ({ status }) => status,
        () => 0,
      );
      if (crash) {
        for (let i = 0; i < 20; i++) await new Promise(setImmediate);
        await rig.source.close();
      }
      isAnswered = (await sent) === 200;
      if (!crash) continue;
      taken.push(...rig.readings.map(({ measures }) => Number(measures[0]?.[1])));
      for (const [key, value] of rig.state) state.set(key, value);
      rig = new HttpRig({ capacity: 7, state });
      url = await rig.listen();
    }
  }
  taken.push(...rig.readings.map(({ measures }) => Number(measures[0]?.[1])));
  await rig.source.close();
  expect([`SEED=${seed}`, taken.length]).toEqual([`SEED=${seed}`, new Set(taken).size]);
});

testWith("mosquitto")("mqtt: blocks, commits and its end", async () => {
  const broker = await startBroker(join(folder, "broker"));
  const normalizer = new Normalizer({ catalogue: new SensorCatalogue(), profile: loadProfile("environmental") });
  const source = new MqttSource({
    uri: `mqtt://127.0.0.1:${broker.port}/site/#`,
    normalizer,
    cursor: null,
    nodeId: "n",
    login: { user: null, password: null, passwordFile: null },
    once: false,
    cwd: folder,
    now: () => NOW,
    notice: () => undefined,
  });
  open.push(source);
  // Subscribed when its session is in the cursor, and committed.
  expect(() => source.take(new ReadingBlock(8), NOW)).toThrow("does not answer until now");
  for (const giveUp = performance.now() + 20_000; !source.hasMoved && performance.now() < giveUp; ) await Bun.sleep(10);
  source.committed();
  await publishLines(["-p", String(broker.port), "-t", "site/a"], lines(0, 60));
  await expectPort(source, NOW);
});
