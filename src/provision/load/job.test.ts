import { expect, test } from "bun:test";
import type { Lake } from "../lake/lake.ts";
import { jobSettings, pausedRemarks } from "./job.ts";
import { shippedNotebook } from "./shipped-notebook.ts";

test("a load that stops is tried again by itself, never two at a time, and not for ever", () => {
  const lake = { catalog: "c", schema: "s", naming: { prefix: "acme", region: "eu-west-1" } } as Lake;
  const settings = jobSettings(lake, shippedNotebook(), null);
  const [task, ...others] = settings["tasks"] as Record<string, unknown>[];
  expect(others).toEqual([]);
  expect(task).toMatchObject({ max_retries: 2, retry_on_timeout: false });
  expect(settings).toMatchObject({ max_concurrent_runs: 1, queue: { enabled: true }, timeout_seconds: 14_400 });
});

test("a job whose schedule or trigger is paused says so, for nothing is loaded; none, or one that runs, is not worth a word", () => {
  const cron = { quartz_cron_expression: "0 0 * * * ?", timezone_id: "UTC" };
  const seen = (settings: Parameters<typeof pausedRemarks>[0]) =>
    pausedRemarks(settings).map(({ level, message }) => `${level}: ${message}`);
  expect(seen({ schedule: { ...cron, pause_status: "PAUSED" } })).toEqual([
    "note: its schedule is paused: nothing is loaded until a person runs it",
  ]);
  expect(seen({ trigger: { file_arrival: { url: "s3://acme/" }, pause_status: "PAUSED" } })).toEqual([
    "note: its trigger is paused: nothing is loaded until a person runs it",
  ]);
  expect(seen({ continuous: { pause_status: "PAUSED" } })).toEqual([
    "note: its continuous run is paused: nothing is loaded until a person runs it",
  ]);
  expect([seen({}), seen({ schedule: { ...cron, pause_status: "UNPAUSED" } }), seen({ schedule: cron })]).toEqual([
    [],
    [],
    [],
  ]);
});
