import { expect, test } from "bun:test";
import { type LogEntry, makeLog } from "../../core/log/log.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { InputShare } from "./share.ts";

const lines: LogEntry[] = [];
const log = makeLog({ least: "info", secrets: [], now: () => 0, write: (entry) => lines.push(entry) });
const codes = () => lines.splice(0).map(({ code }) => code);

/** Takes rows: `.` is a reading, `x` is malformed. */
function take(share: InputShare, rows: string, received = "hello"): void {
  const block = new ReadingBlock(rows.length);
  for (const row of rows) {
    if (row === ".") block.add(0, 0, 0);
    else block.addMalformed(0, { reason: "not_json", detail: `no: ${received}`, received, encoding: "utf8", bytes: 5 });
  }
  share.add(block, 0, block.malformed.size);
  share.report("stdin:", log);
}
const mixed = (rows: number, malformed: number) => "x".repeat(malformed) + ".".repeat(rows - malformed);

test("a share of malformed rows above the setting is a problem with the first reason, until the input is readings again", () => {
  const share = new InputShare(0.1);
  take(share, mixed(1_000, 100));
  expect(share.problem("stdin:")).toBe(null);
  take(share, mixed(1_000, 200), "world");
  expect(share.problem("stdin:")).toEqual({
    code: "input_malformed",
    message: '300 of 2,000 rows of "stdin:" are malformed, the first: no: hello',
    try: "agent tail --stage anomalies",
  });
  for (let i = 0; i < 4; i++) take(share, mixed(1_000, 0));
  expect(share.problem("stdin:")).toBe(null);
  take(share, mixed(1_000, 900), "world");
  expect(share.problem("stdin:")?.message).toBe(
    '900 of 2,000 newest rows of "stdin:" are malformed, the first: no: world',
  );
  expect(codes()).toEqual(["input_malformed", "input_recovered", "input_malformed"]);
});

test("a few bad rows among a few good ones wait for more; only bad ones, or the end of the input, do not", () => {
  const few = new InputShare(0.1);
  take(few, "x.x");
  expect(few.problem("stdin:")).toBe(null);
  few.end();
  expect(few.problem("stdin:")?.message).toStartWith("2 of 3 rows");
  const bad = new InputShare(0.1);
  take(bad, "x");
  expect(bad.problem("stdin:")).toBe(null);
  take(bad, "xx");
  expect(bad.problem("stdin:")?.message).toStartWith("3 of 3 rows");
  expect(codes()).toEqual(["input_malformed"]);
});

test("at the end the whole input counts, old rows too", () => {
  const share = new InputShare(0.1);
  take(share, mixed(1_000, 900));
  for (let i = 0; i < 3; i++) take(share, mixed(1_000, 0));
  expect(share.problem("stdin:")).toBe(null);
  share.end();
  expect([share.problem("stdin:")?.message, share.malformed]).toEqual([
    '900 of 4,000 rows of "stdin:" are malformed, the first: no: hello',
    900,
  ]);
  codes();
});

test("with 100 % malformed input is never a problem, with 0 % always", () => {
  for (const [most, isProblem] of [
    [1, false],
    [0, true],
  ] as const) {
    const share = new InputShare(most);
    take(share, mixed(100, most === 1 ? 100 : 1));
    expect(share.problem("stdin:") !== null).toBe(isProblem);
  }
  codes();
});

test("input that looks like CSV is called CSV, and the message says what to type", () => {
  const share = new InputShare(0.1);
  take(share, "xxx", "timestamp;value");
  const problem = share.problem("stdin:");
  expect(problem?.message).toEndWith("it looks like CSV, which is read as such with --source 'stdin:?format=csv'");
  expect(problem?.try).toBe("agent run --source 'stdin:?format=csv'");
  expect(share.problem("stdin:?format=ndjson&map=m.json")?.try).toBe(
    "agent run --source 'stdin:?map=m.json&format=csv'",
  );
  expect(share.problem("mqtt://broker/a")?.try).toBe("agent tail --stage anomalies");
});
