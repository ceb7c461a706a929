/** When the job last loaded the tables, against the strict fake workspace. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { resolveSettings } from "../../core/settings/settings.ts";
import { type Ask, askOf } from "../../fake-workspace/wire/ask.ts";
import type { Workspace } from "../../fake-workspace/wire/port.ts";
import { startWorkspace } from "../../fake-workspace/wire/workspace.ts";
import { ENGINEER_TOKEN } from "../../fake-workspace/world/settings.ts";
import { openLake } from "../lake/side.ts";
import { lastIngest } from "./ingest.ts";
import { jobSettings } from "./job.ts";

let nowMs = 1_000;
let workspace: Workspace;
let ask: Ask;
beforeAll(async () => {
  workspace = await startWorkspace({ runAsksRunning: 0 }, { now: () => nowMs });
  ask = askOf(workspace);
});
afterAll(() => workspace.stop());

const PACE = { stop: new AbortController().signal, tell: () => undefined, now: () => 0, wait: async () => undefined };
const NOTEBOOK = { name: "load", source: "# Databricks notebook source\n" };

function lake() {
  const settings = resolveSettings({ env: { DATABRICKS_HOST: workspace.url, DATABRICKS_TOKEN: ENGINEER_TOKEN } });
  return openLake({ settings, home: "/nowhere", cwd: "/" });
}

/** Starts a run at that time, and looks at it until it has ended. */
async function run(atMs: number, job_id: unknown): Promise<void> {
  nowMs = atMs;
  const { body } = await ask("POST /api/2.2/jobs/run-now", { job_id });
  for (let looks = 0; looks < 3; looks++) await ask(`GET /api/2.2/jobs/runs/get?run_id=${body["run_id"]}`);
}

test("the start of the last run that succeeded counts, not one that failed, and not one that is on its way", async () => {
  expect(await lastIngest(lake(), PACE)).toBeNull();
  // Another owner's job of our name is not ours.
  const settings = jobSettings(lake(), NOTEBOOK, null);
  await ask("POST /api/2.2/jobs/create", { ...settings, tags: {} });
  expect(await lastIngest(lake(), PACE)).toBeNull();

  const { body } = await ask("POST /api/2.2/jobs/create", settings);
  expect(await lastIngest(lake(), PACE)).toEqual({ startedMs: null, isRunning: false });
  // Its notebook is not there yet.
  await run(2_000, body["job_id"]);
  expect(await lastIngest(lake(), PACE)).toEqual({ startedMs: null, isRunning: false });

  const path = (settings["tasks"] as { notebook_task: { notebook_path: string } }[])[0]!.notebook_task.notebook_path;
  await ask("POST /api/2.0/workspace/mkdirs", { path: path.slice(0, path.lastIndexOf("/")) });
  const content = Buffer.from(NOTEBOOK.source).toString("base64");
  await ask("POST /api/2.0/workspace/import", { path, content, format: "SOURCE", language: "PYTHON" });
  await run(3_000, body["job_id"]);
  await run(4_000, body["job_id"]);
  expect(await lastIngest(lake(), PACE)).toEqual({ startedMs: 4_000, isRunning: false });

  nowMs = 5_000;
  await ask("POST /api/2.2/jobs/run-now", { job_id: body["job_id"] });
  expect(await lastIngest(lake(), PACE)).toEqual({ startedMs: 4_000, isRunning: true });
  expect(workspace.journal.complaints()).toEqual([]);
});
