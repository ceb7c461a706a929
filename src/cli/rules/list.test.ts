import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestNode } from "../../verify/node.suite.ts";
import { see } from "../frame/command-line.suite.ts";
import { group } from "./rules.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

const DAMP = '{"name":"damp","when":{"range":{"measure":"humidity","max":95}}}';
const WARM = '{"name":"r","severity":"info","when":{"range":{"measure":"temperature","max":60}}}';

/** `agent rules list` where ./rules holds two rules, one of them named as the node's findings are. */
function listed(...flags: string[]) {
  mkdirSync(join(node.dataDir, "rules"), { recursive: true });
  writeFileSync(join(node.dataDir, "rules/a.json"), `[${DAMP},${WARM}]`);
  return see(["rules", "list", ...flags], { rules: async () => ({ group }) }, { cwd: node.dataDir });
}

test("with a buffer each rule says how often it was broken in 24 h, and rules that are gone are listed too", async () => {
  node.nowMs = Date.now() - 25 * 3_600_000;
  node.take(100);
  node.nowMs = Date.now();
  node.take(100);
  node.buffer.db.run(`UPDATE finding SET findings = replace(findings, '"r"', '"old"') WHERE seq = 110`);
  node.buffer.setMeta("rules_version", "abc");
  const { code, stdout, stderr } = await listed("--data-dir", ".");
  expect([code, stderr]).toEqual([0, []]);
  expect(stdout.replace(/version \w{12}/, "version V")).toBe(`rule  broken in 24 h  severity         kind   measures
damp               0  warning          range  humidity
r                  7  info             range  temperature
old                1  not in this set
2 rules from rules, version V
The newest readings in the buffer were judged by version abc
`);
  expect(JSON.parse((await listed("--data-dir", ".", "--json")).stdout)).toMatchObject({
    rules: [
      { name: "damp", did_break: 0 },
      { name: "r", severity: "info", did_break: 7 },
    ],
    judged_by: "abc",
    broken_by_others: { old: 1 },
  });
});

test("without a buffer there are no counts; to name one that does not exist is a wrong call", async () => {
  expect((await listed()).stdout).toStartWith("damp  warning   range       humidity\n");
  expect(JSON.parse((await listed("--json")).stdout)).toMatchObject({ rules: [{ did_break: null }, {}] });
  expect((await listed("--data-dir", "nowhere")).code).toBe(2);
});

test("where the buffer cannot be read, the rules are listed without counts", async () => {
  mkdirSync(join(node.dataDir, "agent-data"));
  writeFileSync(
    join(node.dataDir, "agent-data/buffer.db"),
    "no database at all, but as long as the head of one is".repeat(9),
  );
  const { code, stdout, stderr } = await listed();
  expect([code, stderr]).toEqual([
    0,
    [expect.stringMatching(/^How often rules were broken is not shown: Cannot read buffer /)],
  ]);
  expect(stdout).toContain("damp");
  expect((await listed("--data-dir", "agent-data")).code).toBe(1);
});

test("--history shows every switch, oldest first, and says so if there is none", async () => {
  expect(await listed("--history", "--data-dir", ".")).toEqual({
    code: 0,
    stdout: "no switch was recorded yet\n",
    stderr: [],
  });
  expect(JSON.parse((await listed("--history", "--data-dir", ".", "--json")).stdout)).toEqual({ history: [] });
  const { db } = node.buffer;
  db.run(
    `CREATE TABLE IF NOT EXISTS rule_switch (at INTEGER, from_version TEXT, to_version TEXT, added TEXT, removed TEXT,
     changed TEXT)`,
  );
  const at = Date.UTC(2026, 10, 23, 8);
  const add = db.query(
    "INSERT INTO rule_switch (at, from_version, to_version, added, removed, changed) VALUES (?,?,?,?,?,?)",
  );
  add.run(at, null, "aaa", '["damp","r"]', "[]", "[]");
  add.run(at + 1_000, "aaa", "bbb", "[]", '["r"]', '["damp"]');
  add.run(at + 2_000, "bbb", "aaa", "[]", "[]", "[]");
  expect(
    (await listed("--history", "--data-dir", ".")).stdout,
  ).toBe(`2026-11-23T08:00:00.000Z  none -> aaa  added damp, r
2026-11-23T08:00:01.000Z  aaa -> bbb  removed r; changed damp
2026-11-23T08:00:02.000Z  bbb -> aaa  the same rules
`);
  const { history } = JSON.parse((await listed("--history", "--data-dir", ".", "--json")).stdout) as {
    history: object[];
  };
  expect(history[1]).toEqual({
    at: "2026-11-23T08:00:01.000Z",
    from_version: "aaa",
    to_version: "bbb",
    added: [],
    removed: ["r"],
    changed: ["damp"],
  });
  expect((await listed("--history", "--data-dir", "nowhere")).code).toBe(2);
});
