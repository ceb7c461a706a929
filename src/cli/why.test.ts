import { afterEach, beforeEach, expect, test } from "bun:test";
import { Retention } from "../buffer/disk/retention.ts";
import type { Finding } from "../core/reading.ts";
import { MemoryStore } from "../uplink/memory-store.ts";
import { TestNode } from "../verify/node.suite.ts";
import { see } from "./frame/command-line.suite.ts";
import { command } from "./why.ts";
import { windowLines } from "./why-text.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const why = (id: string, ...flags: string[]) =>
  see(["why", id, "--data-dir", node.dataDir, ...flags], { why: async () => ({ command }) });
const RULES = JSON.stringify([
  { name: "damp", description: "Too wet", when: { range: { measure: "humidity", max: 95 } } },
  { name: "elsewhere", applies_to: { sensor_id: "other" }, when: { range: { measure: "temperature", max: 1 } } },
  { name: "r", description: "Too warm", when: { range: { measure: "temperature", max: 60 } } },
]);
const knowRules = (text = RULES) => node.buffer.rememberRules("abc", text, node.nowMs);

test("an anomaly: the reading, its rule set, the rules that it broke and those that it did not", async () => {
  node.take(20, { extra: '{"co2":400}' });
  knowRules();
  const { code, stdout, stderr } = await why(`${node.buffer.epoch}-10`);
  expect([code, stderr]).toEqual([0, []]);
  expect(stdout).toBe(`reading    ${node.buffer.epoch}-10
taken      2026-11-23T08:50:10.000Z
sensor     s1
measures   temperature 23
says       status_code 0, anomaly_flag 0, anomaly_type -
extra      {"co2":400}
committed  2026-11-23T08:50:00.000Z on edge-7 by agent 0.1.0
rules      abc, 3 rules, in this buffer since 2026-11-23T08:50:00.000Z

Anomalous: it broke a rule.

r (warning): temperature 72.4 is above 60
  observed  72.4
  limit     60
  meaning   Too warm

These are about its sensor too, and it did not break them:
  damp  Too wet (absent here: humidity)
`);
});

test("a reading that went out under another epoch, because its key was taken, is found by that id", async () => {
  node.take(10);
  const other = "01k9zzzzzzzzzzzzzzzzzzzzzz";
  node.plan();
  for (const batch of node.outbox.open(100)) {
    const again = {
      stage: batch.stage,
      key: batch.key.replace(node.buffer.epoch, other),
      count: 1,
      body: new Uint8Array(1),
    };
    node.outbox.replan(batch, { again, epoch: other, window: null, found: "another object" }, node.nowMs);
  }
  const { code, stdout } = await why(`${other}-10`, "--json");
  expect([code, JSON.parse(stdout).reading.reading_id]).toEqual([0, `${other}-10`]);
  expect((await why("01k9yyyyyyyyyyyyyyyyyyyyyy-10")).code).toBe(1);
});

test("as JSON: the reading as its row in raw, the version, the verdict", async () => {
  node.take(20);
  knowRules();
  const { stdout } = await why("10", "--json");
  const reason = "temperature 72.4 is above 60";
  expect(JSON.parse(stdout)).toMatchObject({
    reading: {
      sensor_id: "s1",
      model: null,
      timestamp: "2026-11-23T08:50:10.000Z",
      temperature: 23,
      status_code: 0,
      reading_id: `${node.buffer.epoch}-10`,
      node_id: "edge-7",
      rules_version: "abc",
      time_quality: "ok",
    },
    rules_version: "abc",
    outcome: "anomalous",
    verdict: [{ rule: "r", severity: "warning", reason, observed: 72.4, limit: "60", window: null }],
    malformed: null,
    rule_set: { known: true, since: "2026-11-23T08:50:00.000Z", rules: 3 },
    applied: [
      { rule: "damp", broken: false, absent: ["humidity"] },
      { rule: "r", broken: true, absent: [] },
    ],
  });
});

test("a valid reading broke no rule, and those about its sensor are listed", async () => {
  node.take(20);
  knowRules();
  const { code, stdout } = await why("7");
  expect(code).toBe(0);
  expect(stdout).toEndWith(`
Valid: it broke no rule.
These are about its sensor:
  damp  Too wet (absent here: humidity)
  r     Too warm
`);
  expect(JSON.parse((await why("7", "--json")).stdout)).toMatchObject({ outcome: "valid", verdict: [] });
});

test("a malformed reading: the reason, and the received text", async () => {
  node.take(30);
  const { code, stdout } = await why("25");
  expect(code).toBe(0);
  expect(stdout).toContain("\nreceived   2026-11-23T08:50:25.000Z\n");
  expect(stdout).toContain("\nMalformed (not_json): why.\n");
  expect(stdout).toEndWith("\n1 byte\n  {\n");
  expect(JSON.parse((await why("25", "--json")).stdout)).toMatchObject({
    reading: { sensor_id: null, extra: expect.stringContaining('"received":"{"') },
    verdict: [{ rule: "malformed", reason: "why" }],
    malformed: { reason: "not_json", detail: "why", received: "{", encoding: "utf8", bytes: 1 },
  });
});

test("a rule set that is not known, or that this binary cannot read, leaves the verdict as it was stored", async () => {
  node.take(20);
  const unknown = await why("10");
  expect(unknown.stdout).toContain("abc, which cannot be shown: this buffer does not know that set");
  expect(unknown.stdout).toContain("\nr (warning): temperature 72.4 is above 60\n");
  expect(JSON.parse((await why("10", "--json")).stdout)).toMatchObject({ rule_set: { known: false }, applied: null });
  knowRules('[{"name":"r","when":{"oracle":{}}}]');
  expect((await why("7")).stdout).toContain("this binary cannot read that set: [0].when.oracle: is not known here");
});

test("the window that a rule looked at is readable, whatever its shape", async () => {
  const at = Date.UTC(2026, 10, 23, 8);
  const window = { median: 20.5, readings: [1, 2].map((i) => ({ time: at + i * 1_000, temperature: 20 + i })) };
  node.take(10);
  const finding: Finding = {
    rule: "s",
    severity: "critical",
    reason: "a spike",
    observed: 22,
    limit: "z ≤ 6",
    window,
  };
  node.buffer.db.query("UPDATE finding SET findings = ? WHERE seq = 10").run(JSON.stringify([finding]));
  expect((await why("10")).stdout).toContain(`s (critical): a spike
  observed  22
  limit     z ≤ 6
  window
    median  20.5
    readings
      time                      temperature
      2026-11-23T08:00:01.000Z           21
      2026-11-23T08:00:02.000Z           22
`);
  expect(windowLines([1, null, "a\nb"])).toEqual(["1, -, a\\nb"]);
  expect(windowLines("text")).toEqual(["text"]);
  expect(windowLines([])).toEqual(["-"]);
  expect(windowLines([[1, 2], { a: 1 }])).toEqual(["[1,2]", '{"a":1}']);
  const long = windowLines(Array.from({ length: 100 }, (_, i) => ({ seq: i })));
  expect([long.length, long.at(-1)]).toEqual([41, "and 61 more lines: --json has all"]);
});

test("a reading of another epoch is distinguished from one that does not exist yet, was deleted, or was lost", async () => {
  await node.takeAndDeliver(new MemoryStore(), 200);
  const { epoch } = node.buffer;
  const other = `${"0".repeat(26)}-7`;
  const elsewhere = await why(other);
  expect(elsewhere.code).toBe(1);
  expect(elsewhere.stderr[0]).toEndWith(`has another epoch, ${epoch}`);
  expect(elsewhere.stderr[1]).toStartWith("Try: agent lake head --stage anomalies ");
  expect((await why("201")).stderr).toEqual([
    expect.stringMatching(/^Cannot explain .*-201: .* has no such reading, the last one has seq 200$/),
    "Try: agent why 200",
  ]);
  node.take(10);
  while (new Retention(node.buffer).prune(Number.MAX_SAFE_INTEGER) > 0);
  const gone = await why("3");
  expect([gone.code, gone.stderr[0]]).toEqual([
    1,
    expect.stringContaining("was delivered, and the buffer has deleted it (the oldest left has seq 201;"),
  ]);
  expect(gone.stderr[1]).toContain(`--stage anomalies --count 100000 --json | grep ${epoch}-3`);
  new Retention(node.buffer).dropOldest(5, node.nowMs);
  expect((await why("202")).stderr[0]).toEndWith("-202: it was lost (buffer_full)");
});

test("a reading of a buffer that was set aside is said to be there", async () => {
  node.take(10);
  const old = "7".repeat(26);
  const aside = {
    epoch: old,
    nodeId: "edge-7",
    accepted: 9,
    certain: true,
    lost: 0,
    file: "buffer.db.corrupt-1",
    atMs: 0,
  };
  node.buffer.setMeta("old_epochs", JSON.stringify([aside]));
  expect((await why(`${old}-3`)).stderr[0]).toBe(
    `Cannot explain ${old}-3: its buffer was corrupt and was set aside as "buffer.db.corrupt-1"`,
  );
});

test("a malformed reading id is a wrong call; capitals are allowed", async () => {
  node.take(10);
  for (const id of ["x", "0", "1.5", "-", `${node.buffer.epoch}-`, `${node.buffer.epoch}-x`, "9".repeat(17)]) {
    expect([id, (await why(id)).code]).toEqual([id, 2]);
  }
  expect((await why(`${node.buffer.epoch.toUpperCase()}-000007`)).code).toBe(0);
  expect((await see(["why", "1", "--data-dir", "nowhere"], { why: async () => ({ command }) })).code).toBe(2);
});

test("a damaged buffer causes no crash: the message says what repairs it", async () => {
  node.take(20);
  node.buffer.db.run("DELETE FROM finding");
  const { code, stderr } = await why("10");
  expect([code, stderr.length]).toEqual([1, 2]);
  expect(stderr[0]).toStartWith("Cannot read the buffer: ");
});
