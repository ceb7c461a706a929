/** What the buffer reports of its past is acknowledged: by the command where no agent runs, else by the agent. */
import { expect, test } from "bun:test";
import { openingProblems, rememberCopied, rememberCorrupt } from "../../agent/recovery/old-epochs.ts";
import { resolveSettings } from "../../core/settings/settings.ts";
import { SwitchedStore, startFakeNode } from "../../testing/fake-node.ts";
import { TestNode } from "../../verify/node.suite.ts";
import type { Context } from "../frame/command.ts";
import { acknowledge } from "./acknowledge.ts";

const COPIED = { code: "data_dir_copied", message: "The data dir was moved", try: "agent verify" };
const CORRUPT = { code: "buffer_was_corrupt", message: "The buffer was corrupt", try: "agent verify" };

function contextOf(dataDir: string) {
  const told: string[] = [];
  const context: Context = {
    typed: "agent buffer acknowledge",
    settings: resolveSettings({ flags: { "data-dir": [dataDir] } }),
    env: {},
    cwd: "/",
    write: async (data) => void told.push(String(data)),
    say: (line) => void told.push(line),
    terminal: false,
    stop: new AbortController().signal,
  };
  return { context, told };
}

test("without an agent the command does it, names what it was, and a later problem is shown again", async () => {
  const node = new TestNode();
  const { context, told } = contextOf(node.dataDir);
  const nowMs = Date.now();
  expect(await acknowledge(false, context, 0)).toBe(0);
  expect(told).toEqual(["There is nothing to acknowledge: the buffer reports no copy and no damage."]);
  rememberCopied(node.buffer, COPIED, nowMs);
  rememberCorrupt(node.buffer, CORRUPT, nowMs);
  expect(await acknowledge(false, context, 0)).toBe(0);
  expect(told.slice(1)).toEqual([
    "buffer_was_corrupt: The buffer was corrupt",
    "data_dir_copied: The data dir was moved",
    "Acknowledged: agent status reports this no more.",
  ]);
  expect(openingProblems(node.buffer, nowMs)).toEqual([]);
  rememberCopied(node.buffer, COPIED, nowMs);
  expect(openingProblems(node.buffer, nowMs)).toEqual([COPIED]);
  node.end();
});

test("a running agent is asked and does it; one that does not answer keeps the request", async () => {
  const running = await startFakeNode({ count: 11, now: 10, store: new SwitchedStore() });
  await running.drive(1_000, 5);
  const { buffer } = running.opened.parts;
  rememberCopied(buffer, COPIED, Date.now());
  const { context, told } = contextOf(running.dataDir);
  expect(await acknowledge(false, context, 0)).toBe(1);
  expect(told.at(-1)).toContain("it has not answered yet");
  const asked = acknowledge(true, context, 60_000);
  await running.drive(1_000, 20);
  expect(await asked).toBe(0);
  expect(JSON.parse(told.at(-1) ?? "")).toMatchObject({
    done: true,
    problems: [{ code: COPIED.code }],
    by: process.pid,
  });
  expect(openingProblems(buffer, Date.now())).toEqual([]);
  await running.end();
});
