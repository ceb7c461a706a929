import { expect, test } from "bun:test";
import { TransientError } from "../../core/errors.ts";
import { makeLog } from "../../core/log/log.ts";
import { startFakeNode } from "../../testing/fake-node.ts";
import { readLive } from "../live.ts";
import { inTrouble } from "./source-trouble.ts";

const gone = new TransientError('Cannot read "f.db": there is no such file yet', { tryHint: "start its writer" });
const locked = new TransientError('Cannot read "f.db": its writer has it locked', { retryAfterMs: 50 });

/** A node whose source throws `trouble.error` where there is one, and what was logged of it. */
async function startTroubled() {
  const node = await startFakeNode({ count: 1_000, now: 10 });
  const trouble: { error: TransientError | null } = { error: null };
  const take = node.source.take.bind(node.source);
  node.source.take = (block, nowMs) => {
    if (trouble.error !== null) throw trouble.error;
    return take(block, nowMs);
  };
  const shake = async (error: TransientError | null, steps: number) => {
    trouble.error = error;
    node.source.release(10);
    await node.drive(1_000, steps);
  };
  const said = () =>
    node.log.filter(({ code }) => code.startsWith("source_")).map(({ level, code }) => `${level} ${code}`);
  return { node, shake, said };
}

test("trouble of a source is logged once, is a problem while it lasts, and its end is logged once", async () => {
  const { node, shake, said } = await startTroubled();
  await shake(null, 3);
  expect(said()).toEqual([]);
  await shake(gone, 20);
  await shake(locked, 5);
  expect(said()).toEqual(["warn source_trouble"]);
  expect(node.log.find(({ code }) => code === "source_trouble")).toMatchObject({
    message: 'Cannot take from "listed:": Cannot read "f.db": there is no such file yet. The agent tries again',
    fields: { try: "start its writer" },
  });
  const report = readLive(node.dataDir)!;
  expect(report.problems.map(({ code, message }) => [code, message])).toEqual([
    ["source_trouble", 'Cannot take from "listed:": Cannot read "f.db": its writer has it locked'],
  ]);
  await shake(null, 3);
  expect(said()).toEqual(["warn source_trouble", "info source_back"]);
  expect(readLive(node.dataDir)!.problems).toEqual([]);
  expect(node.source.acknowledged).toBe(node.source.taken);
  await node.end();
});

test("the sentence of a trouble has one end, whatever its message ends with", () => {
  const said: string[] = [];
  const log = makeLog({ least: "info", secrets: [], now: () => 0, write: ({ message }) => said.push(message) });
  for (const message of ["it is gone", "it is gone.", "is it gone?"]) {
    inTrouble(null, new TransientError(message), { uri: "x:", runningMs: 0, log });
  }
  expect(said).toEqual([
    'Cannot take from "x:": it is gone. The agent tries again',
    'Cannot take from "x:": it is gone. The agent tries again',
    'Cannot take from "x:": is it gone? The agent tries again',
  ]);
});

test("a writer that locks its database now and then is not trouble, one that holds the lock is", async () => {
  const { node, shake, said } = await startTroubled();
  for (let i = 0; i < 10; i++) {
    await shake(locked, 3);
    await shake(null, 2);
  }
  expect([said(), readLive(node.dataDir)!.problems]).toEqual([[], []]);
  await shake(locked, 15);
  expect(said()).toEqual(["warn source_trouble"]);
  await node.end();
});

test("trouble that is final ends the source, and the run, with a line that says so", async () => {
  const { node, shake, said } = await startTroubled();
  await shake(gone, 3);
  await shake(new TransientError('Cannot read "f.db": it is damaged', { tryHint: "repair it", isFinal: true }), 3);
  expect(said()).toEqual(["warn source_trouble", "warn source_ended"]);
  expect(node.log.at(-1)).toMatchObject({
    message: 'Cannot take from "listed:": Cannot read "f.db": it is damaged. The run ends without the rest of it',
    fields: { try: "repair it" },
  });
  expect(node.opened.parts.pipeline.taps.map(({ state }) => state)).toEqual(["ended"]);
  await node.end();
});
