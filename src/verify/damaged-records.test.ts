/** Records of ours in the buffer that a damaged disk or a person has changed: each reader shows the rest. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { oldEpochs, openingProblems } from "../agent/recovery/old-epochs.ts";
import { isCorruption } from "../buffer/corruption.ts";
import { BufferLedger } from "../buffer/ledger/ledger.ts";
import { LedgerReadings } from "../buffer/ledger/readings.ts";
import { ruleSwitches } from "../buffer/ledger/rules.ts";
import { asideInProgress } from "../buffer/salvage/set-aside.ts";
import { AgentError } from "../core/errors.ts";
import { readStatus } from "../status/status.ts";
import { EPOCH_START, TestNode } from "./node.suite.ts";

let node: TestNode;
beforeEach(() => {
  node = new TestNode();
});
afterEach(() => node.end());

/** The results of `read` with each of these texts in the place of a record. */
function readWith<T>(texts: readonly string[], put: (text: string) => void, read: () => T): T[] {
  return texts.map((text) => {
    put(text);
    return read();
  });
}

const BROKEN = ["", "{", "null", "7", '"text"', "[]", "{}", "[null]", '{"code":"a"}', '[{"name":7}]'];

test("status is shown whatever the records beside the readings hold", () => {
  node.take(20, { extra: '{"door":1}' });
  const { buffer } = node;
  buffer.rememberRules("abc", '[{"name":"r"}]', 0);
  buffer.setMeta("rules_version", "abc");
  const look = () => readStatus(node.dataDir, node.settings, EPOCH_START);
  expect(look()).toMatchObject({ rules: { count: 1 }, new_fields: [{ name: "door", first_seq: 1 }] });
  const corrupt = readWith(
    BROKEN,
    (text) => buffer.setMeta("corrupt", text),
    () => openingProblems(buffer, 0),
  );
  expect(corrupt.flat()).toEqual([]);
  const canonical = (text: string) => buffer.db.query("UPDATE rule_set SET canonical = ?").run(text);
  expect(readWith(BROKEN, canonical, () => look().rules.version)).toEqual(BROKEN.map(() => "abc"));
  const extra = (text: string) => buffer.db.query("UPDATE extra SET fields = ?").run(text);
  const fields = readWith(BROKEN, extra, () => look().new_fields.map(({ name }) => name));
  expect(fields.flat()).toEqual(["code"]);
});

test("a damaged record of an earlier buffer is left out, and the whole ones beside it are read", () => {
  const whole = { epoch: "0old", nodeId: "edge-7", accepted: 9, certain: true, lost: 0, file: "x.db", atMs: 0 };
  const put = (text: string) => node.buffer.setMeta("old_epochs", text);
  expect(readWith(BROKEN, put, () => oldEpochs(node.buffer)).flat()).toEqual([]);
  put(JSON.stringify([null, { ...whole, accepted: "9" }, whole, 7]));
  expect(oldEpochs(node.buffer)).toEqual([whole]);
});

test("damaged names of a switch of rules are left out", () => {
  const insert = node.buffer.db.query("INSERT INTO rule_switch VALUES (0, NULL, 'abc', ?, ?, ?)");
  insert.run('["a", 7]', "{", "null");
  const ledger = BufferLedger.open(node.dataDir);
  expect(ruleSwitches(ledger, 1)).toMatchObject([{ to: "abc", added: ["a"], removed: [], changed: [] }]);
  ledger.close();
});

test("findings and measures that no commit can have written are corruption, never data", () => {
  node.take(10);
  const { db } = node.buffer;
  const read = () => {
    const ledger = BufferLedger.open(node.dataDir);
    try {
      const readings = new LedgerReadings(ledger);
      return [...readings.pieces({ first: 1, last: 10 })].flatMap(({ block }) => [...block.findings.values()]).flat();
    } catch (error) {
      return [error instanceof AgentError && isCorruption(error.cause)];
    } finally {
      ledger.close();
    }
  };
  const [finding] = read();
  expect(finding).toMatchObject({ rule: "r", observed: 72.4 });
  const changed = (more: object) => JSON.stringify([{ ...(finding as object), ...more }]);
  const broken = [...BROKEN, changed({ rule: 7 }), changed({ severity: "dire" }), changed({ observed: {} })];
  broken.push(changed({ reason: null }), changed({ limit: 60 }));
  const findings = (text: string) => db.query("UPDATE finding SET findings = ?").run(text);
  expect(readWith(broken, findings, read)).toEqual(broken.map(() => [true]));
  findings(changed({}));
  expect(read()).toEqual([finding as never]);
  const measures = (text: string) => db.query("UPDATE sensor SET measures = ? WHERE handle > 0").run(text);
  const lists = ['["temperature", 7]', '{"0":"temperature"}', "null", '"temperature"'];
  expect(readWith(lists, measures, read)).toEqual(lists.map(() => [true]));
});

test("an intent that is damaged, or names a file elsewhere, sets nothing aside", () => {
  const put = (text: string) => writeFileSync(join(node.dataDir, "buffer.corrupt.json"), text);
  const broken = [...BROKEN, '{"aside":7}', '{"aside":"../x.db"}'];
  expect(readWith(broken, put, () => asideInProgress(node.dataDir))).toEqual(broken.map(() => null));
  put('{"aside":"x.db","more":1}');
  expect(asideInProgress(node.dataDir)).toBe("x.db");
});
