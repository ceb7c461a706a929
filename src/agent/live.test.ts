import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogEntry, makeLog } from "../core/log/log.ts";
import { LiveFile, type LiveReport, readLive } from "./live.ts";

const dataDir = mkdtempSync(join(tmpdir(), "agent-live-"));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

test("a report that cannot be written in one piece overwrites the last one, is logged once, and is a problem", () => {
  const said: LogEntry[] = [];
  const log = makeLog({ least: "info", secrets: [], now: () => 0, write: (entry) => said.push(entry) });
  const liveFile = new LiveFile(dataDir, log);
  const report = (updatedAtMs: number) => ({ updatedAtMs }) as LiveReport;
  liveFile.write(report(1));
  mkdirSync(join(dataDir, "live.json.new"));
  for (const at of [2, 3]) liveFile.write(report(at));
  expect([readLive(dataDir), liveFile.problems().map(({ code }) => code)]).toEqual([report(3), ["report_unwritten"]]);
  rmdirSync(join(dataDir, "live.json.new"));
  liveFile.write(report(4));
  expect([readLive(dataDir), liveFile.problems()]).toEqual([report(4), []]);
  expect(said.map(({ code }) => code)).toEqual(["report_unwritten", "report_written"]);
});

test("a missing data dir is survived, too", () => {
  const log = makeLog({ least: "error", secrets: [], now: () => 0, write: () => undefined });
  writeFileSync(join(dataDir, "file"), "");
  for (const where of ["nowhere", "file"]) {
    const liveFile = new LiveFile(join(dataDir, where), log);
    liveFile.write({} as LiveReport);
    expect(liveFile.problems().length).toBe(1);
  }
});
