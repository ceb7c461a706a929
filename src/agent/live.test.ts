import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogEntry, makeLog } from "../core/log/log.ts";
import { LiveFile, type LiveReport, lastReport, readLive } from "./live.ts";

const dataDir = mkdtempSync(join(tmpdir(), "agent-live-"));
const REPORT: LiveReport = {
  pid: 4_242,
  host: "edge-7",
  agentVersion: "0.1.0",
  startedAtMs: 0,
  updatedAtMs: 1,
  store: "s3:",
  problems: [{ code: "a", message: "b", try: "c" }],
  parked: 0,
  bufferLimitBytes: 1_000_000,
  sources: [{ uri: "stdin:", trouble: null }],
  uplink: { state: "up", sinceMs: 0, error: null },
  rules: { version: "abc", count: 2, loadedAtMs: 0, refused: [{ file: "a.json", line: 1, column: 2, message: "no" }] },
};
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

test("a report that cannot be written in one piece overwrites the last one, is logged once, and is a problem", () => {
  const said: LogEntry[] = [];
  const log = makeLog({ least: "info", secrets: [], now: () => 0, write: (entry) => said.push(entry) });
  const liveFile = new LiveFile(dataDir, log);
  const report = (updatedAtMs: number) => ({ ...REPORT, updatedAtMs });
  liveFile.write(report(1));
  mkdirSync(join(dataDir, "live.json.new"));
  for (const at of [2, 3]) liveFile.write(report(at));
  expect([readLive(dataDir), liveFile.problems().map(({ code }) => code)]).toMatchObject([
    report(3),
    ["report_unwritten"],
  ]);
  rmdirSync(join(dataDir, "live.json.new"));
  liveFile.write(report(4));
  expect([readLive(dataDir), liveFile.problems()]).toMatchObject([report(4), []]);
  expect(said.map(({ code }) => code)).toEqual(["report_unwritten", "report_written"]);
});

test("a missing data dir is survived, too", () => {
  const log = makeLog({ least: "error", secrets: [], now: () => 0, write: () => undefined });
  writeFileSync(join(dataDir, "file"), "");
  for (const where of ["nowhere", "file"]) {
    const liveFile = new LiveFile(join(dataDir, where), log);
    liveFile.write(REPORT);
    expect(liveFile.problems().length).toBe(1);
  }
});

test("a report of another version is read if it has all fields that this version reads; else the reason is given", () => {
  const at = (text: string) => {
    writeFileSync(join(dataDir, "live.json"), text);
    return lastReport(dataDir);
  };
  const newer = { ...REPORT, mood: "good", rules: { ...REPORT.rules, silent: [], costs: [], color: "red" } };
  expect(at(JSON.stringify(newer))).toMatchObject({ report: { ...REPORT, rules: { silent: [] } }, unread: null });
  const { refused: _refused, ...older } = REPORT.rules;
  const others: [broken: object | null, why: string][] = [
    [{ ...REPORT, rules: older }, 'rules needs "refused": a list of at most 100000'],
    [{ ...REPORT, problems: ["disk full"] }, 'problems[0] must be an object, not "disk full"'],
    [
      { ...REPORT, uplink: { state: "asleep", sinceMs: 0, error: null } },
      'uplink.state must be one of up, down, not "asleep"',
    ],
    [{ ...REPORT, sources: {} }, "sources must be a list of at most 100000, not {}"],
    [null, "it must be an object, not null"],
  ];
  for (const [broken, why] of others) expect(at(JSON.stringify(broken))).toEqual({ report: null, unread: why });
  // Torn: the next one is whole.
  expect(at('{"pid":')).toEqual({ report: null, unread: null });
});
