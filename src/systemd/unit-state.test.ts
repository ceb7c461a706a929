/** What systemd's properties mean. */
import { expect, test } from "bun:test";
import { unitState } from "./unit-state.ts";

const RUNNING = {
  LoadState: "loaded",
  UnitFileState: "enabled",
  ActiveState: "active",
  SubState: "running",
  Result: "success",
  MainPID: "812",
  NRestarts: "3",
  ExecMainCode: "0",
  ExecMainStatus: "0",
  ActiveEnterTimestamp: "Mon 2026-11-30 15:55:21 UTC",
  WatchdogUSec: "1min 30s",
  MemoryCurrent: "29569024",
  MemoryMax: "536870912",
  StatusText: "7 readings accepted",
};
const codes = (properties: Record<string, string>) =>
  unitState("agent.service", properties).problems.map(({ code }) => code);

test("a service that runs has no problem, and its numbers have units", () => {
  expect(unitState("agent.service", RUNNING)).toEqual({
    unit: "agent.service",
    state: "running",
    pid: 812,
    since: "Mon 2026-11-30 15:55:21 UTC",
    restarts: 3,
    lastExit: null,
    lastExitAt: null,
    result: null,
    watchdogMs: 90_000,
    memoryBytes: 29_569_024,
    memoryLimitBytes: 536_870_912,
    status: "7 readings accepted",
    startsAtBoot: true,
    problems: [],
  });
});

test("each way not to run has a state, a reason and a command", () => {
  expect(codes({ LoadState: "not-found" })).toEqual(["service_not_installed"]);
  expect(codes({})).toEqual(["service_not_installed"]);
  expect(codes({ LoadState: "masked" })).toEqual(["service_unit_unusable"]);
  expect(codes({ ...RUNNING, ActiveState: "inactive", SubState: "dead" })).toEqual(["service_stopped"]);
  expect(codes({ ...RUNNING, UnitFileState: "disabled" })).toEqual(["service_not_enabled"]);
  expect(codes({ ...RUNNING, NeedDaemonReload: "yes" })).toEqual(["service_unit_changed"]);
  const failing = {
    ...RUNNING,
    ActiveState: "activating",
    SubState: "auto-restart",
    Result: "watchdog",
    ExecMainCode: "2",
    ExecMainStatus: "9",
  };
  expect(unitState("agent.service", failing)).toMatchObject({
    state: "waiting to start again",
    lastExit: "killed by signal 9",
    problems: [{ code: "service_failing", message: expect.stringContaining("heard nothing from it") }],
  });
  const refused = { ...failing, Result: "exit-code", ExecMainCode: "1", ExecMainStatus: "226" };
  expect(unitState("agent.service", refused).lastExit).toBe("exit code 226, a folder that its unit names is not there");
  const waits = { ...RUNNING, ActiveState: "activating", SubState: "start", StatusText: "Another agent has the lock" };
  expect(unitState("agent.service", waits).problems[0]?.message).toContain("Another agent has the lock");
});

test("what systemd has no number for is null, and a restart that was only asked for is a start", () => {
  const odd = { ...RUNNING, MemoryCurrent: "[not set]", MemoryMax: "infinity", WatchdogUSec: "0", Job: "77" };
  expect(unitState("agent.service", odd)).toMatchObject({
    state: "starting",
    memoryBytes: null,
    memoryLimitBytes: null,
    watchdogMs: null,
  });
  expect(unitState("agent.service", { ...RUNNING, MemoryCurrent: "18446744073709551615" }).memoryBytes).toBeNull();
});
