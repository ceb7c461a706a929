/** One line about a node: its words, and its length whatever is in them. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import fc from "fast-check";
import { VERSION } from "../core/version.ts";
import { readStatus, type Status } from "../status/status.ts";
import { noStatusLine, statusLine } from "../status/status-line.ts";
import { cases } from "../testing/needs.ts";
import { MemoryStore } from "../uplink/memory-store.ts";
import { EPOCH_START, TestNode } from "../verify/node.suite.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const NOW = EPOCH_START + 60_000;
const look = () => readStatus(node.dataDir, node.settings, NOW);

test("node, state, version, the epoch's beginning, rules, lag, losses, uplink, and the first problem", async () => {
  node.nowMs = EPOCH_START;
  await node.takeAndDeliver(new MemoryStore(), 200);
  const epoch = node.buffer.epoch.slice(0, 10);
  const rest = `version=${VERSION} epoch=${epoch} rules=-`;
  expect(statusLine(look(), NOW)).toBe(`edge-7 stopped ${rest} lag=0s pending=0 lost=0 uplink=- problems=0 problem=-`);
  node.nowMs = EPOCH_START + 2_000;
  node.take(50);
  const waits = statusLine(look(), NOW);
  expect(waits).toMatch(
    /^edge-7 stopped .* lag=58s pending=50 lost=0 uplink=- problems=1 problem=not_running why="No /,
  );
});

test("beside a running agent: its health, its version and its uplink; losses of unknown size are marked", () => {
  const status: Status = { ...look(), pid: 7, agent_version: "9.9.9", health: "ok", problems: [] };
  expect(statusLine(status, NOW)).toMatch(/^edge-7 ok version=9\.9\.9 .* uplink=down problems=0 problem=-$/);
  const problems = ["store_denied", "rules_refused"].map((code) => ({ code, message: `"${code}"\nsays`, try: "x" }));
  const loss = {
    reason: "r",
    count: 7,
    counted: true,
    first_seq: 1,
    last_seq: 7,
    since: null,
    until: null,
    epoch: null,
  };
  const bad: Status = {
    ...status,
    health: "degraded",
    problems,
    losses: [loss, { ...loss, count: 0, counted: false }],
  };
  expect(statusLine(bad, NOW)).toEndWith(
    ` lost=7+? uplink=down problems=2 problem=store_denied why="'store_denied'?says"`,
  );
});

test("without a buffer the line has the same words", () => {
  const line = noStatusLine(null, { state: "missing", code: "no_buffer", message: "Cannot find a buffer" });
  const names = (text: string) => [...text.matchAll(/ (\w+)=/g)].map(([, name]) => name);
  expect(line).toStartWith(`- missing version=${VERSION} epoch=- rules=- lag=- `);
  expect(line).toEndWith(' problem=no_buffer why="Cannot find a buffer"');
  expect([...names(statusLine(look(), NOW)), "why"]).toEqual(names(line));
});

test("whatever a node is called and its files say, it is one line below 300 characters, without control characters", () => {
  const anything = fc.string({ unit: "binary", maxLength: 120 });
  const codes = fc.array(fc.record({ code: anything, message: anything, try: anything }), { maxLength: 4 });
  const amounts = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  const status = look();
  fc.assert(
    fc.property(fc.array(anything, { minLength: 4, maxLength: 4 }), codes, amounts, (texts, problems, amount) => {
      const [id = "", version = "", epoch = "", rules = ""] = texts;
      const stage = { delivered: 0, pending: amount, oldest_pending_at: "1970-01-01T00:00:00.000Z", parked: 0 };
      const stages = { raw: stage, validated: stage, anomalies: stage, schematized: stage, aggregated: stage };
      const loss = { reason: "r", count: amount, counted: false, first_seq: 1, last_seq: 7 };
      const filled: Status = {
        ...status,
        node_id: id,
        epoch,
        agent_version: version,
        pid: 1,
        problems,
        rules: { ...status.rules, version: rules },
        stages,
        losses: [{ ...loss, since: null, until: null, epoch: null }],
      };
      for (const line of [
        statusLine(filled, 8.64e15),
        noStatusLine(id, { state: "missing", code: version, message: epoch }),
      ]) {
        expect(line.length).toBeLessThan(300);
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(line.isWellFormed()).toBe(true);
        expect(line).toMatch(/^\S+ (ok|degraded|missing) version=\S+ epoch=\S+ rules=\S+ lag=\S+ /);
        expect(line).toMatch(/ pending=\S+ lost=\S+ uplink=\S+ problems=\d+ problem=\S+( why="[^"]*")?$/);
      }
    }),
    { numRuns: cases(500) },
  );
});
